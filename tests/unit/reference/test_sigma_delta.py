"""Sigma-delta neurons, delays and wide trains in the interpreters."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping import zeros
from support.messages import sigma_delta, video
from support.nets import stimulus_for
from support.plain import Plain

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.types import EdgeType
from nmcompile.reference import integer
from nmcompile.reference.delay import Delayer
from nmcompile.reference.integer import IntegerRunner
from nmcompile.reference.sigma_delta import SigmaDeltas
from nmcompile.reference.synapses import Synapses

EDGE = EdgeType("spikes", (1,), 24, signed=True)


def sent(neuron: ops.Neuron, inputs: list[int]) -> list[int]:
    """Messages of one neuron."""
    executor = SigmaDeltas(neuron.model, EDGE, Node("n", neuron))  # type: ignore[arg-type]
    train = executor.advance(len(inputs), np.array(inputs, np.int32)[:, None])
    assert executor.spikes == np.count_nonzero(train)
    return [int(x) for x in train[:, 0]]


def test_changes_below_the_threshold_wait_in_the_residue() -> None:
    neuron = sigma_delta("changes", "changes", threshold=10)
    assert sent(neuron, [4, 4, 4, 0, -11, 0, -1]) == [0, 0, 12, 0, -11, 0, 0]


def test_values_become_changes_and_changes_values() -> None:
    assert sent(sigma_delta("values", "changes"), [5, 5, 7, 7, 0]) == [5, 0, 2, 0, -7]
    assert sent(sigma_delta("changes", "values"), [5, 0, 2, 0, -7]) == [5, 5, 7, 7, 0]


def test_the_activation_and_its_bias() -> None:
    neuron = sigma_delta("changes", "values", "relu", bias=-3)
    assert sent(neuron, [2, 2, 2, -9]) == [0, 1, 3, 0]


def test_fractional_bits_are_cut_towards_minus_infinity() -> None:
    """Units of Lava's SigmaDelta at exponents (0, 6): 200 is a threshold of 12800."""
    neuron = sigma_delta("changes", "changes", threshold=200 << 6, state_exp=6)
    assert sent(neuron, [12799, 1, -12801, 0]) == [0, 200, -201, 0]
    assert sent(sigma_delta("values", "changes", spike_exp=1, state_exp=2), [3, 1]) == [6, -4]


def test_states_and_messages_may_not_leave_their_widths() -> None:
    cases: list[tuple[ops.Neuron, list[int], str]] = [
        (sigma_delta("changes", "changes", message_bits=8), [127, 1, -128], ""),
        (sigma_delta("changes", "changes", message_bits=8), [128], "NM0217"),
        (sigma_delta("changes", "changes", message_bits=8), [-129], "NM0217"),
        (sigma_delta("changes", "changes", message_bits=32), [2**30, 2**30], "NM0203"),
        (sigma_delta("values", "values", spike_exp=20, message_bits=32), [2**12], "NM0203"),
        (sigma_delta("values", "changes", message_bits=32), [2**30, -(2**30)], "NM0203"),
    ]
    for neuron, inputs, code in cases:
        if not code:
            sent(neuron, inputs)
            continue
        with pytest.raises(NmError) as error:
            sent(neuron, inputs)
        assert error.value.codes == (code,)


@pytest.mark.parametrize("ticks", [0, 1, 3, 9])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_a_delay_moves_the_train(ticks: int, dtype: Any) -> None:
    train = np.arange(1, 13).reshape(6, 2).astype(dtype)
    wanted = np.concatenate([np.zeros((ticks, 2), dtype), train])[:6]
    executor = Delayer(ops.Delay(ticks))
    for _ in range(2):
        executor.reset()
        parts = [executor.advance(2, train[i : i + 2]) for i in (0, 2, 4)]
        np.testing.assert_array_equal(np.concatenate(parts), wanted)
        assert parts[0].dtype == dtype


def test_blocks_of_timesteps_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network = video()
    stimulus = stimulus_for(network, np.random.default_rng(0))
    whole = IntegerRunner(network).run(stimulus, record=True)
    monkeypatch.setattr(integer, "BLOCK_BYTES", 4 * 240)
    parts = IntegerRunner(network).run(stimulus, record=True)
    np.testing.assert_array_equal(parts.output, whole.output)
    assert parts.counters == whole.counters
    for name, train in whole.spikes.items():
        np.testing.assert_array_equal(parts.spikes[name], train)
        assert train.dtype == np.int32


