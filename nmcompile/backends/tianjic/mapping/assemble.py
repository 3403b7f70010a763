"""From boxes with their cores, and phases, to the tables of a core graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.forms import Forms
from nmcompile.backends.tianjic.mapping.layer import Box, Layer
from nmcompile.backends.tianjic.mapping.parameters import AS_IT_IS_ROW, parameter_rows
from nmcompile.backends.tianjic.mapping.phases import HOST_START
from nmcompile.backends.tianjic.mapping.planning import Plan
from nmcompile.backends.tianjic.mapping.stamp import Stamp, StampCore
from nmcompile.backends.tianjic.mapping.tiling import Tiled
from nmcompile.backends.tianjic.mapping.weight_blocks import WeightBlocks
from nmcompile.mapping.fcore_graph import INPUT, ORIGINAL, PART, PARTIAL, FCoreGraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]
_TILE = FCoreGraph.SCHEMA["tile"]
_CORE = FCoreGraph.SCHEMA["core"][4:]


class Assembler:
    """Writes the tables of one plan.

    Args:
        plan: the mapping. forms: in which cores may store weights.
    """

    def __init__(self, plan: Plan, forms: Forms) -> None:
        self._plan = plan
        names = [p.name for p in plan.split.populations]
        self._index = {name: i for i, name in enumerate(names)} | {plan.split.input.name: INPUT}
        self._cores: list[tuple[int, ...]] = []
        self._tiles: list[tuple[int, ...]] = []
        self._axons: list[I32] = []
        self._neurons: list[I32] = []
        self._readout: list[I32] = []
        self._axon_count = self._neuron_count = 0
        self._blocks = WeightBlocks(forms)
        self._parameters = _Parameters()

    def columns(self) -> Columns:
        """All columns but the places of cores, and traffic of 0."""
        for layer in self._plan.layers:
            rows = self._parameters.of_layer(layer)
            for box, stamp in layer.boxes:
                self._box(layer, box, stamp, rows)
        tables = {
            "core": (_CORE, _transposed(self._cores, len(_CORE))),
            "tile": (_TILE, _transposed(self._tiles, len(_TILE))),
            "axon": (FCoreGraph.SCHEMA["axon"], _joined(self._axons, 6)),
            "neuron": (FCoreGraph.SCHEMA["neuron"][:5], _joined(self._neurons, 5)),
            "readout": (FCoreGraph.SCHEMA["readout"], _joined(self._readout, 4)),
            "parameter": (FCoreGraph.SCHEMA["parameter"], self._parameters.table()),
            "host": (FCoreGraph.SCHEMA["host"], self._host()),
        }
        columns: Columns = {
            f"{table}.{name}": column
            for table, (names, rows) in tables.items()
            for name, column in zip(names, rows, strict=True)
        }
        columns["neuron.traffic"] = np.zeros(self._neuron_count, np.int64)
        return columns | self._blocks.columns()

    def _host(self) -> I32:
        split, times = self._plan.split, self._plan.times
        fold = times.folds[split.input.name]
        row = np.arange(split.input.shape[1])
        phase = HOST_START + row // fold.rows * fold.period
        return _table([row, phase])

    def _box(self, tiled: Tiled, box: Box, stamp: Stamp, rows: I64) -> None:
        layer = tiled.layer
        population = self._index[layer.population.name]
        first: list[int] = []
        for core in stamp.cores:
            first.append(self._neuron_count)
            axons = self._inputs(layer, box, stamp, core.inputs)
            if len(core.senders):
                part, neuron = core.senders.T
                axons = _partial_sums(np.array(first)[part] + neuron, core.channels)
            self._core(layer, stamp, core, population, axons.shape[1])
            self._axons.append(axons)
            self._outputs(layer, box, core, population, rows)
            self._axon_count += axons.shape[1]
            self._neuron_count += len(core.outputs)

    def _core(
        self, layer: Layer, stamp: Stamp, core: StampCore, population: int, axons: int
    ) -> None:
        fold, start = layer.fold, self._plan.times.start[layer.population.name] + core.level
        word = np.array([p.word for p in layer.population.projections], np.int64)
        words = word[stamp.block.projection[core.inputs]]
        moves = (fold.nx, fold.rows, fold.columns, 0, 0)
        if core.turns > 1:
            moves = (core.turns, fold.rows, 0, core.channels, core.channels)
        self._cores.append(
            (
                *(self._axon_count, axons, self._neuron_count, len(core.outputs)),
                *(self._blocks.number(core, words), population, core.kind),
                *(start, fold.period, fold.ny, *moves),
            )
        )

    def _inputs(self, layer: Layer, box: Box, stamp: Stamp, which: I64) -> I32:
        """Columns of the axons that read elements of maps."""
        projections, fold, block = layer.population.projections, layer.fold, stamp.block
        through = block.projection[which]
        source = np.array([self._index[p.source] for p in projections], np.int64)
        stride_y = np.array([p.y.stride for p in projections], np.int64)
        stride_x = np.array([p.x.stride for p in projections], np.int64)
        return _table(
            [
                *(source[through], block.c[which]),
                block.y[which] + box.y[0] * stride_y[through],
                block.x[which] + box.x[0] * stride_x[through],
                *(fold.rows * stride_y[through], fold.columns * stride_x[through]),
            ]
        )

    def _outputs(self, layer: Layer, box: Box, core: StampCore, population: int, rows: I64) -> None:
        """Neurons of a core, and which of them are read out."""
        height, channels = box.y[1] - box.y[0], box.c[1] - box.c[0]
        x, rest = np.divmod(core.outputs, height * channels)
        y, c = np.divmod(rest, channels)
        c, y, x = c + box.c[0], y + box.y[0], x + box.x[0]
        parameter = np.full(len(c), self._parameters.as_it_is)
        if core.final:
            parameter = rows[c, y % rows.shape[1], x % rows.shape[2]]
        role = np.full(len(c), ORIGINAL if core.final else PART)
        originals = len(c) if core.final else 0
        sides = [int(n) for at in (y, x, c) for n in (at.min(initial=0), at.max(initial=-1) + 1)]
        tile = (len(self._cores) - 1, self._neuron_count, originals, population, *sides)
        self._tiles.append(tile)
        self._neurons.append(_table([parameter, c, y, x, role]))
        if core.final and layer.population.name == self._plan.split.output:
            self._readout.append(_read_out(layer, core, self._neuron_count, (c, y, x)))


def _read_out(layer: Layer, core: StampCore, neuron0: int, place: tuple[I64, I64, I64]) -> I32:
    """Columns of the read-out of some neurons, step by step."""
    (c, y, x), fold = place, layer.fold
    _, height, width = layer.population.shape
    ky, kx, n = np.indices((fold.ny, fold.nx * core.turns, len(c))).reshape(3, -1)
    row, column = y[n] + ky * fold.rows, x[n] + (kx * fold.columns if core.turns == 1 else 0)
    there = (row < height) & (column < width)
    channel = c[n] if core.turns == 1 else c[n] + kx * core.channels
    index = (channel * height + row) * width + column
    return _table([neuron0 + n[there], ky[there], kx[there], index[there]])


def _partial_sums(senders: I64, channels: int) -> I32:
    """Columns of the axons that read partial sums."""
    axons = np.zeros((6, len(senders)), np.int32)
    axons[0], axons[1], axons[5] = PARTIAL, senders, channels
    return axons


class _Parameters:
    """Rows of neuron parameters, of every layer once."""

    def __init__(self) -> None:
        self._rows: list[I32] = [AS_IT_IS_ROW[None]]
        self._count = 1
        self.as_it_is = 0

    def of_layer(self, tiled: Tiled) -> I64:
        """`(C, H or 1, W or 1)` row of every output; one after the other where they take turns."""
        table = parameter_rows(tiled.layer.population)
        rows = table.reshape(-1, table.shape[-1])
        inverse = np.arange(len(rows))
        if tiled.turns == 1:
            rows, inverse = np.unique(rows, axis=0, return_inverse=True)
        self._rows.append(rows)
        numbers: I64 = (self._count + inverse.reshape(-1)).reshape(table.shape[:-1])
        self._count += len(rows)
        return numbers

    def table(self) -> I32:
        """The finished columns."""
        return np.concatenate(self._rows).T


def _table(columns: Sequence[npt.NDArray[Any]]) -> I32:
    found: I32 = np.stack(columns).astype(np.int32)
    return found


def _transposed(rows: Sequence[tuple[int, ...]], columns: int) -> I32:
    return np.array(rows, np.int32).reshape(-1, columns).T


def _joined(parts: Sequence[I32], columns: int) -> I32:
    return np.concatenate(parts, axis=1) if parts else np.zeros((columns, 0), np.int32)
