"""Golden networks neuron by neuron in plain Python integers: the third opinion next to Lava.

Written from the published fixed-point equations, not from any simulator of this project.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron, SigmaDelta

Index = tuple[int, ...]
Values = dict[Index, int]


class Scalar:
    """One frame of a network.

    Attributes:
        spikes: population -> `(T, ...)`. u_final, v_final: states after the last timestep, of
            sigma-delta neurons sigma and the value.
        output: what the network's output node is after the last timestep.
        wraps, clips: how often u wrapped and v saturated.
    """

    def __init__(
        self,
        network: Network,
        stimulus: npt.NDArray[Any],
        slots: dict[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        self._network = network
        self._stimulus = stimulus
        self._slots = slots or {}
        self._residue: dict[str, Values] = {}
        self._streak: dict[str, Values] = {}
        self._trains: dict[str, list[Values]] = {}
        self._u: dict[str, Values] = {}
        self._v: dict[str, Values] = {}
        self._count: dict[str, Values] = {}
        self._best: dict[str, Values] = {}
        self.wraps = self.clips = 0
        trains: dict[str, list[npt.NDArray[Any]]] = {}
        for t in range(network.timesteps):
            values: dict[str, Values] = {}
            for node in network.nodes:
                inputs = [values[i] for i in node.inputs]
                values[node.name] = self._eval(node.name, node.op, inputs, t)
                if isinstance(node.op, ops.Neuron | ops.SpikeMaxPool2d):
                    spikes = self._array(node.name, values[node.name])
                    trains.setdefault(node.name, []).append(spikes)
        self.spikes = {name: np.stack(t) for name, t in trains.items()}
        self.output = self._array(network.output.name, values[network.output.name])
        self.u_final = {name: self._array(name, u) for name, u in self._u.items()}
        self.v_final = {name: self._array(name, v) for name, v in self._v.items() if name in trains}

    def _eval(self, name: str, op: ops.Op, inputs: list[Values], t: int) -> Values:
        where = list(_indices(self._network.types[name].shape))
        if isinstance(op, ops.Input):
            source = self._stimulus if op.kind == "values" else self._stimulus[t]
            return {i: int(source[i]) for i in where}
        if isinstance(op, ops.Slot):
            return {}
        x = inputs[0]
        if isinstance(op, ops.Encode):
            return {i: self._coded(name, op, x[i], i, t) for i in where}
        if isinstance(op, ops.Delay):
            past = self._trains.setdefault(name, [])
            past.append(x)
            return past[t - op.ticks] if t >= op.ticks else dict.fromkeys(where, 0)
        if isinstance(op, ops.Correlate):
            return {i: self._matched(op, name, x, i, t) for i in where}
        if isinstance(op, ops.Crop):
            return {(c, i, j): x[(c, op.top + i, op.left + j)] for c, i, j in where}
        if isinstance(op, ops.Channels):
            size = (max(i[0] for i in x) + 1) // op.groups
            at = {c: c // op.count * size + op.first + c % op.count for c, _, _ in where}
            flat = len(next(iter(x))) == 1
            return {i: x[(at[i[0]],) if flat else (at[i[0]], *i[1:])] for i in where}
        if isinstance(op, ops.Accumulate | ops.Decode):
            before = self._count.setdefault(name, {})
            if isinstance(op, ops.Accumulate):  # the maps of all groups
                now = {i: sum(x[k] for k in x if k[1:] == i[1:]) for i in where}
            else:
                now = {i: _pair(x, i) if op.signed_pairs else x[i] for i in where}
            self._count[name] = {i: before.get(i, 0) + now[i] for i in where}
            return self._count[name]
        if isinstance(op, ops.Conv2d):
            return {i: _tap_sum(op, x, i) for i in where}
        if isinstance(op, ops.SumPool2d):
            ones = Array(np.ones((where[-1][0] + 1, 1, *op.kernel), np.int8))
            pool = ops.Conv2d(ones, ones, op.stride, op.padding, groups=ones.shape[0])
            return {i: _tap_sum(pool, x, i) for i in where}
        if isinstance(op, ops.Linear):
            rows = op.weight.data.tolist()
            return {(o,): sum(w * x[(k,)] for k, w in enumerate(rows[o])) for (o,) in where}
        if isinstance(op, ops.Add):
            return {i: sum(term[i] for term in inputs) for i in where}
        if isinstance(op, ops.Shift):
            return {i: x[i] >> op.bits for i in where}
        if isinstance(op, ops.Flatten):
            return {(k,): x[i] for k, i in enumerate(sorted(x))}
        if isinstance(op, ops.SpikeMaxPool2d):
            return {i: self._pooled(name, op, x, i) for i in where}
        if isinstance(op, ops.Neuron):
            if isinstance(op.model, SigmaDelta):
                return {i: self._sigma_delta(name, op.model, x[i], i) for i in where}
            assert isinstance(op.model, IntegerNeuron)
            return {i: self._neuron(name, op.model, x[i], i, t) for i in where}
        return x

    def _coded(self, name: str, op: ops.Encode, x: int, at: Index, t: int) -> int:
        """The host's coding of one pixel; for "impulse" and "constant" the pixel itself."""
        if op.mode in ("constant", "impulse"):
            return x if op.mode == "constant" or t == 0 else 0
        held, streaks = self._v.setdefault(f"code {name}", {}), self._streak.setdefault(name, {})
        if op.mode == "phase":
            v = x if t % len(op.payloads) == 0 else held[at]
        else:
            v = held.get(at, op.start) + x
        streak = streaks.get(at, 0)
        p = op.payloads[
            min(streak, len(op.payloads) - 1) if op.mode == "burst" else t % len(op.payloads)
        ]
        fired = p > 0 and v >= p * op.threshold
        streaks[at] = streak + 1 if fired else 0
        held[at] = v - op.threshold * p if fired else v
        return p if fired else 0

    def _matched(self, op: ops.Correlate, name: str, x: Values, at: Index, t: int) -> int:
        template = self._network.by_name[self._network.by_name[name].inputs[1]].op
        assert isinstance(template, ops.Slot)
        z = self._slots[template.slot]
        z = z[t] if z.ndim == 4 else z
        total, share = 0, len(z) // op.groups
        mine = range(at[0] * share, (at[0] + 1) * share)
        for c, a, b in product(mine, range(z.shape[1]), range(z.shape[2])):
            here = (c, at[1] + a, at[2] + b)
            total += int(z[c, a, b]) * (_pair(x, here) if op.signed_pairs else x[here])
        return total

    def _sigma_delta(self, name: str, model: SigmaDelta, a: int, at: Index) -> int:
        us, vs = self._u.setdefault(name, {}), self._v.setdefault(name, {})
        residues = self._residue.setdefault(name, {})
        if model.receives == "changes":
            us[at] = us.get(at, 0) + a
        else:
            us[at] = a * 2 ** (model.spike_exp + model.state_exp)
        y = us[at] + _parameter(model.bias.data, at)
        if model.activation == "relu" and y < 0:
            y = 0
        change = y - vs.get(at, 0) + residues.get(at, 0)
        vs[at] = y
        if model.sends == "values":
            return y
        if abs(change) < _parameter(model.threshold.data, at):
            residues[at] = change
            return 0
        residues[at] = 0
        return change // 2**model.state_exp

    def _neuron(self, name: str, model: IntegerNeuron, a: int, at: Index, t: int) -> int:
        us, vs = self._u.setdefault(name, {}), self._v.setdefault(name, {})
        half = 1 << (model.state_bits - 1 if model.state_bits else 60)
        u = _rsz(us.get(at, 0) * model.u_keep) + a * 2**model.state_shift
        if u > half:
            u, self.wraps = u - 2 * half, self.wraps + 1
        elif u <= -half:
            u, self.wraps = u + 2 * half, self.wraps + 1
        v = _rsz(vs.get(at, _parameter(model.v_init.data, at)) * model.v_keep)
        v += u + _parameter(model.bias.data, at)
        if abs(v) > half - 1:
            v, self.clips = (half - 1 if v > 0 else 1 - half), self.clips + 1
        streak = self._streak.setdefault(name, {}).get(at, 0)
        count, by = len(model.payloads), _parameter(model.reset_by.data, at)
        p = model.payloads[min(streak, count - 1) if model.advance == "burst" else t % count]
        fired = p > 0 and v > _parameter(model.fire_above.data, at) + (p - 1) * by
        if fired:
            v = v - by * p if model.reset == "subtract" else 0
        us[at], vs[at] = u, v
        self._streak[name][at] = streak + 1 if fired else 0
        return p if fired else 0

    def _pooled(self, name: str, op: ops.SpikeMaxPool2d, x: Values, at: Index) -> int:
        c, i, j = at
        window = [
            (c, i * op.stride[0] + a, j * op.stride[1] + b)
            for a in range(op.kernel[0])
            for b in range(op.kernel[1])
        ]
        if op.rule == "or":
            return max(x.get(k, 0) for k in window)
        if i == j == 0:  # once per channel and timestep: overlapping windows share the counts
            counts = self._count.setdefault(name, {})
            counts.update({k: counts.get(k, 0) + s for k, s in x.items() if k[0] == c})
        best = max(self._count[name].get(k, 0) for k in window)
        if op.rule == "gate":
            return x.get(next(k for k in window if self._count[name].get(k, 0) == best), 0)
        before = self._best.setdefault(name, {}).get(at, 0)
        self._best[name][at] = best
        return best - before

    def _array(self, name: str, values: Values) -> npt.NDArray[np.int64]:
        out = np.zeros(self._network.types[name].shape, np.int64)
        for at, value in values.items():
            out[at] = value
        return out


def _tap_sum(op: ops.Conv2d, x: Values, at: Index) -> int:
    """One output of a cross-correlation with zero padding."""
    o, i, j = at
    out, per_in, k_y, k_x = op.weight.shape
    first = o // (out // op.groups) * per_in
    total = 0
    for c, a, b in product(range(per_in), range(k_y), range(k_x)):
        y = i * op.stride[0] + a * op.dilation[0] - op.padding[0]
        z = j * op.stride[1] + b * op.dilation[1] - op.padding[1]
        total += int(op.weight.data[o, c, a, b]) * x.get((first + c, y, z), 0)
    return total


def _pair(x: Values, at: Index) -> int:
    """x[2c] - x[2c + 1]."""
    return x[(2 * at[0], *at[1:])] - x[(2 * at[0] + 1, *at[1:])]


def _parameter(data: npt.NDArray[Any], at: Index) -> int:
    if data.ndim == 0:
        return int(data)
    return int(data[at[0]] if data.ndim == 1 else data[at])


def _rsz(x: int) -> int:
    return x >> 12 if x >= 0 else -(-x >> 12)


def _indices(shape: Index) -> Iterator[Index]:
    return product(*(range(extent) for extent in shape))
