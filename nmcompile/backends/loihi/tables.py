"""A core graph laid out for simulation, and checked: the kernels index without bounds checks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi import columns as c
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.neurons import KEEP_ONE, PAYLOAD_MAX
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.populations import COUNTING_POOLS

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U64 = npt.NDArray[np.uint64]

DELAY_MAX = 4096
"""Delays beyond this are damage: spikes are kept for as many ticks."""

KINDS = ("neuron", "pool_running_max", "pool_or", "pool_gate", "sigma_delta")
NEURON, SIGMA_DELTA = KINDS.index("neuron"), KINDS.index("sigma_delta")


class Tables(NamedTuple):
    """What the kernels read: wide tables of `nmcompile.backends.loihi.columns`, and plain columns.

    Attributes:
        inputs: in-axons. tile, part, group, row, run, profile: likewise `(entries, columns)`.
        payload, port_shift: lists that profiles point into.
        nonzero: counts that rows point into, of all parts of their tile (`arrive.LANES`).
        weight: of one type for all networks, so that kernels are compiled once.
        bias, fire_above, reset_by, v_init: per neuron.
    """

    inputs: I32
    tile: I32
    part: I32
    group: I32
    row: I32
    run: I32
    profile: I32
    payload: I32
    port_shift: I32
    nonzero: U64
    weight: npt.NDArray[np.int16]
    bias: I32
    fire_above: I32
    reset_by: I32
    v_init: I32


def tables_of(graph: CoreGraph) -> tuple[Tables, int, int]:
    """The tables, the number of accumulators and the number of pooling counters.

    Raises:
        NmError: NM0309 when an index of the graph points outside its table.
    """
    _check_indices(graph)
    profile = _profiles(graph)
    group = _groups(graph)
    row = _rows(graph)
    run = _table(graph, "run", c.RUN_COLUMNS, dst_off=c.RUN_DST, w_off=c.RUN_W, length=c.RUN_LENGTH)
    inputs, in_tile, counters = _inputs(graph, profile, group, row)
    tables = Tables(
        inputs=inputs,
        tile=_tiles(graph, profile, inputs, in_tile, group),
        part=_parts(graph),
        group=group,
        row=row,
        run=run,
        profile=profile,
        payload=np.array([n for p in graph.profiles for n in p.payloads], np.int32),
        port_shift=np.array([s for p in graph.profiles for s in p.port_shifts], np.int32),
        nonzero=np.zeros(0, np.uint64),
        # Copies: the host writes templates and pixels into them.
        weight=graph["weight.value"].astype(np.int16),
        bias=graph["neuron.bias"].copy(),
        fire_above=graph["neuron.fire_above"],
        reset_by=graph["neuron.reset_by"],
        v_init=graph["neuron.v_init"],
    )
    accumulators = _accumulators(graph, tables)
    _check_rows(graph, tables, in_tile)
    return tables, accumulators, counters


def _table(graph: CoreGraph, name: str, columns: int, **at: int) -> I32:
    """Columns of a core graph side by side."""
    table = np.zeros((graph.size(name), columns), np.int32)
    for column, index in at.items():
        table[:, index] = graph[f"{name}.{column}"]
    return table


def _profiles(graph: CoreGraph) -> I32:
    table = np.zeros((len(graph.profiles), c.PROFILE_COLUMNS), np.int32)
    payloads = ports = 0
    for own, profile in zip(table, graph.profiles, strict=True):
        _require(
            len(profile.payloads) > 0 and _inside(np.array(profile.payloads), PAYLOAD_MAX + 1),
            "a payload is outside its range",
        )
        exponents = np.array([profile.spike_exp, profile.state_exp, profile.message_bits])
        _require(_inside(exponents, 33), "an exponent or a message width is outside its range")
        own[c.KIND] = KINDS.index(profile.kind)
        for index, name in c.OF_PROFILE:
            own[index] = int(getattr(profile, name))
        own[c.PORT0], own[c.PORTS] = ports, len(profile.port_shifts)
        own[c.PAYLOAD0], own[c.PAYLOAD1] = payloads, payloads + len(profile.payloads)
        ports, payloads = ports + len(profile.port_shifts), own[c.PAYLOAD1]
        own[c.PLAIN] = profile.kind == "neuron" and profile.payloads == (1,)
    table[:, c.PLAIN] &= _short(graph, table)
    return table


def _short(graph: CoreGraph, profile: I32) -> npt.NDArray[np.bool_]:
    """Profiles whose states and parameters are small enough for 32-bit arithmetic."""
    bits = profile[:, c.STATE_BITS]
    kept = (profile[:, c.U_KEEP] <= KEEP_ONE) & (profile[:, c.V_KEEP] <= KEEP_ONE)
    small = (bits > profile[:, c.STATE_SHIFT]) & (bits <= c.SHORT_BITS) & kept
    large = [np.abs(graph[f"neuron.{n}"].astype(np.int64)) >= 2**30 for n in ("bias", "reset_by")]
    owner = np.repeat(graph["tile.profile"], graph["tile.neurons"])
    small[np.unique(owner[large[0] | large[1]])] = False
    return small


def _groups(graph: CoreGraph) -> I32:
    table = _table(graph, "group", c.GROUP_COLUMNS, line0=c.GROUP_LINE0, lines=c.GROUP_LINES)
    tile = graph["group.tile"]
    hosts = tile < 0
    _require(
        np.all(np.diff(np.where(hosts, graph.size("tile"), tile)) >= 0),
        "groups are not ordered by tile",
    )
    _require(_inside(table[:, c.GROUP_LINES], 2**16), "a group has too many lines")
    payloads = np.array([info.edge.bits > 1 for info in graph.populations])
    sends = graph.input_bits > 1 or graph.input_signed
    graded = np.where(hosts, sends, payloads[graph["tile.population"][np.maximum(tile, 0)]])
    lines = np.where(graded, table[:, c.GROUP_LINES], 0)
    table[:, c.GROUP_PAYLOAD0] = np.where(graded, np.cumsum(lines) - lines, -1)
    table[:, c.GROUP_HOST] = hosts
    return table


def _rows(graph: CoreGraph) -> I32:
    table = _table(
        *(graph, "row", c.ROW_COLUMNS),
        run0=c.ROW_RUN0,
        runs=c.ROW_RUNS,
        dst_base=c.ROW_DST,
        w_base=c.ROW_W,
    )
    table[:, c.ROW_NONZERO], table[:, c.ROW_TOTAL] = _row_sums(graph)
    return table


def _inputs(graph: CoreGraph, profile: I32, group: I32, row: I32) -> tuple[I32, I32, int]:
    """In-axons (one per route, ordered by tile), the tile of each, and the pooling counters."""
    axon0 = np.searchsorted(graph["axon.core"], np.arange(graph.cores + 1))
    axon = axon0[graph["route.core"]] + graph["route.axon"]
    _require(_inside(axon, graph.size("axon")), "a route leads to no axon")
    _require(
        np.all(graph["axon.core"][axon] == graph["route.core"]),
        "a route leads to another core's axon",
    )
    order = np.lexsort((axon, graph["axon.tile"][axon]))
    axon = axon[order]
    tile = graph["axon.tile"][axon]
    table = np.zeros((len(axon), c.IN_COLUMNS), np.int32)
    table[:, c.IN_GROUP] = graph["route.group"][order]
    table[:, c.IN_DELAY] = graph["route.delay"][order]
    table[:, c.IN_ROW] = graph["axon.row_base"][axon]
    table[:, c.IN_ACC] = graph["axon.acc_base"][axon]
    lines = group[table[:, c.IN_GROUP], c.GROUP_LINES].astype(np.int64)
    counting = [KINDS.index(kind) for kind in COUNTING_POOLS]
    pools = np.isin(profile[graph["tile.profile"][tile], c.KIND], counting)
    counted = np.where(pools, lines, 0)
    table[:, c.IN_COUNTER] = np.where(pools, np.cumsum(counted) - counted, -1)
    last = table[:, c.IN_ROW] + lines
    rows = graph.size("row")
    _require(
        _inside(table[:, c.IN_ROW], rows + 1) and _inside(last, rows + 1), "an axon has no such row"
    )
    table[:, c.IN_STEP] = _steps(row, table[:, c.IN_ROW].astype(np.int64), lines)
    return table, tile, int(counted.sum())


def _steps(row: I32, row0: I64, lines: I64) -> I32:
    """From the weights of a row to those of the next, where an axon's rows differ in them only."""
    if not len(row):
        return np.zeros(len(row0), np.int32)
    alike = [c.ROW_RUN0, c.ROW_RUNS, c.ROW_DST, c.ROW_TOTAL]
    step = np.diff(row[:, c.ROW_W].astype(np.int64), append=0)
    # Changes up to a row, so that a difference of two counts those in between.
    other = np.concatenate([[0], np.cumsum(np.any(np.diff(row[:, alike], axis=0) != 0, axis=1))])
    uneven = np.concatenate([[0], np.cumsum(np.diff(step) != 0)])
    first = np.minimum(row0, len(row) - 1)
    last = np.minimum(row0 + np.maximum(lines, 1) - 1, len(row) - 1)
    even = (lines <= 1) | (uneven[np.maximum(last - 1, first)] == uneven[first])
    fits = np.abs(step[first]) < 2**31
    same = (other[last] == other[first]) & even & fits
    return np.where(same, np.where(lines > 1, step[first], 0), c.MIXED).astype(np.int32)


