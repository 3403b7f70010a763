"""Tiles of a dense layer that hear the same spikes, simulated side by side as one wide tile.

On the chip every such tile looks at every spike; one loop over their neurons together does the
same work with fewer and longer vector instructions. The wide tile is cut into parts, one for each
tile of the mapped graph, so that what the cores did is still counted core by core. Groups of its
neurons that the same wide tiles hear are one group likewise, in shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi import columns as c
from nmcompile.backends.loihi.arrive import LANE_BITS, LANES
from nmcompile.backends.loihi.tables import I32, I64, NEURON, U64, Tables, tables_of
from nmcompile.mapping.coregraph import SCHEMA, CoreGraph
from nmcompile.mapping.graph import Column

WIDTH = 512
"""Neurons that a wide tile has about; layers of more are shared among threads."""
Members = tuple[int, ...]


@dataclass(frozen=True)
class Wide:
    """What is simulated in the place of a mapped graph.

    Attributes:
        graph: the same network with wide tiles; its cores and routes mean nothing.
        members: the tiles of the mapped graph in every tile, in the order of its neurons.
        group: `(shares,)` group of the mapped graph, for every share of a group.
        share0: `(groups + 1,)` first share of every group.
        share: `(lines,)` of the lines of joined groups.
        sizes: `(parts,)` neurons of every part.
        rows: `(tiles of several parts,)` rows of each; they stand behind all others.
        nonzero: `(words,)` non-zero weights of every part, row after row of these tiles.
    """

    graph: CoreGraph
    members: tuple[Members, ...]
    group: I64
    share0: I64
    share: I32
    sizes: I64
    rows: I64
    nonzero: U64

    @property
    def tiles(self) -> I64:
        """`(parts,)` tile of the mapped graph, for every part."""
        return np.array([tile for own in self.members for tile in own], np.int64)


def as_mapped(graph: CoreGraph) -> Wide:
    """Every tile for itself."""
    members = tuple((tile,) for tile in range(graph.size("tile")))
    none = np.zeros(0, np.int64)
    sizes = graph["tile.neurons"].astype(np.int64)
    groups = np.arange(graph.size("group") + 1)
    share, nonzero = np.zeros(0, np.int32), np.zeros(0, np.uint64)
    return Wide(graph, members, groups[:-1], groups, share, sizes, none, nonzero)


def widened(graph: CoreGraph, tables: Tables) -> Wide:
    """The graph with wide tiles where there are any; `tables` are those of the mapped graph."""
    members = _members(graph, tables)
    if len(members) == graph.size("tile"):
        return as_mapped(graph)
    return _Widener(graph, tables, members).wide()


def _members(graph: CoreGraph, tables: Tables) -> tuple[Members, ...]:
    """Tiles that can be one, in the order of their first."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for tile in np.flatnonzero(_dense(graph, tables)).tolist() if not graph.slot else ():
        own = tables.inputs[tables.tile[tile, c.TILE_IN0] : tables.tile[tile, c.TILE_IN1]]
        place = tuple(int(graph[f"tile.{name}"][tile]) for name in ("population", "profile"))
        heard = own[:, [c.IN_GROUP, c.IN_DELAY]].tobytes()
        alike.setdefault((*place, heard), []).append(tile)
    joined = [m for tiles in alike.values() for m in _joined(graph, tiles)]
    inside = {tile for own in joined for tile in own}
    alone: list[Members] = [(tile,) for tile in range(graph.size("tile")) if tile not in inside]
    return tuple(sorted(joined + alone))


