"""The integer interpreter against a second, plainly written one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.nets import if_neuron, spiking_networks, stimulus_for

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import infer
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.reference.integer import IntegerRunner

Any64 = npt.NDArray[Any]


def plain_conv(op: ops.Conv2d, x: Any64) -> tuple[Any64, int]:
    """Nested loops: (currents, events times non-zero weights)."""
    out, per_in, k_y, k_x = op.weight.shape
    _, height, width = x.shape
    shape = (
        (height + 2 * op.padding[0] - k_y) // op.stride[0] + 1,
        (width + 2 * op.padding[1] - k_x) // op.stride[1] + 1,
    )
    y = np.zeros((out, *shape), np.int64)
    events = 0
    for o in range(out):
        base = o // (out // op.groups) * per_in
        for i, j, c, a, b in np.ndindex(*shape, per_in, k_y, k_x):
            row, column = i * op.stride[0] + a - op.padding[0], j * op.stride[1] + b - op.padding[1]
            if 0 <= row < height and 0 <= column < width:
                value, weight = int(x[base + c, row, column]), int(op.weight.data[o, c, a, b])
                y[o, i, j] += value * weight
                events += bool(value) and bool(weight)
    return y, events


def toward_zero(x: int, keep: int) -> int:
    return (abs(x) * keep >> 12) * (1 if x >= 0 else -1)


class PlainPopulation:
    """Scalar Python integers, one neuron at a time."""

    def __init__(self, model: IntegerNeuron, shape: tuple[int, ...]) -> None:
        self.model, self.shape = model, shape
        self.u = np.zeros(shape, object)
        self.v = np.full(shape, 0, object)
        for index in np.ndindex(*shape):
            self.v[index] = self._at(model.v_init, index)

    def _at(self, table: Array, index: tuple[int, ...]) -> int:
        return int(table.data if table.shape == () else table.data[index[0]])

    def step(self, acc: Any64) -> Any64:
        m, half = self.model, 1 << (self.model.state_bits - 1)
        spikes = np.zeros(self.shape, np.int64)
        for i in np.ndindex(*self.shape):
            u = toward_zero(self.u[i], m.u_keep) + (int(acc[i]) << m.state_shift)
            u = u - 2 * half if u > half else u + 2 * half if u <= -half else u
            v = toward_zero(self.v[i], m.v_keep) + u + self._at(m.bias, i)
            v = max(-(half - 1), min(half - 1, v))
            if v > self._at(m.fire_above, i):
                spikes[i] = 1
                v = v - self._at(m.reset_by, i) if m.reset == "subtract" else 0
            self.u[i], self.v[i] = u, v
        return spikes


class PlainPool:
    """Counts of every input, maxima of every window."""

    def __init__(self, op: ops.SpikeMaxPool2d, in_shape: tuple[int, ...]) -> None:
        self.op = op
        self.counts = np.zeros(in_shape, np.int64)
        self.best: Any64 | None = None

    def step(self, x: Any64) -> Any64:
        self.counts = self.counts + x
        source = x if self.op.rule == "or" else self.counts
        (k_y, k_x), (s_y, s_x) = self.op.kernel, self.op.stride
        rows, columns = (x.shape[1] - k_y) // s_y + 1, (x.shape[2] - k_x) // s_x + 1
        top = np.array(
            [
                [
                    [
                        c[i * s_y : i * s_y + k_y, j * s_x : j * s_x + k_x].max()
                        for j in range(columns)
                    ]
                    for i in range(rows)
                ]
                for c in source
            ]
        )
        if self.op.rule == "or":
            return top
        rise = top if self.best is None else top - self.best
        self.best = top
        return rise


def plain_run(network: Network, stimulus: Any64) -> tuple[dict[str, list[Any64]], dict[str, int]]:
    """Spikes of every population per timestep, and events x non-zero weights per linear op."""
    state: dict[str, Any] = {}
    spikes: dict[str, list[Any64]] = {}
    events: dict[str, int] = {}
    for t in range(network.timesteps):
        values: dict[str, Any64] = {}
        for node in network.nodes:
            op = node.op
            x = values[node.inputs[0]] if node.inputs else np.zeros(0)
            if isinstance(op, ops.Input):
                y = stimulus[t] if op.kind == "spikes" else stimulus
                y = y.astype(np.int64)
            elif isinstance(op, ops.Encode):
                y = x if t == 0 or op.mode == "constant" else np.zeros_like(x)
            elif isinstance(op, ops.Conv2d):
                y, n = plain_conv(op, x)
                events[node.name] = events.get(node.name, 0) + n
            elif isinstance(op, ops.Linear):
                y = op.weight.data.astype(np.int64) @ x
            elif isinstance(op, ops.Neuron):
                edge = network.types[node.name]
                assert isinstance(op.model, IntegerNeuron)
                y = state.setdefault(node.name, PlainPopulation(op.model, edge.shape)).step(x)
                spikes.setdefault(node.name, []).append(y)
            elif isinstance(op, ops.SpikeMaxPool2d):
                y = state.setdefault(node.name, PlainPool(op, x.shape)).step(x)
                spikes.setdefault(node.name, []).append(y)
            elif isinstance(op, ops.Add):
                y = x + values[node.inputs[1]]
            elif isinstance(op, ops.Shift):
                y = x >> op.bits
            elif isinstance(op, ops.Flatten):
                y = x.ravel()
            else:
                y = x
            values[node.name] = y
    return spikes, events


@settings(max_examples=30, deadline=None)
@given(network=spiking_networks(), seed=st.integers(0, 2**31))
def test_equals_the_plain_interpreter(network: Network, seed: int) -> None:
    stimulus = stimulus_for(network, np.random.default_rng(seed))
    trace = IntegerRunner(network).run(stimulus, record=True)
    spikes, events = plain_run(network, stimulus)
    assert trace.spikes.keys() == spikes.keys()
    for name, wanted in spikes.items():
        np.testing.assert_array_equal(trace.spikes[name], np.stack(wanted), err_msg=name)
    counted = sum(
        layer.macs + layer.sops for layer in trace.counters.layers if layer.node[0] == "n"
    )
    assert counted == sum(events.values())


def test_frames_do_not_leak_into_each_other() -> None:
    network = small_network(if_neuron(2, 5))
    runner = IntegerRunner(network)
    rng = np.random.default_rng(1)
    one, two = (rng.integers(0, 2, (4, 2, 5, 5)).astype(np.uint8) for _ in range(2))
    alone = runner.run(two, record=True)
    runner.run(one)
    again = runner.run(two, record=True)
    np.testing.assert_array_equal(alone.spikes["n"], again.spikes["n"])


def test_current_wraps_and_membrane_saturates() -> None:
    neuron = if_neuron(2, 120_000, shift=6, bits=24, v_keep=4096)
    weight = Array(np.full((2, 2, 1, 1), 127, np.int8))
    conv = ops.Conv2d(weight, Array(np.zeros(2, np.int32)))
    network = small_network(neuron, conv, pixels=True)
    image = np.full((2, 5, 5), 255, np.uint8)
    trace = IntegerRunner(network).run(image, record=True)
    assert trace.v_final["n"].max() <= 2**23 - 1
    spikes, _ = plain_run(network, image)
    np.testing.assert_array_equal(trace.spikes["n"], np.stack(spikes["n"]))


def test_unbounded_membrane_overflow_is_reported() -> None:
    neuron = if_neuron(2, 5, 2**20, shift=10, bits=0)
    with pytest.raises(NmError) as caught:
        IntegerRunner(small_network(neuron)).run(np.zeros((4, 2, 5, 5), np.uint8))
    assert caught.value.codes == ("NM0203",)


def test_wrong_stimulus_shape_is_reported() -> None:
    with pytest.raises(NmError) as caught:
        IntegerRunner(small_network(if_neuron(2, 5))).run(np.zeros((4, 2, 5, 6), np.uint8))
    assert caught.value.codes == ("NM0204",)


def small_network(
    neuron: IntegerNeuron, op: ops.Conv2d | None = None, *, pixels: bool = False
) -> Network:
    default = ops.Conv2d(
        Array(np.arange(-8, 8).reshape(2, 2, 2, 2).astype(np.int8)), Array(np.zeros(2, np.int32))
    )
    kind: Any = "values" if pixels else "spikes"
    nodes = [Node("input", ops.Input(kind, (2, 5, 5), 8 if pixels else 1))]
    if pixels:
        nodes.append(Node("code", ops.Encode("constant"), ("input",)))
    nodes += [
        Node("c", op or default, (nodes[-1].name,)),
        Node("n", ops.Neuron(neuron), ("c",)),
        Node("output", ops.Output(), ("n",)),
    ]
    assert infer(nodes[0].op, (), "").shape == (2, 5, 5)
    return Network("small", tuple(nodes), 4)