def _parts(graph: CoreGraph) -> I32:
    """Every tile is one part."""
    table = np.zeros((graph.size("tile"), c.PART_COLUMNS), np.int32)
    table[:, c.PART_NEURONS] = graph["tile.neurons"]
    return table


def _tiles(graph: CoreGraph, profile: I32, inputs: I32, in_tile: I32, groups: I32) -> I32:
    table = _table(
        *(graph, "tile", c.TILE_COLUMNS),
        neuron0=c.TILE_NEURON0,
        neurons=c.TILE_NEURONS,
        acc0=c.TILE_ACC0,
        profile=c.TILE_PROFILE,
    )
    tiles, group = graph.size("tile"), graph["group.tile"]
    ends = np.searchsorted(group[group >= 0], np.arange(tiles + 1))
    table[:, c.TILE_GROUP0], table[:, c.TILE_GROUP1] = ends[:-1], ends[1:]
    ends = np.searchsorted(in_tile, np.arange(tiles + 1))
    table[:, c.TILE_IN0], table[:, c.TILE_IN1] = ends[:-1], ends[1:]
    table[:, c.TILE_PART0], table[:, c.TILE_PART1] = np.arange(tiles), np.arange(1, tiles + 1)
    own = profile[table[:, c.TILE_PROFILE]]
    # Sums of these are read and not changed.
    steady = (own[:, c.KIND] == NEURON) & (own[:, c.PORTS] == 1) & (own[:, c.WIDE_SUMS] == 0)
    shifts = np.array([p.input_shift or p.port_shifts[0] for p in graph.profiles], np.int32)
    steady &= shifts[table[:, c.TILE_PROFILE]] == 0
    late = (groups[inputs[:, c.IN_GROUP], c.GROUP_HOST] == 0) | (inputs[:, c.IN_DELAY] != 0)
    steady[in_tile[late]] = False
    table[:, c.TILE_STEADY] = steady
    return table