def _dense(graph: CoreGraph, tables: Tables) -> npt.NDArray[np.bool_]:
    """`(tiles,)` neurons of one position whose inputs are binary and reach all of them."""
    profile = tables.profile[tables.tile[:, c.TILE_PROFILE]]
    shapes = np.array([info.shape for info in graph.populations])[graph["tile.population"]]
    plain: npt.NDArray[np.bool_] = (profile[:, c.KIND] == NEURON) & (profile[:, c.PORTS] == 1)
    plain &= (profile[:, c.WIDE_SUMS] == 0) & np.all(shapes[:, 1:] == 1, axis=1)
    inputs, tile = tables.inputs, tables.tile
    reader = np.repeat(np.arange(len(tile)), tile[:, c.TILE_IN1] - tile[:, c.TILE_IN0])
    whole = inputs[:, c.IN_STEP] != c.MIXED
    whole &= tables.group[inputs[:, c.IN_GROUP], c.GROUP_PAYLOAD0] < 0
    if not len(tables.row) or not len(tables.run):
        return np.zeros_like(plain)
    row = tables.row[np.minimum(inputs[:, c.IN_ROW], len(tables.row) - 1)]
    run = tables.run[np.minimum(row[:, c.ROW_RUN0], len(tables.run) - 1)]
    start = inputs[:, c.IN_ACC] + row[:, c.ROW_DST] + run[:, c.RUN_DST]
    whole &= (row[:, c.ROW_RUNS] == 1) & (start == tile[reader, c.TILE_ACC0])
    whole &= run[:, c.RUN_LENGTH] == tile[reader, c.TILE_NEURONS]
    plain[reader[~whole]] = False
    return plain & (tile[:, c.TILE_IN1] > tile[:, c.TILE_IN0])


def _joined(graph: CoreGraph, tiles: Sequence[int]) -> list[Members]:
    """Neighbouring tiles together as long as they are not too wide; only what is more than one."""
    low, high = graph["tile.c0"], graph["tile.c1"]
    found: list[list[int]] = []
    for tile in sorted(tiles, key=lambda t: int(low[t])):
        if found and high[found[-1][-1]] == low[tile]:
            found[-1].append(tile)
        else:
            found.append([tile])
    joined: list[Members] = []
    for own in found:
        width = int(high[own[-1]] - low[own[0]])
        pieces = np.array_split(np.array(own), max(1, round(width / WIDTH)))
        joined += [tuple(piece.tolist()) for piece in pieces if len(piece) > 1]
    return joined


