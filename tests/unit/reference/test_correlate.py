"""Matching operators of both interpreters against nested loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping import matched_line, template_for
from support.nets import stimulus_for

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.infer import infer
from nmcompile.ir.network import Network, Node
from nmcompile.ir.types import EdgeType
from nmcompile.reference.correlate import Accumulator, BankBuilder, Correlator
from nmcompile.reference.executor import last
from nmcompile.reference.integer import IntegerRunner

Ints = npt.NDArray[Any]


def loops(x: Ints, z: Ints, *, pairs: bool, largest: int) -> tuple[Ints, int]:
    """(response, spikes x non-zero words), channels first, one element at a time."""
    _, height, width = x.shape
    _, taps_y, taps_x = z.shape
    out = np.zeros((height - taps_y + 1, width - taps_x + 1), int)
    sops = 0
    for i, j in np.ndindex(*out.shape):
        for c, a, b in np.ndindex(*z.shape):
            element = int(z[c, a, b])
            words = (1 if element else 0) if largest == 0 else -(-abs(element) // largest)
            for k, sign in ((2 * c, 1), (2 * c + 1, -1)) if pairs else ((c, 1),):
                spike = int(x[k, i + a, j + b])
                out[i, j] += sign * element * spike
                sops += words * (spike != 0)
    return out, sops


@given(st.booleans(), st.booleans(), st.sampled_from([0, 2, 5]), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_correlator_is_the_definition(pairs: bool, banked: bool, largest: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels, steps = 3, 3
    z = rng.integers(-8, 9, (steps, channels, 2, 3))
    x = (rng.random((steps, channels * (2 if pairs else 1), 4, 5)) < 0.4) * rng.integers(1, 4)
    contents = z if banked else z[0]
    executor = Correlator(ops.Correlate(pairs, 1, largest), EdgeType("values", contents.shape, 16))
    total = 0
    for t in range(steps):
        wanted, sops = loops(x[t], z[t] if banked else z[0], pairs=pairs, largest=largest)
        total += sops
        found = executor.step(last(x[t].astype(np.int32)), last(contents.astype(np.int32)))  # type: ignore[arg-type]
        np.testing.assert_array_equal(found[..., 0], wanted)
    assert executor.sops == total
    executor.reset()
    assert executor.sops == 0


def test_an_accumulator_that_leaves_32_bits_says_so() -> None:
    edge = EdgeType("values", (1, 1, 1), 32)
    executor = Accumulator(ops.Accumulate(), edge, Node("m", ops.Accumulate()))
    half = np.full((1, 1, 1), 2**30, np.int32)
    executor.step(half)
    with pytest.raises(NmError, match="NM0203"):
        executor.step(half)


def test_a_bank_is_empty_until_the_last_timestep() -> None:
    op = ops.TemplateBank(2, 0, 1, 1, signed_pairs=True)
    edge = infer(op, (EdgeType("spikes", (4, 1, 1), 1, signed=False),), "z")
    assert edge.shape == (2, 2, 1, 1)
    executor = BankBuilder(op, edge)
    assert not executor.step(np.array([[[1, 0, 0, 1]]], np.int32)).any()
    bank = executor.step(np.array([[[0, 0, 1, 0]]], np.int32))
    # x = (1, -1) then (0, 1): 3 x_t + the neighbour.
    assert bank[:, 0, 0].tolist() == [[3, -3 + 1], [1, -1 + 3]]


@pytest.mark.parametrize("shape", [(3, 2, 2), (2, 2), (5, 4, 2, 2)])
def test_templates_of_other_channels_do_not_fit(shape: tuple[int, ...]) -> None:
    spikes = EdgeType("spikes", (4, 5, 5), 1, signed=False)
    with pytest.raises(NmError, match="NM0201"):
        infer(ops.Correlate(signed_pairs=True), (spikes, EdgeType("values", shape, 16)), "match")


@pytest.mark.parametrize("banked", [False, True])
def test_float_and_integer_interpreters_agree(banked: bool) -> None:
    """From the features on, the float interpreter computes the same in reals."""
    from nmcompile.reference.float import FloatRunner

    network = matched_line(banked=banked)
    rng = np.random.default_rng(4)
    slots = template_for(network, rng)
    trace = IntegerRunner(network).run(stimulus_for(network, rng), slots, record=True)
    spikes = trace.spikes["n"]
    feed = Node("n", ops.Input("spikes", spikes.shape[1:], 1))
    tail = tuple(n for n in network.nodes if n.name not in ("input", "c", "n"))
    real = FloatRunner(Network("tail", (feed, *tail), network.timesteps))
    found = real.run(spikes[:, None], slots).output[0]
    np.testing.assert_array_equal(found, trace.output)