def _check_indices(graph: CoreGraph) -> None:
    """Plain references from one table into another."""
    inputs, outputs = int(np.prod(graph.input_shape)), int(np.prod(graph.output_shape))
    for column, size in (
        ("route.core", graph.cores),
        ("route.group", graph.size("group")),
        ("route.delay", DELAY_MAX + 1),
        ("axon.core", graph.cores),
        ("axon.tile", graph.size("tile")),
        ("tile.core", graph.cores),
        ("tile.profile", len(graph.profiles)),
        ("tile.population", len(graph.populations)),
        ("tile.neuron0", graph.neurons),
        ("group.line0", graph.neurons + graph.size("host")),
        ("group.lines", graph.neurons + graph.size("host") + 1),
        ("run.length", graph.size("weight") + 1),
        ("readout.neuron", graph.neurons),
        ("readout.index", outputs),
        ("host.index", inputs),
        ("pixel.neuron", graph.neurons),
        ("pixel.index", inputs),
        ("pixel.shift", 32),
        ("pixel.exponent", 32),
        ("slot.weight", graph.size("weight")),
        ("slot.element", int(np.prod(graph.slot_shape[-3:])) if graph.slot else 0),
    ):
        _require(_inside(graph[column], size), f"an entry of {column} is outside its range")
    for column in ("axon.core", "tile.core"):
        _require(np.all(np.diff(graph[column]) >= 0), f"{column} is not ordered")
    shapes = np.array([p.shape for p in graph.populations])[graph["tile.population"]]
    for axis, name in enumerate("cyx"):
        low, high = graph[f"tile.{name}0"], graph[f"tile.{name}1"]
        inside = (low >= 0) & (low <= high) & (high <= shapes[:, axis])
        _require(np.all(inside), "the box of a tile is outside its population")
    box = np.prod([graph[f"tile.{n}1"] - graph[f"tile.{n}0"] for n in "cyx"], axis=0)
    _require(np.all(box == graph["tile.neurons"]), "a tile has not the neurons of its box")


def _row_sums(graph: CoreGraph) -> tuple[I32, I32]:
    """Non-zero and all stored weights behind every row."""
    weight = graph["weight.value"]
    nonzero = np.concatenate([[0], np.cumsum(weight != 0)])
    rows, low, high = row_weights(graph)
    _require(
        _inside(low, len(weight) + 1) and _inside(high, len(weight) + 1), "a run has no weights"
    )
    sums = np.zeros((2, graph.size("row")), np.int64)
    np.add.at(sums[0], rows, nonzero[high] - nonzero[low])
    np.add.at(sums[1], rows, high - low)
    return sums[0].astype(np.int32), sums[1].astype(np.int32)


