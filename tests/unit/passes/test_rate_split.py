"""Rate-coded partial sums: what the rails send, how far the sums are from exact ones."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.nets import if_neuron
from support.scalar import Scalar

from nmcompile.backends.truenorth.parts import parts_of
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.stages import stages
from nmcompile.passes.rate_split import FanInCut, Part, Units, rails_of, split_rates
from nmcompile.reference.integer import IntegerRunner
from nmcompile.target import CrossbarTarget, load_target, of_family

CHIP = of_family(load_target("truenorth"), CrossbarTarget)
NEVER = 2**20
"""A threshold that no sum here reaches: the membrane then holds everything that was sent."""


def weights(rng: np.random.Generator, *shape: int) -> Array:
    return Array(rng.integers(-7, 8, shape).astype(np.int8))


def zeros(count: int) -> Array:
    return Array(np.zeros(count, np.int32))


def network(op: ops.Op, shape: tuple[int, ...], channels: int, above: int, steps: int) -> Network:
    nodes = [Node("input", ops.Input("spikes", shape, 1))]
    if isinstance(op, ops.Linear) and len(shape) == 3:
        nodes.append(Node("flat", ops.Flatten(), ("input",)))
    nodes += [
        Node("sum", op, (nodes[-1].name,), "wide"),
        Node("n", ops.Neuron(if_neuron(channels, above, shift=0)), ("sum",), "wide"),
        Node("output", ops.Output(), ("n",)),
    ]
    return Network("net", tuple(nodes), steps)


def convolution(rng: np.random.Generator, above: int, groups: int, padding: int) -> Network:
    op = ops.Conv2d(
        *(weights(rng, 4, 6 // groups, 3, 2), zeros(4), (2, 1), (padding, 0), (1, 1), groups)
    )
    return network(op, (6, 7, 5), 4, above, 9)


def cut(parts: tuple[Part, ...], most_rails: int = 256) -> FanInCut:
    return FanInCut("n", "wide", sum(p.inputs for p in parts), None, parts, most_rails)


def channel_parts(channels: int, count: int, rows: int, columns: int) -> tuple[Part, ...]:
    edges = [channels * i // count for i in range(count + 1)]
    return tuple(Part("sum", (low, high), (0, rows), (0, columns)) for low, high in pairwise(edges))


def train(net: Network, rng: np.random.Generator, rate: float = 0.3) -> Any:
    shape = net.types["input"].shape
    return (rng.random((net.timesteps, *shape)) < rate).astype(np.uint8)


CASES = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([1, 2]), st.integers(1, 3))


@given(CASES, st.sampled_from([0, 1]), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_what_is_sent_differs_by_less_than_a_unit_a_part(
    case: tuple[int, int, int], padding: int, unit: int
) -> None:
    """Where every rail has caught up; a rail that has not keeps the rest in its membrane."""
    seed, groups, count = case
    rng = np.random.default_rng(seed)
    whole = convolution(rng, NEVER, groups, padding)
    chosen = cut(channel_parts(6 // groups, count, 3, 2))
    units = Units(tuple(rng.integers(1, unit + 1, 4).tolist()))
    stimulus = train(whole, rng)
    exact = IntegerRunner(whole).run(stimulus, record=True).v_final["n"]
    parted = split_rates(whole, chosen, units)
    trace = IntegerRunner(parted).run(stimulus, record=True)
    each = np.array(units.unit)[:, None, None]
    held = np.stack([trace.v_final[name] for (name,) in zip(rails_of(chosen)[0], strict=True)])
    held = held.reshape(count, 4, 2, *held.shape[2:]) - (each // 2)[None, :, None]
    left = (held[:, :, 0] - held[:, :, 1]).sum(axis=0)
    np.testing.assert_array_equal(trace.v_final["n"] + left, exact)
    caught_up = ((held + (each // 2)[None, :, None]) < each[None, :, None]).all(axis=(0, 2))
    assert (np.abs(trace.v_final["n"] - exact) < count * each)[caught_up].all()


@given(CASES, st.sampled_from([0, 1]))
@settings(max_examples=20, deadline=None)
def test_units_of_one_that_are_never_exceeded_are_exact(
    case: tuple[int, int, int], padding: int
) -> None:
    """With binary weights of one input a part, a rail gets at most one in a timestep."""
    seed, groups, _ = case
    rng = np.random.default_rng(seed)
    signs = rng.integers(-1, 2, (4, 6 // groups, 1, 1)).astype(np.int8)
    op = ops.Conv2d(Array(signs), zeros(4), (1, 1), (0, 0), (1, 1), groups)
    whole = network(op, (6, 3, 4), 4, 2 + padding, 12)
    parted = split_rates(whole, cut(channel_parts(6 // groups, 6 // groups, 1, 1)), Units((1,) * 4))
    stimulus = train(whole, rng, 0.5)
    wanted, found = (IntegerRunner(n).run(stimulus, record=True) for n in (whole, parted))
    np.testing.assert_array_equal(found.spikes["n"], wanted.spikes["n"])
    np.testing.assert_array_equal(found.v_final["n"], wanted.v_final["n"])


def test_every_tap_and_channel_is_in_one_part() -> None:
    """Kernels in parts, channels of groups in parts, the stride: exact residues add up."""
    rng = np.random.default_rng(5)
    whole = convolution(rng, NEVER, 2, 0)
    parts = tuple(
        Part("sum", c, y, x)
        for c in ((0, 1), (1, 3))
        for y in ((0, 1), (1, 3))
        for x in ((0, 1), (1, 2))
    )
    chosen = cut(parts)
    stimulus = train(whole, rng)
    parted = split_rates(whole, chosen, Units((1,) * 4))
    trace = IntegerRunner(parted).run(stimulus, record=True)
    held = np.stack([trace.v_final[name] for name in rails_of(chosen)[0]])
    held = held.reshape(len(parts), 4, 2, *held.shape[2:])
    exact = IntegerRunner(whole).run(stimulus, record=True).v_final["n"]
    sent = trace.v_final["n"] + (held[:, :, 0] - held[:, :, 1]).sum(axis=0)
    np.testing.assert_array_equal(sent, exact)


@pytest.mark.parametrize("shape", [(20,), (5, 2, 2)])
def test_linear_layers_in_parts_on_two_levels(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    whole = network(ops.Linear(weights(rng, 3, 20), zeros(3)), shape, 3, 9, 8)
    taps = ((0, shape[1]), (0, shape[2])) if len(shape) == 3 else ((0, 1), (0, 1))
    parts = tuple(Part("sum", (c, c + 1), *taps) for c in range(shape[0]))
    chosen = cut(parts, most_rails=10 if len(parts) > 5 else 4)
    levels = rails_of(chosen)
    assert [len(names) for names in levels] == ([20, 4] if len(parts) == 20 else [5, 3, 2])[
        : len(levels)
    ]
    units = Units((2,) * 3, (3,) * (chosen.levels - 1))
    parted = split_rates(whole, chosen, units)
    stimulus = train(whole, rng)
    found = IntegerRunner(parted).run(stimulus, record=True)
    scalar = Scalar(parted, stimulus)
    for name, spikes in scalar.spikes.items():
        np.testing.assert_array_equal(found.spikes[name], spikes, err_msg=name)
    cores = stages(parted)
    by_name = {p.name: p for p in cores.populations}
    assert by_name["n"].depth == chosen.levels
    reads = sum(p.channels_in for p in by_name["n"].projections)
    assert reads <= chosen.most_rails


def test_rails_of_ternary_weights_take_one_axon_an_input() -> None:
    rng = np.random.default_rng(7)
    shape = (64, 5, 5)
    ternary = Array(rng.integers(-1, 2, (8, 64, 3, 3)).astype(np.int8))
    whole = network(ops.Conv2d(ternary, zeros(8)), shape, 8, 5, 4)
    (projection,) = stages(whole).populations[0].projections
    parts = parts_of(projection, CHIP)
    assert len(parts) == 3  # 576 inputs, 256 axons
    assert max(p.inputs for p in parts) <= 256
    wide = Array(rng.integers(-7, 8, (8, 64, 3, 3)).astype(np.int8))
    whole = network(ops.Conv2d(wide, zeros(8)), shape, 8, 5, 4)
    (projection,) = stages(whole).populations[0].projections
    assert len(parts_of(projection, CHIP)) == 8  # 3 axons an input: 85 inputs a core


def test_padded_kernels_are_cut_by_channels_alone() -> None:
    rng = np.random.default_rng(8)
    op = ops.Conv2d(weights(rng, 4, 30, 3, 3), zeros(4), padding=(1, 1))
    (projection,) = stages(network(op, (30, 6, 6), 4, 5, 4)).populations[0].projections
    parts = parts_of(projection, CHIP)
    assert {(p.rows, p.columns) for p in parts} == {((0, 3), (0, 3))}
    assert sum(p.inputs for p in parts) == 270


def test_units_that_do_not_suit_are_refused() -> None:
    whole = convolution(np.random.default_rng(1), 5, 1, 0)
    with pytest.raises(ValueError, match="2 levels of rails need 1"):
        split_rates(whole, cut(channel_parts(6, 6, 3, 2), most_rails=6), Units((1,) * 4))
