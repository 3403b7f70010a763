"""The golden semantics once more, in plain numpy loops: slow, and meant to be obviously right."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron, SigmaDelta

Ints = npt.NDArray[np.int64]


class Plain:
    """Runs a golden network; results of the last frame stay in the attributes.

    Attributes:
        spikes: per population `(T, ...)`. v: per neuron population, final membranes (of
            sigma-delta neurons, values). u: likewise, currents (sigma).
        largest: largest magnitude of any sum or state of the network.
        output: decoded counts, or the output train.
    """

    def __init__(self, network: Network, stimulus: npt.NDArray[Any]) -> None:
        self.spikes: dict[str, list[Ints]] = {}
        self.u: dict[str, Ints] = {}
        self.v: dict[str, Ints] = {}
        self._counts: dict[str, Ints] = {}
        self._best: dict[str, Ints] = {}
        self._streak: dict[str, Ints] = {}
        self._residue: dict[str, Ints] = {}
        self._late: dict[str, list[Ints]] = {}
        self._wide = {name for name, edge in network.types.items() if edge.wide}
        self.largest = 0
        self._t, self._timesteps = 0, network.timesteps
        outputs = []
        for t in range(network.timesteps):
            self._t = t
            values: dict[str, Ints] = {}
            for node in network.nodes:
                inputs = [values[i] for i in node.inputs]
                shape = network.types[node.name].shape
                value = self._eval(node.name, node.op, inputs, shape, stimulus, t)
                self.largest = max(self.largest, int(np.abs(value).max(initial=0)))
                values[node.name] = value
            outputs.append(values[network.output.name])
        decoded = isinstance(network.by_name[network.output.inputs[0]].op, ops.Decode)
        self.output = np.sum(outputs, axis=0) if decoded else np.stack(outputs)

    def trains(self) -> dict[str, npt.NDArray[Any]]:
        """Spike trains of all populations, `(T, ...)` uint8, int32 where the edge is wide."""
        return {
            name: np.stack(steps).astype(np.int32 if name in self._wide else np.uint8)
            for name, steps in self.spikes.items()
        }

    def _eval(
        self,
        name: str,
        op: ops.Op,
        inputs: list[Ints],
        shape: tuple[int, ...],
        stimulus: npt.NDArray[Any],
        t: int,
    ) -> Ints:
        if isinstance(op, ops.Input):
            return (stimulus if op.kind == "values" else stimulus[t]).astype(np.int64)
        if isinstance(op, ops.Encode) and op.spikes:
            return self._encode(name, op, inputs[0])
        if isinstance(op, ops.Encode):
            return inputs[0] if t == 0 or op.mode == "constant" else inputs[0] * 0
        if isinstance(op, ops.Conv2d):
            return _conv(op.weight.data, inputs[0], op, op.groups, op.dilation, shape)
        if isinstance(op, ops.SumPool2d):
            ones = np.ones((shape[0], 1, *op.kernel), np.int64)
            return _conv(ones, inputs[0], op, shape[0], (1, 1), shape)
        if isinstance(op, ops.Linear):
            return op.weight.data.astype(np.int64) @ inputs[0]
        if isinstance(op, ops.Add):
            return np.sum(inputs, axis=0)
        if isinstance(op, ops.Shift):
            return inputs[0] >> op.bits
        if isinstance(op, ops.Flatten):
            return inputs[0].reshape(-1)
        if isinstance(op, ops.SpikeMaxPool2d):
            out = self._pool(name, op, inputs[0], shape)
        elif isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNeuron):
            out = self._neuron(name, op.model, inputs[0])
        elif isinstance(op, ops.Neuron) and isinstance(op.model, SigmaDelta):
            out = self._sigma_delta(name, op.model, inputs[0])
        elif isinstance(op, ops.Delay):
            self._late.setdefault(name, []).append(inputs[0])
            return self._late[name][t - op.ticks] if t >= op.ticks else inputs[0] * 0
        elif isinstance(op, ops.Decode) and op.signed_pairs:
            return inputs[0][0::2] - inputs[0][1::2]
        else:
            return inputs[0]
        self.spikes.setdefault(name, []).append(out)
        return out

    def _neuron(self, name: str, model: IntegerNeuron, a: Ints) -> Ints:
        def table(data: npt.NDArray[Any]) -> Ints:
            per_channel = data.ndim == 1 and a.ndim == 3
            return np.broadcast_to(data[:, None, None] if per_channel else data, a.shape)

        u = self.u.get(name, np.zeros(a.shape, np.int64))
        v = self.v.get(name, table(model.v_init.data).astype(np.int64))
        u = _rsz(u * model.u_keep) + (a << model.state_shift)
        half = 1 << max(0, model.state_bits - 1)
        if model.state_bits:
            u = np.where(u > half, u - 2 * half, np.where(u <= -half, u + 2 * half, u))
        v = _rsz(v * model.v_keep) + u + table(model.bias.data)
        if model.state_bits:
            v = np.clip(v, -(half - 1), half - 1)
        above, down = table(model.fire_above.data), table(model.reset_by.data)
        p = self._payload(name, model.payloads, model.advance == "burst", a)
        spikes = (p > 0) & (v > above + (p - 1) * down)
        reset = v - p * down if model.reset == "subtract" else v * 0
        self.largest = max(self.largest, int(np.abs(u).max(initial=0)))
        self.u[name], self.v[name] = u, np.where(spikes, reset, v)
        self._streak[name] = np.where(spikes, self._streak[name] + 1, 0)
        return np.where(spikes, p, 0)

    def _sigma_delta(self, name: str, model: SigmaDelta, a: Ints) -> Ints:
        def table(data: npt.NDArray[Any]) -> Ints:
            per_channel = data.ndim == 1 and a.ndim == 3
            return np.broadcast_to(data[:, None, None] if per_channel else data, a.shape)

        zero = np.zeros(a.shape, np.int64)
        if model.receives == "changes":
            sigma = self.u.get(name, zero) + a
        else:
            sigma = a * 2 ** (model.spike_exp + model.state_exp)
        y = sigma + table(model.bias.data)
        if model.activation == "relu":
            y = np.where(y > 0, y, 0)
        change = y - self.v.get(name, zero) + self._residue.get(name, zero)
        self.u[name], self.v[name] = sigma, y
        self.largest = max(self.largest, *(int(np.abs(x).max()) for x in (sigma, y, change)))
        if model.sends == "values":
            return y
        sent = np.where(np.abs(change) >= table(model.threshold.data), change, 0)
        self._residue[name] = change - sent
        return sent // 2**model.state_exp

    def _payload(self, name: str, payloads: tuple[int, ...], burst: bool, like: Ints) -> Ints:
        streak = self._streak.setdefault(name, np.zeros(like.shape, np.int64))
        index = np.minimum(streak, len(payloads) - 1) if burst else self._t % len(payloads)
        return np.broadcast_to(np.array(payloads, np.int64)[index], like.shape)

    def _encode(self, name: str, op: ops.Encode, x: Ints) -> Ints:
        v = self.v.pop(f"{name}.pixels", np.full(x.shape, op.start, np.int64))
        starts = self._t % len(op.payloads) == 0
        if op.mode != "phase" or starts:
            v = x if op.mode == "phase" else v + x
        p = self._payload(name, op.payloads, op.mode == "burst", x)
        spikes = (p > 0) & (v >= p * op.threshold)
        if self._t + 1 < self._timesteps:
            self.v[f"{name}.pixels"] = np.where(spikes, v - p * op.threshold, v)
        self._streak[name] = np.where(spikes, self._streak[name] + 1, 0)
        return np.where(spikes, p, 0)

    def _pool(self, name: str, op: ops.SpikeMaxPool2d, x: Ints, shape: tuple[int, ...]) -> Ints:
        counts = self._counts.get(name, x * 0) + x
        self._counts[name] = counts
        if op.rule == "or":
            return _window_max(x, op, shape)
        if op.rule == "gate":
            return _gated(counts, x, op, shape)
        best = _window_max(counts, op, shape)
        out = best - self._best.get(name, best * 0)
        self._best[name] = best
        return out


def _rsz(x: Ints) -> Ints:
    return np.sign(x) * (np.abs(x) >> 12)


def _window_max(x: Ints, op: ops.SpikeMaxPool2d, shape: tuple[int, ...]) -> Ints:
    out = np.zeros(shape, np.int64)
    for i in range(shape[1]):
        for j in range(shape[2]):
            y0, x0 = i * op.stride[0], j * op.stride[1]
            out[:, i, j] = x[:, y0 : y0 + op.kernel[0], x0 : x0 + op.kernel[1]].max(axis=(1, 2))
    return out


def _gated(counts: Ints, x: Ints, op: ops.SpikeMaxPool2d, shape: tuple[int, ...]) -> Ints:
    out = np.zeros(shape, np.int64)
    for c, i, j in np.ndindex(*shape):
        y0, x0 = i * op.stride[0], j * op.stride[1]
        window = (c, slice(y0, y0 + op.kernel[0]), slice(x0, x0 + op.kernel[1]))
        out[c, i, j] = x[window].ravel()[int(np.argmax(counts[window]))]
    return out


def _conv(
    weight: npt.NDArray[Any],
    x: Ints,
    op: ops.Conv2d | ops.SumPool2d,
    groups: int,
    dilation: tuple[int, int],
    shape: tuple[int, ...],
) -> Ints:
    (pad_y, pad_x), (step_y, step_x) = op.padding, op.stride
    x = np.pad(x, ((0, 0), (pad_y, pad_y), (pad_x, pad_x)))
    w = weight.astype(np.int64)
    per_in, per_out = w.shape[1], len(w) // groups
    out = np.zeros(shape, np.int64)
    for o in range(shape[0]):
        group = o // per_out
        for i in range(shape[1]):
            for j in range(shape[2]):
                for a in range(w.shape[2]):
                    for b in range(w.shape[3]):
                        y, z = i * step_y + a * dilation[0], j * step_x + b * dilation[1]
                        out[o, i, j] += (
                            w[o, :, a, b] @ x[group * per_in : (group + 1) * per_in, y, z]
                        )
    return out
