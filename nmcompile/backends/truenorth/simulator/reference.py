"""Crossbar cores in plain Python: what the compiled engine must equal, spike for spike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.simulator import generator
from nmcompile.backends.truenorth.simulator.events import Events, Trace
from nmcompile.backends.truenorth.simulator.frame import FrameSimulator
from nmcompile.mapping.crossbar_graph import AXON_TYPES, WORD_BITS, CrossbarGraph

SCHEDULER_SLOTS = 16


@dataclass(frozen=True)
class Parameters:
    """Configuration of a neuron; the letters are those of `update`.

    Attributes:
        weights: s_g. stochastic: b_g. leak: lambda. stochastic_leak: c. leak_reversal: epsilon.
        threshold: alpha. mask_bits: TM. floor: beta. floor_mode: kappa. reset_value: R.
        reset_mode: gamma.
    """

    weights: tuple[int, ...]
    stochastic: tuple[int, ...]
    leak: int
    stochastic_leak: int
    leak_reversal: int
    threshold: int
    mask_bits: int
    floor: int
    floor_mode: int
    reset_value: int
    reset_mode: int


def update(
    v: int, p: Parameters, events: Mapping[int, int], clip: int, draws: Mapping[int, int]
) -> tuple[int, bool]:
    """One tick of one neuron.

    With F(s, rho) = 1 if |s| >= rho else 0, fresh rho in 0 ... 255, and sgn(0) = 0:

    1. For every event of type g: V += (1 - b_g) s_g + b_g F(s_g, rho) sgn(s_g).
    2. Omega = (1 - eps) + eps sgn(V);
       V += Omega [(1 - c) lambda + c F(lambda, rho) sgn(lambda)];
       with eps = 1 a leak that would change the sign of V ends at 0.
    3. V is clipped to -clip ... clip.
    4. eta = a fresh random number of TM bits. If V >= alpha + eta, the neuron spikes, and
       gamma = 0: V = R; 1: V -= alpha + eta; 2: V stays. Else if V < -[beta kappa +
       (beta + eta)(1 - kappa)], kappa = 1: V = -beta; kappa = 0 and gamma = 0: V = -R;
       1: V += beta + eta; 2: V stays.

    Source: Cassidy et al., IJCNN 2013, doi 10.1109/IJCNN.2013.6707077; the order of the terms
    agrees with the simulator NeMo. Assumed: the width of rho, the sign of the leak (plus), and
    that a membrane which leaves the register saturates, once per tick, after the leak.

    Args:
        v: membrane V. p: parameters.
        events: active axon (numbered within the core) with a synapse to the neuron -> its type.
        clip: of the membrane.
        draws: index of `generator.draw` -> 64 random bits.

    Returns:
        V, and whether the neuron spiked.
    """
    for axon, kind in events.items():
        weight = p.weights[kind]
        rho = draws[generator.SYNAPSE0 + axon] >> generator.RHO_SHIFT
        v += (abs(weight) >= rho) * sign(weight) if p.stochastic[kind] else weight

    rho = draws[generator.LEAK] >> generator.RHO_SHIFT
    leak = (abs(p.leak) >= rho) * sign(p.leak) if p.stochastic_leak else p.leak
    omega = sign(v) if p.leak_reversal else 1
    leaked = v + omega * leak
    v = 0 if p.leak_reversal and sign(leaked) == -sign(v) else leaked

    v = max(-clip, min(clip, v))

    eta = draws[generator.THRESHOLD] % 2**p.mask_bits
    upper, lower = p.threshold + eta, p.floor + eta * (1 - p.floor_mode)
    if v >= upper:
        return {0: p.reset_value, 1: v - upper, 2: v}[p.reset_mode], True
    if v >= -lower:
        return v, False
    if p.floor_mode:
        return -p.floor, False
    return {0: -p.reset_value, 1: v + lower, 2: v}[p.reset_mode], False


def sign(value: int) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


class ReferenceCores(FrameSimulator):
    """Simulates one mapped network, neuron by neuron.

    Args:
        graph: the network. seed: of its random numbers.
    """

    def __init__(self, graph: CrossbarGraph, *, seed: int = 0) -> None:
        super().__init__(graph)
        self._seed = seed
        names = ("parameter", "target_core", "target_axon", "target_delay")
        self._neuron = {name: graph[f"neuron.{name}"].tolist() for name in names}
        self._core = {name: graph[f"core.{name}"].tolist() for name in graph.SCHEMA["core"]}
        self._types = graph["axon.type"].tolist()
        self._parameters = _parameters(graph)
        self.write_crossbars()
        self.reset()

    def reset(self) -> None:
        """See `FrameSimulator.reset`."""
        self._tick = 0
        self.begin_frame()

    def begin_frame(self) -> None:
        """See `FrameSimulator.begin_frame`."""
        self._v: list[int] = self.graph["neuron.v_init"].tolist()
        self._scheduler: list[set[tuple[int, int]]] = [set() for _ in range(SCHEDULER_SLOTS)]

    def write_crossbars(self) -> None:
        """See `FrameSimulator.write_crossbars`."""
        self._synapses = [_synapses(self.graph, b) for b in range(self.graph.size("block"))]

    def membranes(self) -> npt.NDArray[np.int32]:
        """See `FrameSimulator.membranes`."""
        return np.array(self._v, np.int32)

    def advance(self, ticks: int, events: Events | None = None) -> Trace:
        """See `FrameSimulator.advance`."""
        graph = self.graph
        spikes = np.zeros((ticks, graph.neurons), np.bool_)
        arrived = np.zeros((ticks, graph.size("axon")), np.bool_)
        for row in range(ticks):
            self._tick += 1
            slot = self._tick % SCHEDULER_SLOTS
            active = self._scheduler[slot] | (events.at(row) if events is not None else set())
            self._scheduler[slot] = set()
            for core, axon in active:
                arrived[row, self._core["axon0"][core] + axon] = True
            for core in range(graph.cores):
                mine = [axon for where, axon in active if where == core]
                self._run_core(core, mine, spikes[row])
            self._deliver(spikes[row])
        return Trace(spikes, arrived)

    def _run_core(self, core: int, active: list[int], spikes: npt.NDArray[np.bool_]) -> None:
        first, axon0 = self._core["neuron0"][core], self._core["axon0"][core]
        synapses = self._synapses[self._core["block"][core]]
        for j in range(self._core["neurons"][core]):
            events = {a: self._types[axon0 + a] for a in active if synapses[a][j]}
            parameters = self._parameters[self._neuron["parameter"][first + j]]
            draws = _Draws(self._seed, core, j, self._tick)
            self._v[first + j], spikes[first + j] = update(
                self._v[first + j], parameters, events, self.graph.membrane_clip, draws
            )

    def _deliver(self, spikes: npt.NDArray[np.bool_]) -> None:
        for neuron in np.flatnonzero(spikes).tolist():
            core = self._neuron["target_core"][neuron]
            if core >= 0:
                arrival = self._tick + self._neuron["target_delay"][neuron]
                axon = self._neuron["target_axon"][neuron]
                self._scheduler[arrival % SCHEDULER_SLOTS].add((core, axon))


class _Draws(dict[int, int]):
    """The draws of one neuron in one tick, made when they are asked for."""

    def __init__(self, *place: int) -> None:
        super().__init__()
        self._place = place

    def __missing__(self, index: int) -> int:
        seed, core, neuron, tick = self._place
        return generator.draw(seed, core, neuron, tick, index)


def _parameters(graph: CrossbarGraph) -> list[Parameters]:
    column = {name: graph[f"parameter.{name}"].tolist() for name in graph.SCHEMA["parameter"]}
    weights = zip(*(column.pop(f"weight{g}") for g in range(AXON_TYPES)), strict=True)
    stochastic = zip(*(column.pop(f"stochastic{g}") for g in range(AXON_TYPES)), strict=True)
    rest = [dict(zip(column, row, strict=True)) for row in zip(*column.values(), strict=True)]
    return [
        Parameters(weights=w, stochastic=b, **row)
        for w, b, row in zip(weights, stochastic, rest, strict=True)
    ]


def _synapses(graph: CrossbarGraph, block: int) -> npt.NDArray[np.bool_]:
    """`(axons, neurons)` of a crossbar."""
    axons, neurons = (int(graph[f"block.{name}"][block]) for name in ("axons", "neurons"))
    words, first = -(-neurons // WORD_BITS), int(graph["block.word0"][block])
    rows = graph["crossbar.word"][first : first + axons * words].reshape(axons, words)
    bits = np.unpackbits(rows.astype("<u8").view(np.uint8), axis=1, bitorder="little")
    return bits[:, :neurons].astype(np.bool_)