def row_weights(graph: CoreGraph) -> tuple[I64, I64, I64]:
    """Row, first weight and one past the last of every run of every row.

    Raises:
        NmError: NM0309 when a row names runs that do not exist.
    """
    rows = np.repeat(np.arange(graph.size("row")), graph["row.runs"])
    within = np.arange(len(rows)) - np.repeat(
        np.cumsum(graph["row.runs"]) - graph["row.runs"], graph["row.runs"]
    )
    run = graph["row.run0"][rows].astype(np.int64) + within
    _require(_inside(run, graph.size("run")), "a row has no such runs")
    low = graph["row.w_base"][rows].astype(np.int64) + graph["run.w_off"][run]
    return rows, low, low + graph["run.length"][run]


def _accumulators(graph: CoreGraph, tables: Tables) -> int:
    """Number of accumulators; neurons, accumulators and groups must partition their tables."""
    tiles = tables.tile.astype(np.int64)
    ports = tables.profile[tiles[:, c.TILE_PROFILE], c.PORTS]
    neurons = tiles[:, c.TILE_NEURONS]
    _require(_partition(tiles[:, c.TILE_NEURON0], neurons, graph.neurons), "tiles share neurons")
    accumulators = int((neurons * ports).sum())
    _require(
        _partition(tiles[:, c.TILE_ACC0], neurons * ports, accumulators), "tiles share accumulators"
    )
    tile = graph["group.tile"]
    first = np.where(tile < 0, graph.neurons, tiles[np.maximum(tile, 0), c.TILE_NEURON0])
    count = np.where(tile < 0, graph.size("host"), neurons[np.maximum(tile, 0)])
    low = graph["group.line0"].astype(np.int64)
    inside = (low >= first) & (low + graph["group.lines"] <= first + count)
    _require(np.all(inside), "a group has lines outside its tile")
    return accumulators


def _partition(first: I64, count: I64, total: int) -> bool:
    """Whether the ranges follow each other without gaps and end at `total`."""
    return bool(np.array_equal(first, np.cumsum(count) - count) and count.sum() == total)


def _check_rows(graph: CoreGraph, tables: Tables, in_tile: I32) -> None:
    """Every row that an axon can select must stay inside the tile of the axon."""
    row0, acc0 = (tables.inputs[:, column].astype(np.int64) for column in (c.IN_ROW, c.IN_ACC))
    last = row0 + tables.group[tables.inputs[:, c.IN_GROUP], c.GROUP_LINES]
    low, high = _row_reach(tables)
    tiles = tables.tile.astype(np.int64)
    ports = tables.profile[tiles[:, c.TILE_PROFILE], c.PORTS]
    first = tiles[in_tile, c.TILE_ACC0]
    end = first + (tiles[:, c.TILE_NEURONS] * ports)[in_tile]
    reach_low = _range_min(low, row0, last)
    reach_high = -_range_min(-high, row0, last)
    used = reach_high > reach_low
    inside = (acc0 + reach_low >= first) & (acc0 + reach_high <= end)
    _require(bool(np.all(inside | ~used)), "a synapse row leads outside its tile")


def _row_reach(tables: Tables) -> tuple[I64, I64]:
    """First accumulator and one past the last that each row reaches, relative to the axon."""
    run0, runs = tables.row[:, c.ROW_RUN0].astype(np.int64), tables.row[:, c.ROW_RUNS]
    unique, inverse = np.unique(run0 * (2**31) + runs, return_inverse=True)
    low, high = np.zeros(len(unique), np.int64), np.zeros(len(unique), np.int64)
    start = tables.run[:, c.RUN_DST].astype(np.int64)
    end = start + tables.run[:, c.RUN_LENGTH]
    for i, key in enumerate(unique):
        own = slice(int(key >> 31), int(key >> 31) + int(key & (2**31 - 1)))
        if own.stop > own.start:
            low[i], high[i] = start[own].min(), end[own].max()
    filled = runs > 0
    far = np.int64(2**40)
    dst = tables.row[:, c.ROW_DST]
    return (
        np.where(filled, low[inverse.reshape(-1)] + dst, far),
        np.where(filled, high[inverse.reshape(-1)] + dst, -far),
    )


def _range_min(values: I64, start: I64, stop: I64) -> I64:
    """Minimum of values[start:stop] for many ranges."""
    pairs, inverse = np.unique(start * (2**32) + stop, return_inverse=True)
    result = np.array(
        [values[int(p >> 32) : int(p & (2**32 - 1))].min(initial=2**40) for p in pairs], np.int64
    )
    found: I64 = result[inverse.reshape(-1)]
    return found


def _inside(index: npt.NDArray[np.integer[Any]], size: int) -> bool:
    return bool(len(index) == 0 or (index.min() >= 0 and index.max() < size))


def _require(condition: bool | np.bool_, problem: str) -> None:
    if not condition:
        raise NmError(
            Diagnostic(
                code="NM0309",
                message=f"the core graph is inconsistent: {problem}",
                help=("build the deployment again with `nmcompile build`",),
            )
        )