@pytest.mark.torch
def test_the_float_interpreter_runs_the_same_integers() -> None:
    from nmcompile.reference.float import FloatRunner

    network = video()
    stimulus = stimulus_for(network, np.random.default_rng(1))
    golden = Plain(network, stimulus)
    found = FloatRunner(network).run(stimulus[:, None])
    np.testing.assert_array_equal(found.output[:, 0], golden.output)
    np.testing.assert_array_equal(IntegerRunner(network).run(stimulus).output, golden.output)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([3, 300, 70_000, 2**23]),
    st.sampled_from([0.05, 1.0]),
    st.sampled_from(["linear", "conv", "depthwise"]),
    st.integers(0, 2**32 - 1),
)
def test_wide_inputs_are_summed_exactly(size: int, density: float, kind: str, seed: int) -> None:
    """Events, float32 or float64 matrices: the sums are those of unbounded integers."""
    rng = np.random.default_rng(seed)
    image = (5, 4, 6)
    weights = {"linear": (7, 6, 5, 4), "conv": (3, 6, 3, 2), "depthwise": (6, 1, 2, 3)}
    weight = rng.integers(-100, 101, weights[kind])
    x = rng.integers(-size, size + 1, (3, *image)) * (rng.random((3, *image)) < density)
    op = ops.Conv2d(
        Array(weight.astype(np.int8)), zeros(len(weight)), groups=6 if kind == "depthwise" else 1
    )
    source = EdgeType("spikes", (6, 5, 4), 24, signed=True)
    executor = Synapses(op, source, Node("w", op))
    wanted = np.stack([_convolved(frame, weight, op.groups) for frame in x])
    if np.abs(wanted).max() > 2**31 - 1:
        with pytest.raises(NmError) as error:
            executor.advance(3, x.astype(np.int32))
        assert error.value.codes == ("NM0203",)
    else:
        np.testing.assert_array_equal(executor.advance(3, x.astype(np.int32)), wanted)


def _convolved(x: Any, weight: Any, groups: int) -> Any:
    out, per_in, k_y, k_x = weight.shape
    height, width, _ = x.shape
    result = np.zeros((height - k_y + 1, width - k_x + 1, out), np.int64)
    for y, xx, o in np.ndindex(*result.shape):
        group = o // (out // groups)
        window = x[y : y + k_y, xx : xx + k_x, group * per_in : (group + 1) * per_in]
        result[y, xx, o] = (window.transpose(2, 0, 1) * weight[o]).sum()
    return result


def test_the_sum_of_two_branches_may_not_wrap() -> None:
    one = ops.Linear(Array(np.full((2, 1), 100, np.int8)), zeros(2))
    nodes = (
        Node("input", ops.Input("spikes", (1,), 25, signed=True)),
        Node("a", one, ("input",)),
        Node("b", one, ("input",)),
        Node("sum", ops.Add(), ("a", "b"), "join"),
        Node("n", sigma_delta("values", "values", message_bits=32), ("sum",)),
        Node("output", ops.Output(), ("n",)),
    )
    runner = IntegerRunner(Network("sum", nodes, 1))
    assert int(runner.run(np.array([[10**7]])).output[0, 0]) == 2 * 10**9
    with pytest.raises(NmError) as error:
        runner.run(np.array([[11 * 10**6]]))
    assert error.value.codes == ("NM0203",)
    assert error.value.diagnostics[0].where == "join"


def test_synaptic_operations_are_messages_at_weights() -> None:
    """A message is one access to every non-zero weight, whatever it carries."""
    network = video()
    stimulus = stimulus_for(network, np.random.default_rng(2))
    counters = {layer.node: layer for layer in IntegerRunner(network).run(stimulus).counters.layers}
    weight = {n.name: n.op.weight.data for n in network.of_type(ops.Conv2d, ops.Linear)}  # type: ignore[union-attr]
    assert counters["delta"].sops == np.count_nonzero(stimulus[:, 0]) * bool(
        weight["pixel"][0].any()
    ) + np.count_nonzero(stimulus[:, 1]) * bool(weight["pixel"][1].any())
    train = Plain(network, stimulus).trains()["sd"].reshape(9, -1)
    late = np.concatenate([np.zeros((3, 120), np.int32), train])[:9]
    wanted = sum(
        int((np.count_nonzero(t, axis=0) * np.count_nonzero(weight[w], axis=0)).sum())
        for t, w in ((late, "s"), (train, "d"))
    )
    assert counters["sigma"].sops == wanted
    assert counters["sd"].spikes == np.count_nonzero(train)
    assert counters["sigma"].macs == 0


def test_another_neuron_is_another_program() -> None:
    """Every field counts."""
    neuron = sigma_delta("changes", "changes", threshold=1)
    others = [
        dataclasses.replace(neuron.model, **{field: value})  # type: ignore[type-var]
        for field, value in (
            *(("receives", "values"), ("sends", "values"), ("activation", "relu")),
            *(("spike_exp", 1), ("state_exp", 1), ("message_bits", 9)),
        )
    ]
    assert len({neuron.model, *others}) == len(others) + 1
