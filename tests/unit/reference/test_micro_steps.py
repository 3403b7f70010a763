"""Counts as D binary micro-steps: the same network, and what of it does not split."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.build.execute import reference_executor
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNILIF
from nmcompile.reference.integer import IntegerRunner
from nmcompile.reference.membranes import KeyValues
from nmcompile.reference.micro_steps import micro_steps, run_micro_steps


@st.composite
def chains(draw: st.DrawFn) -> tuple[Network, np.ndarray]:
    """Neurons and convolutions in turn, biased, several steps; a train of currents before them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps, levels = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    channels, side = [int(c) for c in rng.integers(1, 5, 3)], int(rng.integers(2, 5))
    nodes = [Node("input", ops.Input("spikes", (channels[0], side, side + 1), 3))]
    for index, (wide, narrow) in enumerate(itertools.pairwise(channels)):
        weight = rng.integers(-30, 31, (narrow, wide, 3, 3)).astype(np.int8)
        zero = Array(np.zeros(narrow, np.int32))
        conv = ops.Conv2d(Array(weight), zero, padding=(1, 1))
        model = IntegerNILIF(
            bias=Array(rng.integers(-20, 60, narrow).astype(np.int32)),
            one=Array(rng.integers(1, 90, narrow).astype(np.int32)),
            keep=Array(rng.integers(0, 4097, steps - 1).astype(np.int32)),
            levels=levels,
        )
        nodes.append(Node(f"conv{index}", conv, (nodes[-1].name,)))
        nodes.append(Node(f"nilif{index}", ops.Neuron(model), (f"conv{index}",)))
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    network = Network("chain", tuple(nodes), steps)
    return network, rng.integers(0, 5, (steps, channels[0], side, side + 1)).astype(np.uint8)


@settings(max_examples=10, deadline=None)
@given(chains())
def test_micro_steps_with_a_barrier_equal_counts(case: tuple[Network, np.ndarray]) -> None:
    network, stimulus = case
    counts = IntegerRunner(network).run(stimulus, record=True).spikes
    spikes = run_micro_steps(network, stimulus).spikes
    for name, train in counts.items():
        assert spikes[name].max(initial=0) <= 1
        np.testing.assert_array_equal(spikes[name].sum(axis=1), train)


def test_neurons_that_do_not_wait_decide_otherwise() -> None:
    """+2 in the first micro-step and -2 in the second: nothing after both, two before."""
    thresholds = np.array([1, 2])
    arrived = np.array([2, -2])
    assert (arrived.sum() >= thresholds).sum() == 0
    assert (arrived[0] >= thresholds).sum() == 2


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_products_take_micro_steps_on_one_side_only(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keys, values = (rng.integers(0, 5, (2, 2, c)) for c in (3, 4))
    keys[0, 0, 0] = values[0, 0, 0] = 4

    def product(k: np.ndarray, v: np.ndarray) -> np.ndarray:
        executor = KeyValues.__new__(KeyValues)
        executor._heads, executor._label = 1, "memory"
        return executor.step(k.astype(np.int32), v.astype(np.int32))

    counted = product(keys, values)
    one_side = sum(product(k, values) for k in micro_steps(keys, 4))
    both_sides = sum(
        product(k, v) for k, v in zip(micro_steps(keys, 4), micro_steps(values, 4), strict=True)
    )
    np.testing.assert_array_equal(one_side, counted)
    assert (both_sides != counted).any()
    assert (both_sides <= counted).all()


@pytest.mark.torch
def test_a_whole_spiketrack_in_micro_steps() -> None:
    from support.spiketrack import TINY, crops, integer_program, lively, program_of

    steps = 3
    program = integer_program(program_of(lively(dataclasses.replace(TINY, steps=steps))))
    images = crops(TINY.size, steps + 1)
    executor = reference_executor(program)
    executor.init(images[:steps])
    (maps,) = executor.frame(images[steps:])
    template = run_micro_steps(program.network("template"), images[:steps])
    for slot, memory in template.stored.items():
        np.testing.assert_array_equal(memory, executor.slots[slot])
    search = run_micro_steps(program.network("search"), images[steps], executor.slots)
    np.testing.assert_array_equal(search.output, maps)
    # A count of n is n spikes.
    assert search.sops > executor.counted["search"][0].sops
