"""Rows, runs and weights: built once per distinct tile shape and shared by all tiles of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.axes import Interval
from nmcompile.mapping.populations import Projection
from nmcompile.mapping.sparse import SparseRows, sparse_rows
from nmcompile.mapping.window import Hits

I32 = npt.NDArray[np.int32]
INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class Block:
    """The weights of one channel interval of a projection.

    Attributes:
        w_base: `(C_in,)` first weight of every source channel.
        width: `(C_in,)` target channels that it reaches; 0 for none.
        dst_base: `(C_in,)` first of them, relative to the interval.
    """

    w_base: I32
    width: I32
    dst_base: I32


class SynapseTables:
    """Collects the columns of `row`, `run`, `weight` and `slot`."""

    def __init__(self) -> None:
        self._weights: list[npt.NDArray[np.int16]] = []
        self._weight_count = 0
        self._slot: list[I32] = []
        self._rows: list[I32] = []
        self._row_count = 0
        self._runs: list[tuple[int, int, int]] = []
        self._blocks: dict[tuple[str, Interval], Block] = {}
        self._row_sets: dict[tuple[object, ...], int] = {}
        self._run_lists: dict[tuple[object, ...], tuple[int, int]] = {}
        self._sparse: dict[tuple[str, Interval], bool] = {}
        self._stored: dict[str, npt.NDArray[np.int16]] = {}

    def row_set(self, projection: Projection, c: Interval, width: int, y: Hits, x: Hits) -> int:
        """First row of one pattern: `C_in` rows, one for each source channel.

        Args:
            projection: the synapses.
            c: output channels of the tile.
            width: output columns of the tile.
            y: pattern along y. x: pattern along x.
        """
        key = (projection.node, c, width, y, x)
        if key not in self._row_sets:
            if self._is_sparse(projection, c):
                (_, tap_y), (_, tap_x) = y[0], x[0]
                matrix = self._weights_of(projection)[c[0] : c[1], :, tap_y, tap_x].T
                self._row_sets[key] = self._new_sparse_rows(sparse_rows(matrix), len(matrix))
            else:
                self._row_sets[key] = self._new_rows(projection, c, width, y, x)
        return self._row_sets[key]

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The finished columns."""
        rows = np.concatenate(self._rows, axis=1) if self._rows else np.zeros((4, 0), np.int32)
        runs = np.array(self._runs, np.int32).reshape(-1, 3)
        weights = np.concatenate(self._weights) if self._weights else np.zeros(0, np.int16)
        slot = np.concatenate(self._slot, axis=1) if self._slot else np.zeros((4, 0), np.int32)
        return {
            "row.run0": rows[0],
            "row.runs": rows[1],
            "row.dst_base": rows[2],
            "row.w_base": rows[3],
            "run.dst_off": runs[:, 0],
            "run.w_off": runs[:, 1],
            "run.length": runs[:, 2],
            "weight.value": weights,
            "slot.weight": slot[0],
            "slot.element": slot[1],
            "slot.sign": slot[2],
            "slot.word": slot[3],
        }

    def _new_rows(self, projection: Projection, c: Interval, width: int, y: Hits, x: Hits) -> int:
        block = self._block(projection, c)
        channels = len(block.w_base)
        lists = np.zeros((2, channels), np.int32)
        for targets in np.unique(block.width):
            if targets:
                pair = self._run_list(projection, c[1] - c[0], width, y, x, int(targets))
                lists[:, block.width == targets] = np.array(pair, np.int32)[:, None]
        first = self._row_count
        self._rows.append(np.stack([lists[0], lists[1], block.dst_base, block.w_base]))
        self._row_count += channels
        return first

    def _is_sparse(self, projection: Projection, c: Interval) -> bool:
        """Whether a linear layer takes less memory without its zeros."""
        key = (projection.node, c)
        if key not in self._sparse:
            linear = projection.y.size_out == projection.x.size_out == projection.groups == 1
            weight = projection.weight.data[c[0] : c[1]]
            matrix = weight.transpose(2, 3, 1, 0).reshape(-1, len(weight))
            self._sparse[key] = (
                linear
                and projection.elements is None
                and sparse_rows(matrix).size_bytes < matrix.size
            )
        return self._sparse[key]

    def _new_sparse_rows(self, sparse: SparseRows, rows: int) -> int:
        run0 = np.searchsorted(sparse.row, np.arange(rows + 1))
        before = np.concatenate([[0], np.cumsum(sparse.length)])
        table = np.zeros((4, rows), np.int32)
        table[0] = len(self._runs) + run0[:-1]
        table[1] = np.diff(run0)
        table[3] = self._weight_count + before[run0[:-1]]
        offset = before[:-1] - before[run0[:-1]][sparse.row]
        columns = (sparse.column, offset, sparse.length)
        self._runs += zip(*(c.tolist() for c in columns), strict=True)
        self._weights.append(sparse.weights)
        self._weight_count += len(sparse.weights)
        first = self._row_count
        self._rows.append(table)
        self._row_count += rows
        return first

    def _block(self, projection: Projection, c: Interval) -> Block:
        key = (projection.node, c)
        if key not in self._blocks:
            self._blocks[key] = self._new_block(projection, c)
        return self._blocks[key]

    def _new_block(self, projection: Projection, c: Interval) -> Block:
        channels = projection.source_shape[0]
        w_base, width, dst_base = (np.zeros(channels, np.int32) for _ in range(3))
        weight = self._weights_of(projection)
        out = projection.channels_out
        for group in range(c[0] // out, (c[1] - 1) // out + 1):
            low, high = max(c[0], group * out), min(c[1], (group + 1) * out)
            values = _stored(weight[low:high], projection)
            if projection.elements is not None:
                elements = _stored(projection.elements.data[low:high], projection)
                self._add_elements(elements, projection.word)
            start = group * projection.pitch + projection.first
            inputs = slice(start, start + projection.channels_in)
            w_base[inputs] = self._weight_count + np.arange(len(values)) * values.shape[1]
            width[inputs] = high - low
            dst_base[inputs] = low - c[0]
            self._weights.append(values.reshape(-1))
            self._weight_count += values.size
        return Block(w_base, width, dst_base)

    def _weights_of(self, projection: Projection) -> npt.NDArray[np.int16]:
        """All weights of a projection, looked through once."""
        if projection.node not in self._stored:
            self._stored[projection.node] = _checked(projection)
        return self._stored[projection.node]

    def _add_elements(self, elements: npt.NDArray[np.generic], word: int) -> None:
        """Note which weights, stored next, hold which elements of the slot."""
        signed = elements.reshape(-1).astype(np.int32)
        weights = self._weight_count + np.arange(len(signed), dtype=np.int32)
        columns = (weights, np.abs(signed) - 1, np.sign(signed), np.full_like(signed, word))
        self._slot.append(np.stack(columns))

    def _run_list(
        self, projection: Projection, channels: int, width: int, y: Hits, x: Hits, targets: int
    ) -> tuple[int, int]:
        """(first run, number of runs) of one pattern whose rows reach `targets` channels."""
        order = projection.x.tap_order
        key = (order, channels, width, y, x, targets)
        if key not in self._run_lists:
            place = {tap: i for i, tap in enumerate(order)}
            first = len(self._runs)
            for row, tap_y in y:
                start = len(self._runs)
                for column, tap_x in x:
                    tap = tap_y * len(order) + place[tap_x]
                    self._extend(start, (row * width + column) * channels, tap * targets, targets)
            self._run_lists[key] = (first, len(self._runs) - first)
        return self._run_lists[key]

    def _extend(self, start: int, dst_off: int, w_off: int, length: int) -> None:
        """Append a run, or lengthen the last one when both ends continue."""
        if len(self._runs) > start:
            last_dst, last_w, last_length = self._runs[-1]
            if (last_dst + last_length, last_w + last_length) == (dst_off, w_off):
                self._runs[-1] = (last_dst, last_w, last_length + length)
                return
        self._runs.append((dst_off, w_off, length))


def _stored(part: npt.NDArray[Any], projection: Projection) -> npt.NDArray[Any]:
    """`(source channel, taps y, taps x in storage order, target channels)`, two-dimensional."""
    ordered = part[:, :, :, list(projection.x.tap_order)]
    return np.ascontiguousarray(ordered.transpose(1, 2, 3, 0)).reshape(part.shape[1], -1)


def _checked(projection: Projection) -> npt.NDArray[np.int16]:
    data = projection.weight.data
    largest = int(np.abs(data.astype(np.int64)).max(initial=0))
    if largest > INT16.max:
        raise NmError(
            Diagnostic(
                code="NM0308",
                message="a weight does not fit the synapse tables",
                where=projection.layer,
                limit=f"{INT16.max}",
                found=f"{largest}",
                help=("quantise the network first",),
            )
        )
    return data.astype(np.int16)