def _words(parts: Any) -> Any:
    """Words in which the counts of so many parts stand."""
    return -(-parts // LANES)


class _Widener:
    """Writes the tables of the graph with wide tiles."""

    def __init__(self, graph: CoreGraph, tables: Tables, members: tuple[Members, ...]) -> None:
        self.graph, self.tables, self.members = graph, tables, members
        order = np.array([tile for own in members for tile in own], np.int64)
        size = graph["tile.neurons"].astype(np.int64)
        first = graph["tile.neuron0"].astype(np.int64)
        self.neuron = np.concatenate([np.arange(first[t], first[t] + size[t]) for t in order])
        self.line = np.arange(graph.neurons + graph.size("host"))
        self.line[self.neuron] = np.arange(graph.neurons)
        self.new_tile = np.zeros(len(order) + 1, np.int64)
        self.new_tile[order] = np.repeat(np.arange(len(members)), [len(m) for m in members])
        self.new_tile[-1] = len(members)
        self.line0 = self.line[graph["group.line0"]]
        # Shares, in the order of their lines; groups begin where one is not joined to the last.
        self.group = np.lexsort((self.line0, self.new_tile[graph["group.tile"]]))
        begins = ~self._joined_to_last()
        self.share0 = np.append(np.flatnonzero(begins), len(self.group))
        self.share = np.argsort(self.group)
        self.new_group = (np.cumsum(begins) - 1)[self.share]
        self.nonzero: list[U64] = []

    def wide(self) -> Wide:
        """The whole."""
        graph, lead = self.graph, np.array([own[0] for own in self.members])
        neurons = [sum(int(graph["tile.neurons"][t]) for t in own) for own in self.members]
        ports = self.tables.profile[graph["tile.profile"][lead], c.PORTS]
        sizes, spans = np.array(neurons), np.array(neurons) * ports
        acc0 = np.cumsum(spans) - spans
        columns = {f"tile.{name}": graph[f"tile.{name}"][lead] for name in SCHEMA["tile"]}
        columns |= {
            "tile.core": np.arange(len(lead)),
            "tile.neuron0": np.cumsum(sizes) - sizes,
            "tile.neurons": sizes,
            "tile.acc0": acc0,
            "tile.c1": graph["tile.c1"][[own[-1] for own in self.members]],
        }
        columns |= {f"core.{name}": np.zeros(len(lead)) for name in SCHEMA["core"]}
        columns |= {f"neuron.{n}": graph[f"neuron.{n}"][self.neuron] for n in SCHEMA["neuron"]}
        for column in ("readout.neuron", "pixel.neuron"):
            columns[column] = self.line[graph[column]]
        columns |= self._groups() | self._synapses(acc0)
        parts = np.array([graph["tile.neurons"][t] for own in self.members for t in own], np.int64)
        rows = np.array([len(counts) for counts in self.nonzero], np.int64)
        nonzero = np.concatenate([counts.reshape(-1) for counts in self.nonzero])
        return Wide(
            *(graph.replace(columns), self.members, self.group, self.share0, self._share_of()),
            *(parts, rows, nonzero),
        )

    def _share_of(self) -> I32:
        lines = self.graph["group.lines"][self.group]
        number = np.repeat(np.arange(len(lines)), lines)
        within = np.arange(len(number)) - np.repeat(np.cumsum(lines) - lines, lines)
        share = np.zeros(len(self.line), np.int32)
        share[self.line0[self.group][number] + within] = number
        return share

    def _joined_to_last(self) -> npt.NDArray[np.bool_]:
        """`(shares,)` whether a wide tile's lines go on here and the same wide tiles hear them."""
        graph, order = self.graph, self.group
        tile, first = self.new_tile[graph["group.tile"][order]], self.line0[order]
        follows = np.diff(first, prepend=-1) == np.append(0, graph["group.lines"][order[:-1]])
        follows &= np.diff(tile, prepend=-1) == 0
        follows &= np.array([len(own) > 1 for own in self.members] + [False])[tile]
        heard: list[list[tuple[int, int]]] = [[] for _ in order]
        for reader, own in enumerate(self.members):
            inputs = self._inputs(own[0])[:, [c.IN_GROUP, c.IN_DELAY]]
            for group, delay in inputs.tolist():
                # What a tile that is not wide hears, or hears twice, stays as it is.
                once = len(own) > 1 and (reader, delay) not in heard[group]
                heard[group].append((reader, delay) if once else (-1 - group, 0))
        alike = [heard[a] == heard[b] for a, b in pairwise(order.tolist())]
        joined: npt.NDArray[np.bool_] = follows & np.append(False, alike)
        return joined

    def _groups(self) -> dict[str, Column]:
        graph, first = self.graph, self.group[self.share0[:-1]]
        tile = graph["group.tile"][first]
        return {
            "group.line0": self.line0[first],
            "group.lines": np.add.reduceat(graph["group.lines"][self.group], self.share0[:-1]),
            "group.traffic": np.add.reduceat(graph["group.traffic"][self.group], self.share0[:-1]),
            "group.tile": np.where(tile < 0, -1, self.new_tile[tile]),
        }

    def _synapses(self, acc0: I64) -> dict[str, Column]:
        """Axons, routes, rows, runs and weights; those of wide tiles behind all others."""
        graph = self.graph
        rows, runs, weights = graph.size("row"), graph.size("run"), graph.size("weight")
        new_rows, new_runs = [np.zeros((0, 4), np.int64)], [np.zeros((0, 3), np.int64)]
        blocks, axons = [graph["weight.value"]], []
        for tile, own in enumerate(self.members):
            wide = len(own) > 1
            axons.append(self._axons(tile, own, int(acc0[tile]), rows if wide else None))
            if not wide:
                continue
            block = self._block(own)
            count, width = block.shape
            new_row = np.zeros((count, 4), np.int64)
            new_row[:, 0], new_row[:, 1] = runs, 1
            new_row[:, 3] = weights + np.arange(count) * width
            new_rows.append(new_row)
            new_runs.append(np.array([[0, 0, width]]))
            blocks.append(block.reshape(-1))
            rows, runs, weights = rows + count, runs + 1, weights + block.size
        tile_of, number, group, delay, row_base, acc_base = np.concatenate(axons).T
        found = {"axon.core": tile_of, "axon.tile": tile_of, "route.core": tile_of}
        found |= {"axon.row_base": row_base, "axon.acc_base": acc_base, "route.axon": number}
        found |= {"route.group": group, "route.delay": delay}
        found["weight.value"] = np.concatenate(blocks)
        for name, tables in (("row", new_rows), ("run", new_runs)):
            for column, values in zip(SCHEMA[name], np.concatenate(tables).T, strict=True):
                whole = f"{name}.{column}"
                found[whole] = np.concatenate([graph[whole], values])
        return found

    def _axons(self, tile: int, own: Members, acc0: int, row0: int | None) -> I64:
        """`(in-axons, 6)`: tile, number, group, delay, row and accumulator.

        Rows of a wide tile begin at `row0`, those of another tile stay where they are.
        """
        inputs = self._inputs(own[0])
        if row0 is not None:
            inputs = inputs[self._order(inputs)]
        group, delay = self.new_group[inputs[:, c.IN_GROUP]], inputs[:, c.IN_DELAY]
        row, acc = inputs[:, c.IN_ROW], np.full(len(inputs), acc0, np.int64)
        if row0 is None:
            acc += inputs[:, c.IN_ACC] - self.tables.tile[own[0], c.TILE_ACC0]
        else:
            lines = self.graph["group.lines"][inputs[:, c.IN_GROUP]].astype(np.int64)
            row = row0 + np.cumsum(lines) - lines
            first = self.share[inputs[:, c.IN_GROUP]] == self.share0[group]
            group, delay, row, acc = group[first], delay[first], row[first], acc[first]
        own_tile, number = np.full(len(group), tile), np.arange(len(group))
        columns = (own_tile, number, group, delay, row, acc)
        return np.array(columns, np.int64).T

    def _inputs(self, tile: int) -> I32:
        """`(in-axons, IN_COLUMNS)` of a tile of the mapped graph."""
        return self.tables.inputs[slice(*self.tables.tile[tile, c.TILE_IN0 : c.TILE_IN1 + 1])]

    def _order(self, inputs: I32) -> I64:
        """The in-axons of a wide tile one group after the other, and share after share."""
        order: I64 = np.lexsort((self.share[inputs[:, c.IN_GROUP]], inputs[:, c.IN_DELAY]))
        return order

    def _block(self, own: Members) -> Column:
        """`(lines of all in-axons, neurons)` weights of a wide tile; counts them on the way."""
        tables = self.tables
        parts = []
        for tile in own:
            inputs = self._inputs(tile)
            inputs = inputs[self._order(inputs)]
            lines = tables.group[inputs[:, c.IN_GROUP], c.GROUP_LINES]
            first = np.repeat(inputs[:, c.IN_ROW], lines)
            within = np.arange(len(first)) - np.repeat(np.cumsum(lines) - lines, lines)
            row = tables.row[first + within]
            start = row[:, c.ROW_W].astype(np.int64) + tables.run[row[:, c.ROW_RUN0], c.RUN_W]
            at = start[:, None] + np.arange(tables.tile[tile, c.TILE_NEURONS])
            parts.append(self.graph["weight.value"][at])
        counts = np.zeros((len(parts[0]), _words(len(own))), np.uint64)
        for index, part in enumerate(parts):
            found = np.count_nonzero(part, axis=1).astype(np.uint64)
            counts[:, index // LANES] |= found << np.uint64(index % LANES * LANE_BITS)
        self.nonzero.append(counts)
        block: Column = np.concatenate(parts, axis=1)
        return block


def tables_with_parts(wide: Wide) -> tuple[Tables, int, int]:
    """`tables_of` for what is simulated, its tiles cut into parts."""
    tables, accumulators, counters = tables_of(wide.graph)
    count = np.array([len(own) for own in wide.members], np.int64)
    end = np.cumsum(count)
    tables.tile[:, c.TILE_PART0], tables.tile[:, c.TILE_PART1] = end - count, end
    part = np.zeros((int(end[-1]), c.PART_COLUMNS), np.int32)
    part[:, c.PART_NEURONS] = wide.sizes
    before = np.cumsum(wide.sizes) - wide.sizes
    part[:, c.PART_NEURON] = before - np.repeat(before[end - count], count)
    counts = np.repeat(_words(count[count > 1]), wide.rows)
    first = len(tables.row) - len(counts)
    tables.row[first:, c.ROW_PARTS] = np.cumsum(counts) - counts
    return tables._replace(part=part, nonzero=wide.nonzero), accumulators, counters
