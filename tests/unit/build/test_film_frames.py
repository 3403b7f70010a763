"""Stimuli of hybrid programs come from a film where its pictures fit."""

from __future__ import annotations

import dataclasses

import numpy as np
from support.hybrid import hybrid_program

from nmcompile.build.film_frames import film_frames
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program

SIDE, TIMESTEPS = 40, 3


def program(channels: int = 2, side: int = SIDE, polarities: int = 2) -> Program:
    """Networks of an input and nothing else."""
    ann = (
        Node("x", ops.Input("values", (channels, side, side), 8)),
        Node("y", ops.Output(), ("x",)),
    )
    snn = (
        Node("e", ops.Input("spikes", (polarities, side, side), 1)),
        Node("y", ops.Output(), ("e",)),
    )
    networks = (Network("ann", ann), Network("snn", snn, TIMESTEPS))
    return dataclasses.replace(hybrid_program(), networks=networks)


def test_frames_and_the_events_before_them() -> None:
    made = film_frames(program(), 2)
    assert made is not None
    for frame in made:
        assert frame.init is None
        assert frame.frame is not None
        assert frame.window is not None
        assert frame.frame.shape == (2, SIDE, SIDE)
        assert frame.window.shape == (TIMESTEPS, 2, SIDE, SIDE)
        whole, alone = frame.frame
        inside = alone != 0
        assert 0 < inside.mean() < 0.5
        np.testing.assert_array_equal(whole[inside], alone[inside])
        assert 0 < frame.window.mean() < 0.5
    again = film_frames(program(), 2)
    assert again is not None
    np.testing.assert_array_equal(made[1].window, again[1].window)  # type: ignore[arg-type]


def test_other_programs_get_none() -> None:
    assert film_frames(hybrid_program(), 1) is None  # 12 pixels
    assert film_frames(program(channels=3), 1) is None
    assert film_frames(program(polarities=1), 1) is None
    steps = tuple(s for s in program().schedule if s.trigger != "on_event")
    assert film_frames(dataclasses.replace(program(), schedule=steps), 1) is None
