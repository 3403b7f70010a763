"""`--split-fan-in` in a build: units chosen by measurement, shared, reported."""

from __future__ import annotations

import numpy as np
import pytest
from support.nets import if_neuron

from nmcompile.backends.registry import backend_of
from nmcompile.build.partial_sum_rows import partial_sum_notes, partial_sum_rows
from nmcompile.build.partial_sums import LARGEST_UNIT, fan_in_split
from nmcompile.build.stimuli import frames
from nmcompile.cli.options import recipe_of
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.passes.manager import PassManager
from nmcompile.target import load_target

TARGET = load_target("truenorth")
BACKEND = backend_of(TARGET)


def network(name: str, side: int, largest: int = 3) -> Network:
    """Convolution of 360 inputs, then one of 16; the same weights in every network."""
    rng = np.random.default_rng(4)
    wide = rng.integers(-largest, largest + 1, (4, 40, 3, 3)).astype(np.int8)
    last = rng.integers(-1, 2, (2, 4, 2, 2)).astype(np.int8)
    nodes = (
        Node("input", ops.Input("spikes", (40, side, side), 1)),
        Node("relay", ops.SpikeMaxPool2d((1, 1), (1, 1), rule="or"), ("input",), "relay"),
        Node("c", ops.Conv2d(Array(wide), zeros(4)), ("relay",), "wide"),
        Node("n", ops.Neuron(if_neuron(4, 20, 6, shift=0, bits=20)), ("c",), "wide"),
        Node("d", ops.Conv2d(Array(last), zeros(2)), ("n",), "last"),
        Node("m", ops.Neuron(if_neuron(2, 2, shift=0, bits=20)), ("d",), "last"),
        Node("count", ops.Decode(), ("m",)),
        Node("output", ops.Output(), ("count",)),
    )
    return Network(name, nodes, 16)


def zeros(count: int) -> Array:
    return Array(np.zeros(count, np.int32))


def program(largest: int = 3) -> Program:
    networks = (network("small", 5, largest), network("large", 7, largest))
    steps = (Step("z", "on_init", "chip", "small"), Step("x", "every_frame", "chip", "large"))
    return Program("p", "golden", networks, steps)


def test_units_are_chosen_once_and_the_error_is_measured_elsewhere() -> None:
    golden = program()
    made = frames(golden, None, 3)
    found = fan_in_split(golden, made[1:], BACKEND, TARGET)
    assert [(s.network, s.cut.layer) for s in found.layers] == [
        ("small", "wide"),
        ("large", "wide"),
    ]
    assert found.layers[0].units == found.layers[1].units
    assert all(1 <= unit <= LARGEST_UNIT for unit in found.layers[0].units.unit)
    split = PassManager((found.step,)).run(golden, None)  # type: ignore[arg-type]
    assert len(split.networks[0].nodes) > len(golden.networks[0].nodes)
    measured = found.measured(split, made[:1])
    rows = partial_sum_rows(measured)
    assert [row.network for row in rows] == ["small", "large"]
    for row, outputs in zip(rows, (4 * 3 * 3, 4 * 5 * 5), strict=True):
        assert row.inputs == 360
        assert row.rails == 2 * row.parts * outputs
        assert 0.9 < row.correlation < 1.0
        assert 0.0 < row.relative_error < 0.4
        assert row.saturated < 0.2
    assert measured.response is not None
    assert measured.response[0] > 0.5
    text = " ".join(partial_sum_notes(measured))
    assert "fan-in of wide" in text
    assert "approximation" in text
    assert "nmcompile evaluate" in text


def test_the_units_chosen_beat_much_larger_ones() -> None:
    golden = program()
    made = frames(golden, None, 3)
    found = fan_in_split(golden, made[1:], BACKEND, TARGET)
    split = PassManager((found.step,)).run(golden, None)  # type: ignore[arg-type]
    best = found.measured(split, made[:1]).errors
    coarse = fan_in_split(golden, made[1:], BACKEND, TARGET)
    for layer in coarse.layers:
        object.__setattr__(layer.units, "unit", tuple(4 * u for u in layer.units.unit))
    worse = coarse.measured(PassManager((coarse.step,)).run(golden, None), made[:1]).errors  # type: ignore[arg-type]
    assert all(a.relative_error < b.relative_error for a, b in zip(best, worse, strict=True))


def test_a_network_that_fits_stays_as_it_is() -> None:
    golden = program()
    fits = Program("p", "golden", (_last(golden.networks[1]),), (golden.schedule[1],))
    found = fan_in_split(fits, frames(fits, None, 1), BACKEND, TARGET)
    assert found.layers == ()
    assert found.measured(fits, ()).errors == ()
    assert "nothing is split" in partial_sum_notes(found)[0]


def _last(whole: Network) -> Network:
    edge = whole.types["n"]
    kept = tuple(n for n in whole.nodes if n.name in ("d", "m", "count", "output"))
    return whole.replace(nodes=(Node("n", ops.Input("spikes", edge.shape, 1)), *kept))


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
def test_targets_without_crossbars_refuse(name: str) -> None:
    target = load_target(name)
    golden = program()
    with pytest.raises(NmError) as refused:
        fan_in_split(golden, frames(golden, None, 1), backend_of(target), target)
    (diagnostic,) = refused.value.diagnostics
    assert (diagnostic.code, diagnostic.where) == ("NM0328", "--split-fan-in")
    assert target.name in str(diagnostic.found)


def test_the_option_is_part_of_the_recipe() -> None:
    assert recipe_of(None, None, None, None, None, split_fan_in=True).split_fan_in
    assert not recipe_of(None, None, None, None, None).split_fan_in
