"""Frames and windows of events for the checks of a hybrid program: an invented film."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.build.stimuli import SEED, Frame
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program, Trigger
from nmcompile.ir.types import EdgeKind

LEAST_SIDE: Final = 32
"""A smaller picture shows no object."""
OBJECT: Final = 1 / 3
"""Side of the object in sides of the picture."""
LUMA: Final = (0.299, 0.587, 0.114)


def film_frames(program: Program, count: int) -> tuple[Frame, ...] | None:
    """Pictures for the steps on frames, and the events around them for the steps on windows.

    Args:
        program: float level with folded preprocessing.
        count: of each.

    Returns:
        None where the program takes no events, or not these: a network of square pictures with
        one channel or two (the second one shows the object alone), one of ON and OFF events.
    """
    ann, snn = _of(program, "every_frame", "values"), _of(program, "on_event", "spikes")
    if ann is None or snn is None:
        return None
    channels, side, width = ann.types[ann.input.name].shape
    if snn.types[snn.input.name].shape != (2, side, width) or side != width or channels > 2:
        return None
    if side < LEAST_SIDE:
        return None
    return _filmed(program, snn.timesteps, (channels, side), count)


def _filmed(
    program: Program, timesteps: int, view: tuple[int, int], count: int
) -> tuple[Frame, ...]:
    from nmcompile.datasets.events.generated import GeneratedOptions, generated_hybrid
    from nmcompile.datasets.events.windows import Window, spike_tensor

    channels, side = view
    options = GeneratedOptions(
        *(count + 2, program.frame_rate_hz), width=side, height=side, object_size=OBJECT * side
    )
    film = generated_hybrid(SEED, options)
    length = max(s.window_s for s in program.schedule if s.trigger == "on_event")
    window = Window(round(1e6 * length), timesteps, side, side)
    made = []
    for index in range(1, count + 1):
        now = int(film.frame_times_us[index])
        events = spike_tensor(film.events, now - window.duration_us, window)
        box = film.boxes_at([now])[0]
        made.append(Frame(None, _shown(film.frames[index], box)[:channels], events))
    return tuple(made)


def _shown(picture: npt.NDArray[np.uint8], box: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Grey picture, and the same with nothing but the box."""
    grey = np.rint(picture.astype(np.float64) @ np.array(LUMA)).astype(np.uint8)
    x, y, w, h = (round(float(v)) for v in box)
    alone = np.zeros_like(grey)
    part = np.s_[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)]
    alone[part] = grey[part]
    return np.stack([grey, alone])


def _of(program: Program, trigger: Trigger, kind: EdgeKind) -> Network | None:
    """The network that the steps of a trigger run, when it takes pictures of that kind."""
    names = [s.network for s in program.schedule if s.trigger == trigger and s.network]
    if len(names) != 1:
        return None
    network = program.network(names[0])
    edge = network.types[network.input.name]
    return network if edge.kind == kind and len(edge.shape) == 3 else None
