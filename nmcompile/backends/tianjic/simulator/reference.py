"""Functional cores in plain Python: what the fast engine must equal, value for value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.simulator.frame import FrameSimulator
from nmcompile.backends.tianjic.simulator.trace import Trace
from nmcompile.ir.neurons import PAYLOAD_MAX
from nmcompile.mapping.fcore_graph import (
    INPUT,
    MAXIMUM,
    ORIGINAL,
    PARTIAL,
    RELU8,
    SPIKING,
    FCoreGraph,
)

I32 = npt.NDArray[np.int32]
Row = dict[str, int]
"""One row of a table, by column."""
Output = tuple[int, int, int, int, int]
"""Physical neuron, channel, row and column of its element, value."""


def send(sum_: int, v: int, p: Row) -> tuple[int, int]:
    """What a neuron sends, and its membrane afterwards; the equations are in `ir.neurons`.

    Args:
        sum_: of its inputs (or their maximum). v: its membrane. p: its parameters.
    """
    if p["kind"] == RELU8:
        scaled = ((sum_ + p["bias"]) * p["multiplier"] + (1 << (p["shift"] - 1))) >> p["shift"]
        return max(0, min(p["fire_above"] or PAYLOAD_MAX, scaled)), v
    if p["kind"] != SPIKING:
        return sum_, v
    kept = abs(v) * p["v_keep"] >> 12
    v = (kept if v >= 0 else -kept) + sum_ + p["bias"]
    if p["state_bits"]:
        most = 2 ** (p["state_bits"] - 1) - 1
        v = max(-most, min(most, v))
    if v <= p["fire_above"]:
        return 0, v
    return 1, v - p["reset_by"] if p["reset"] else 0


class ReferenceFCores(FrameSimulator):
    """Simulates one mapped network, neuron by neuron.

    Args:
        graph: the network.
    """

    def __init__(self, graph: FCoreGraph) -> None:
        super().__init__(graph)
        self._core, self._axon, self._block, self._parameter, self._neuron, self._host = (
            _rows(graph, table)
            for table in ("core", "axon", "block", "parameter", "neuron", "host")
        )
        self._entry: list[int] = graph["entry.value"].tolist()
        self.reset()

    def reset(self) -> None:
        """See `FrameSimulator.reset`."""
        graph = self.graph
        self._map = {i: np.zeros(p.shape, np.int64) for i, p in enumerate(graph.populations)}
        self._map[INPUT] = np.zeros(graph.input_shape3, np.int64)
        self._partial = np.zeros(graph.neurons, np.int64)
        self._v = {i: np.zeros(p.shape, np.int64) for i, p in enumerate(graph.populations)}

    def advance(self, train: I32, phases: int, first: int) -> Trace:
        """See `FrameSimulator.advance`."""
        graph, (channels, height, width) = self.graph, self.graph.input_shape3
        images = train.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
        self._values = np.zeros((len(train), int(self.first[-1])), np.uint8)
        self._operations = np.zeros((phases, graph.cores), np.int64)
        self._active = np.zeros((phases, graph.cores), np.int64)
        self._macs = np.zeros(graph.cores, np.int64)
        self._zero_accesses = 0
        self._sent: list[list[int]] = [[] for _ in range(phases)]
        for phase in range(-1, phases):
            # Everybody reads before anybody writes.
            written = [
                self._step(core, t, ky, kx, phase)
                for core in range(graph.cores)
                for t, ky, kx in self._due(self._core[core], phase, len(train))
            ]
            for core, t, outputs in written:
                self._write(core, t, outputs, phase)
            self._send_rows(images, phase)
        sent0 = np.cumsum([0, *(len(s) for s in self._sent)])
        v = [self._v[i].transpose(1, 2, 0).reshape(-1) for i in range(len(graph.populations))]
        return Trace(
            first=first,
            values=self._values[:, first:],
            v=np.concatenate([np.zeros(self.first[1], np.int64), *v]).astype(np.int32),
            operations=self._operations,
            macs=self._macs,
            zero_accesses=self._zero_accesses,
            active=self._active,
            sent0=sent0.astype(np.int64),
            sent=np.array([n for s in self._sent for n in s], np.int64),
        )

    def _due(self, core: Row, phase: int, timesteps: int) -> list[tuple[int, int, int]]:
        """(timestep, ky, kx) of the step that a core runs in a phase, if any."""
        t, rest = divmod(phase - core["start"], self.graph.interval)
        ky, kx = divmod(rest, core["period"])
        due = 0 <= t < timesteps and ky < core["ny"] and kx < core["nx"]
        return [(t, ky, kx)] if due else []

    def _read(self, axon: Row, ky: int, kx: int) -> int:
        if axon["source"] == PARTIAL:
            return int(self._partial[axon["c"] + kx * axon["dx"]])
        source = self._map[axon["source"]]
        y, x = axon["y"] + ky * axon["dy"], axon["x"] + kx * axon["dx"]
        inside = 0 <= y < source.shape[1] and 0 <= x < source.shape[2]
        return int(source[axon["c"], y, x]) if inside else 0

    def _weights(self, core: Row) -> list[list[int]]:
        """Weights of a core, axon by axon; those that it stores by index are looked up."""
        block, shape = self._block[core["block"]], (core["axons"], core["neurons"])
        part = slice(block["weight0"], block["weight0"] + shape[0] * shape[1])
        if not block["entries"]:
            return self.weights.value[part].reshape(shape).tolist()  # type: ignore[no-any-return]
        stored = self.graph["weight.value"][part].reshape(shape).tolist()
        return [[self._entry[block["entry0"] + index] for index in row] for row in stored]

    def _step(
        self, number: int, t: int, ky: int, kx: int, phase: int
    ) -> tuple[int, int, list[Output]]:
        """Run one step of a core; returns what its neurons send."""
        core, graph = self._core[number], self.graph
        axons = range(core["axon0"], core["axon0"] + core["axons"])
        inputs = [self._read(self._axon[a], ky, kx) for a in axons]
        block = self._weights(core)
        _, height, width = graph.populations[core["population"]].shape
        membranes = self._v[core["population"]]
        outputs, counted = [], 0
        for j in range(core["neurons"]):
            neuron = self._neuron[core["neuron0"] + j]
            y, x = neuron["y"] + ky * core["ey"], neuron["x"] + kx * core["ex"]
            if y >= height or x >= width:
                continue
            c = neuron["c"] + kx * core["ec"]
            met = [(a, v * row[j]) for a, v, row in zip(axons, inputs, block, strict=True)]
            met = [(a, product) for a, product in met if product]
            counted += len(met)
            self._macs[number] += sum(self._is_value(self._axon[a]["source"]) for a, _ in met)
            products = [product for _, product in met]
            total = max([0, *products]) if core["kind"] == MAXIMUM else sum(products)
            parameter = self._parameter[neuron["parameter"] + kx * core["ep"]]
            own = parameter["kind"] == SPIKING
            v = int(membranes[c, y, x]) if own else 0
            if t % graph.timesteps == 0:
                v = parameter["v_init"]
            value, v = send(total, v, parameter)
            if own:
                membranes[c, y, x] = v
            self._active[phase, number] += bool(total or value)
            outputs.append((core["neuron0"] + j, c, y, x, value))
        self._operations[phase, number] += counted
        self._zero_accesses += sum(map(bool, inputs)) * core["neurons"] - counted
        return number, t, outputs

    def _is_value(self, source: int) -> bool:
        return source >= INPUT and bool(self.graph.carries_values[source + 1])

    def _write(self, core: int, t: int, outputs: list[Output], phase: int) -> None:
        population = self._core[core]["population"]
        channels, _, width = self.graph.populations[population].shape
        for number, c, y, x, value in outputs:
            neuron = self._neuron[number]
            if value:
                self._sent[phase].append(number)
            if neuron["role"] == ORIGINAL:
                self._map[population][c, y, x] = value
                element = (y * width + x) * channels + c
                self._values[t, self.first[1 + population] + element] = value
            else:
                self._partial[number] = value

    def _send_rows(self, images: I32, phase: int) -> None:
        """The host's rows of a phase."""
        channels, _, width = self.graph.input_shape3
        for entry in self._host:
            t, rest = divmod(phase - entry["phase"], self.graph.interval)
            if rest == 0 and 0 <= t < len(images):
                row = images[t, :, entry["row"]]
                self._map[INPUT][:, entry["row"]] = row
                first = entry["row"] * width * channels
                events = first + np.flatnonzero(row.T.reshape(-1))
                # What the host sends before phase 0 counts in it.
                self._sent[max(0, phase)] += (self.graph.neurons + events).tolist()


def _rows(graph: FCoreGraph, table: str) -> list[Row]:
    columns = [graph[f"{table}.{name}"].tolist() for name in graph.SCHEMA[table]]
    return [dict(zip(graph.SCHEMA[table], row, strict=True)) for row in zip(*columns, strict=True)]
