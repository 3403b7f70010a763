"""Memories as the weights of synapses: exact rounding, harmless saturation, one program for all."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.memories import LEVELS, SIZES, Sizes, float_networks, images, integer_program

from nmcompile.backends.registry import backend_of
from nmcompile.build.execute import reference_executor
from nmcompile.build.matching import matching_rows
from nmcompile.build.stimuli import Frame, recorded_inputs
from nmcompile.build.verify import verify_network
from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import Narrow, Offset, Query
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNILIF, ReLU8
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.passes.membrane_memories import memories
from nmcompile.passes.membrane_reasons import activation
from nmcompile.passes.recipe import Recipe
from nmcompile.reference.integer import IntegerRunner
from nmcompile.target import load_target

CHIP = load_target("tianjic")
BACKEND = backend_of(CHIP)
FACTORS = st.sampled_from([0.3, 0.5, 0.8164965809, 1.0, 2.0, 5.0])
SEEDS = st.integers(0, 2**16)
WIDE = Sizes(heads=2, keys=3, values=5, side=4, channels=2)
"""16 places: a memory of up to 256, wider than a weight."""
RANDOM: dict[str, Any] = {"deadline": None, "derandomize": True}


def golden(program: Program, **changed: Any) -> Program:
    rules = dataclasses.replace(BACKEND.rules(CHIP), **changed)
    return PassManager(pipelines.GOLDEN).run(program, PassContext(rules=rules))


def narrowing(program: Program) -> Narrow | None:
    found = (n.op for n in program.network("template").of_type(Narrow))
    return next((op for op in found if isinstance(op, Narrow)), None)


@settings(max_examples=25, **RANDOM)
@given(st.integers(1, 1 << 15), st.integers(0, 15), st.integers(1, 255), SEEDS)
def test_rounding_is_half_to_even(multiplier: int, shift: int, largest: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2000, (1, 3, 5))
    nodes = (
        Node("input", ops.Input("values", (1, 3, 5), 11, signed=False)),
        Node("narrow", Narrow(multiplier, shift, largest), ("input",)),
        Node("output", ops.Output(), ("narrow",)),
    )
    network = Network("rounding", nodes)
    found = IntegerRunner(network).run(x).output
    wanted = [min(round(Fraction(int(v) * multiplier, 1 << shift)), largest) for v in x.flat]
    assert found.reshape(-1).tolist() == wanted


@settings(max_examples=15, **RANDOM)
@given(SIZES, FACTORS, SEEDS, st.integers(2, 9))
def test_saturation_changes_no_spike(sizes: Sizes, factor: float, seed: int, bits: int) -> None:
    """Whatever is asked: the largest element that is stored reaches the last level alone."""
    program = integer_program(sizes, factor, seed, bits)
    op, search = narrowing(program), program.network("search")
    if op is None:
        return
    rng = np.random.default_rng(seed)
    queries = rng.integers(0, LEVELS + 1, (sizes.heads * sizes.keys, sizes.side, sizes.side))
    exact = rng.integers(0, LEVELS**2 * sizes.side**2 + 1, (sizes.heads, sizes.keys, sizes.values))
    wide = np.array([round(Fraction(int(v) * op.multiplier, 1 << op.shift)) for v in exact.flat])
    found = []
    for memory in (wide.reshape(exact.shape), np.minimum(wide, op.largest).reshape(exact.shape)):
        sums = np.einsum(
            "gip,gij->gjp", queries.reshape(sizes.heads, sizes.keys, -1), memory
        ).reshape(-1)
        (scale,) = search.consumers["ask"]
        assert isinstance(scale.op, Offset)
        model = search.by_name["found"].op.model
        assert isinstance(model, IntegerNILIF)
        one = int(model.one.data.flat[0])
        level = 2 * (sums << int(scale.op.shift.data)) // one
        found.append(np.minimum((level + 1) // 2, LEVELS))
    np.testing.assert_array_equal(found[0], found[1])
    # The next smaller bound would lose something, unless the factor is at its end.
    assert (
        op.multiplier == 1 << op.shift
        or (op.largest - 1) << int(scale.op.shift.data) < 3.5 * one * 1.02
    )


@settings(max_examples=8, **RANDOM)
@given(SIZES, FACTORS, SEEDS, st.sampled_from([4, 8]))
def test_cores_equal_the_integer_program(sizes: Sizes, factor: float, seed: int, bits: int) -> None:
    """The cut changes nothing, and every chain is the same on cores, with two templates."""
    whole = integer_program(sizes, factor, seed, bits)
    cut = golden(whole)
    pictures = images(sizes, 4, seed)
    results = []
    for program in (whole, cut):
        executor = reference_executor(program)
        for template, crop in (pictures[:2], pictures[2:]):
            executor.init(template)
            results.append(executor.frame(crop[None])[0])
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_array_equal(results[1], results[3])
    asked = [n for n in cut.chip_networks if any(n.of_type(Query))]
    assert len(asked) == 2
    frames = tuple(Frame(template, crop) for template, crop in (pictures[:2], pictures[2:]))
    inputs = recorded_inputs(reference_executor(cut), frames)
    for network in asked:
        simulator = BACKEND.simulator(BACKEND.map(network, CHIP))
        result = verify_network(network, simulator, inputs[network.name])
        assert result.equal, result.first_mismatch
        for wanted, found in zip(inputs[network.name], result.counters, strict=True):
            ours = IntegerRunner(network).run(wanted.stimulus, wanted.slots).counters
            assert [(a.sops, a.macs) for a in ours.layers] == [
                (a.sops, a.macs) for a in found.layers
            ]


def test_the_scale_is_that_of_the_last_level() -> None:
    """8 bits: 127 reaches level 4 of the neurons, whose half steps lie between integers."""
    float_ = float_networks(WIDE, 1.0, 1)
    known = memories(float_, Recipe())["m"]
    assert known.largest == 127
    assert known.narrow is not None
    assert known.narrow.multiplier / 2**15 == pytest.approx(126.5 / 224, abs=2**-15)
    assert memories(float_, Recipe(memory_bits=9))["m"].narrow is not None
    exact = memories(float_, Recipe(memory_bits=10))["m"]
    assert (exact.narrow, exact.largest, exact.unit) == (None, 256, 16.0)
    program = integer_program(WIDE, 1.0, 1)
    for name in ("found", "answer"):
        model = program.network("search").by_name[name].op.model
        assert isinstance(model, IntegerNILIF)
        assert (model.one.data % 2 == 1).all()
        assert isinstance(activation(model, 10), ReLU8)


def test_the_host_writes_a_memory_once_per_template_and_check_says_so() -> None:
    cut = golden(integer_program(WIDE, 1.0, 1))
    names = [s.name for s in cut.schedule]
    loads = [s for s in cut.schedule if s.host_ops]
    assert [dict(s.host_ops) for s in loads] == [{"synapse_writes": 30}] * 2
    assert {s.trigger for s in loads} == {"on_init"}
    last = max(i for i, s in enumerate(cut.schedule) if s.trigger == "on_init" and s.network)
    assert min(names.index(s.name) for s in loads) > last
    rows = dict(matching_rows(cut, "psm"))
    assert set(rows) == {"ask", "again"}
    assert all("memory, on cores: 30 synapse words" in where for where in rows.values())


@pytest.mark.parametrize(
    ("bits", "changed", "reason"),
    [
        (10, {}, "its elements are up to 511, weights of tianjic up to 127"),
        (8, {"weight_bits": 7}, "weights of tianjic up to 63"),
        (8, {"accumulator_bits": 12}, "can reach 2667, membranes of tianjic 2047"),
        (8, {"correlate": "none", "no_correlation": "nobody writes"}, "nobody writes"),
    ],
)
def test_a_memory_that_fits_no_synapse_stays_on_the_host(
    bits: int, changed: dict[str, Any], reason: str
) -> None:
    whole = integer_program(WIDE, 1.0, 1, bits)
    cut = golden(whole, **changed)
    assert not any(any(n.of_type(Query)) for n in cut.chip_networks)
    assert any(reason in s.reason for s in cut.schedule), [s.reason for s in cut.schedule]
    assert any(reason in where for _, where in matching_rows(cut, "psm"))
    crop = images(WIDE, 2, 0)
    outputs = []
    for program in (whole, cut):
        executor = reference_executor(program)
        executor.init(crop[0])
        outputs.append(executor.frame(crop[1:])[0])
    np.testing.assert_array_equal(outputs[0], outputs[1])
