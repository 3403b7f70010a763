"""A core graph laid out for simulation, and checked: the kernels index without bounds checks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.neurons import PAYLOAD_MAX
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.populations import COUNTING_POOLS

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

DELAY_MAX = 4096
"""Delays beyond this are damage: spikes are kept for as many ticks."""

KINDS = ("neuron", "pool_running_max", "pool_or", "pool_gate")


class Tables(NamedTuple):
    """Read-only columns; the names follow `nmcompile.mapping.coregraph`.

    `*0` columns have one entry more than their table: entry i ends where i + 1 begins. In-axon
    columns (`in_*`) have one entry per route, ordered by destination core and axon.
    """

    core_tile0: I32
    core_in0: I32
    in_group: I32
    in_delay: I32
    in_row: I32
    in_acc: I32
    in_tile: I32
    in_counter: I32
    tile_neuron0: I32
    tile_neurons: I32
    tile_acc0: I32
    tile_profile: I32
    tile_group0: I32
    group_line0: I32
    group_lines: I32
    group_host: U8
    group_graded: U8
    host_line0: I32
    row_run0: I32
    row_runs: I32
    row_dst: I32
    row_w: I32
    row_nonzero: I32
    row_total: I32
    run_dst: I32
    run_w: I32
    run_length: I32
    weight: I16
    bias: I32
    fire_above: I32
    reset_by: I32
    v_init: I32
    profile_kind: I32
    profile_start: I32
    profile_end: I32
    profile_u_keep: I32
    profile_v_keep: I32
    profile_state_shift: I32
    profile_state_bits: I32
    profile_subtract: U8
    profile_input_shift: I32
    profile_burst: U8
    profile_payload0: I32
    payload: I32
    profile_port0: I32
    port_shift: I32


def tables_of(graph: CoreGraph) -> tuple[Tables, int, int]:
    """The tables, the number of accumulators and the number of pooling counters.

    Raises:
        NmError: NM0309 when an index of the graph points outside its table.
    """
    _check_indices(graph)
    for profile in graph.profiles:
        _require(
            len(profile.payloads) > 0 and _inside(np.array(profile.payloads), PAYLOAD_MAX + 1),
            "a payload is outside its range",
        )
    order = np.lexsort((graph["route.axon"], graph["route.core"]))
    route_core = graph["route.core"][order]
    axon0 = np.searchsorted(graph["axon.core"], np.arange(graph.cores + 1))
    axon = axon0[route_core] + graph["route.axon"][order]
    _require(_inside(axon, graph.size("axon")), "a route leads to no axon")
    _require(np.all(graph["axon.core"][axon] == route_core), "a route leads to another core's axon")
    group = graph["route.group"][order]
    tile = graph["axon.tile"][axon]
    ports = [p.port_shifts for p in graph.profiles]
    kinds = np.array([KINDS.index(p.kind) for p in graph.profiles], np.int32)
    counter, counters = _counters(graph, kinds, group, tile)
    groups = graph["group.tile"]
    hosts = groups < 0
    _require(
        np.all(np.diff(np.where(hosts, graph.size("tile"), groups)) >= 0),
        "groups are not ordered by tile",
    )
    row_nonzero, row_total = _row_sums(graph)
    weight = graph["weight.value"]
    tables = Tables(
        core_tile0=_starts(graph["tile.core"], graph.cores),
        core_in0=_starts(route_core, graph.cores),
        in_group=group,
        in_delay=graph["route.delay"][order],
        in_row=graph["axon.row_base"][axon],
        in_acc=graph["axon.acc_base"][axon],
        in_tile=tile,
        in_counter=counter,
        tile_neuron0=graph["tile.neuron0"],
        tile_neurons=graph["tile.neurons"],
        tile_acc0=graph["tile.acc0"],
        tile_profile=graph["tile.profile"],
        tile_group0=_starts(groups[~hosts], graph.size("tile")),
        group_line0=graph["group.line0"],
        group_lines=graph["group.lines"],
        group_host=hosts.astype(np.uint8),
        group_graded=_graded(graph, hosts),
        host_line0=np.array([graph.neurons], np.int32),
        row_run0=graph["row.run0"],
        row_runs=graph["row.runs"],
        row_dst=graph["row.dst_base"],
        row_w=graph["row.w_base"],
        row_nonzero=row_nonzero,
        row_total=row_total,
        run_dst=graph["run.dst_off"],
        run_w=graph["run.w_off"],
        run_length=graph["run.length"],
        # The host writes templates into this copy; always one, so that one compiled kernel serves.
        weight=weight.copy(),
        bias=graph["neuron.bias"],
        fire_above=graph["neuron.fire_above"],
        reset_by=graph["neuron.reset_by"],
        v_init=graph["neuron.v_init"],
        profile_kind=kinds,
        profile_start=_profile(graph, "start_tick"),
        profile_end=_profile(graph, "end_tick"),
        profile_u_keep=_profile(graph, "u_keep"),
        profile_v_keep=_profile(graph, "v_keep"),
        profile_state_shift=_profile(graph, "state_shift"),
        profile_state_bits=_profile(graph, "state_bits"),
        profile_subtract=_profile(graph, "subtract").astype(np.uint8),
        profile_input_shift=_profile(graph, "input_shift"),
        profile_burst=_profile(graph, "burst").astype(np.uint8),
        profile_payload0=np.cumsum([0, *(len(p.payloads) for p in graph.profiles)]).astype(
            np.int32
        ),
        payload=np.array([n for p in graph.profiles for n in p.payloads], np.int32),
        profile_port0=np.cumsum([0, *(len(p) for p in ports)]).astype(np.int32),
        port_shift=np.array([s for p in ports for s in p], np.int32),
    )
    accumulators = _accumulators(graph, tables)
    _check_rows(graph, tables)
    return tables, accumulators, counters


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


def _starts(index: I32, count: int) -> I32:
    return np.searchsorted(index, np.arange(count + 1)).astype(np.int32)


def _profile(graph: CoreGraph, name: str) -> I32:
    return np.array([int(getattr(p, name)) for p in graph.profiles], np.int32)


def _counters(graph: CoreGraph, kinds: I32, group: I32, tile: I32) -> tuple[I32, int]:
    """First spike counter of every in-axon of a tile that counts (one counter per line)."""
    counting = [KINDS.index(kind) for kind in COUNTING_POOLS]
    pools = np.isin(kinds[graph["tile.profile"][tile]], counting)
    lines = np.where(pools, graph["group.lines"][group], 0).astype(np.int64)
    first = np.cumsum(lines) - lines
    return np.where(pools, first, -1).astype(np.int32), int(lines.sum())


def _graded(graph: CoreGraph, hosts: npt.NDArray[np.bool_]) -> U8:
    """Whether the spikes of a group carry payloads; what the host sends always does."""
    graded = np.array([p.graded for p in graph.populations])
    population = graph["tile.population"][np.maximum(graph["group.tile"], 0)]
    return np.asarray(hosts | graded[population], np.uint8)


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
    ports = np.diff(tables.profile_port0)[tables.tile_profile]
    neurons = tables.tile_neurons.astype(np.int64)
    _require(_partition(tables.tile_neuron0, neurons, graph.neurons), "tiles share neurons")
    accumulators = int((neurons * ports).sum())
    _require(
        _partition(tables.tile_acc0, neurons * ports, accumulators), "tiles share accumulators"
    )
    tile = graph["group.tile"]
    first = np.where(tile < 0, graph.neurons, tables.tile_neuron0[np.maximum(tile, 0)])
    count = np.where(tile < 0, graph.size("host"), tables.tile_neurons[np.maximum(tile, 0)])
    low = graph["group.line0"].astype(np.int64)
    inside = (low >= first) & (low + graph["group.lines"] <= first + count)
    _require(np.all(inside), "a group has lines outside its tile")
    return accumulators


def _partition(first: I32, count: I64, total: int) -> bool:
    """Whether the ranges follow each other without gaps and end at `total`."""
    return bool(np.array_equal(first, np.cumsum(count) - count) and count.sum() == total)


def _check_rows(graph: CoreGraph, tables: Tables) -> None:
    """Every row that an axon can select must stay inside the tile of the axon."""
    rows = graph.size("row")
    last = tables.in_row + tables.group_lines[tables.in_group]
    _require(
        _inside(tables.in_row, rows + 1) and _inside(last, rows + 1), "an axon has no such row"
    )
    low, high = _row_reach(tables)
    ports = np.diff(tables.profile_port0)[tables.tile_profile]
    acc0 = tables.tile_acc0[tables.in_tile].astype(np.int64)
    acc1 = acc0 + (tables.tile_neurons * ports)[tables.in_tile]
    reach_low = _range_min(low, tables.in_row, last)
    reach_high = -_range_min(-high, tables.in_row, last)
    used = reach_high > reach_low
    inside = (tables.in_acc + reach_low >= acc0) & (tables.in_acc + reach_high <= acc1)
    _require(bool(np.all(inside | ~used)), "a synapse row leads outside its tile")


def _row_reach(tables: Tables) -> tuple[I64, I64]:
    """First accumulator and one past the last that each row reaches, relative to the axon."""
    keys = tables.row_run0.astype(np.int64) * (2**31) + tables.row_runs
    unique, inverse = np.unique(keys, return_inverse=True)
    low, high = np.zeros(len(unique), np.int64), np.zeros(len(unique), np.int64)
    for i, key in enumerate(unique):
        runs = slice(int(key >> 31), int(key >> 31) + int(key & (2**31 - 1)))
        if runs.stop > runs.start:
            low[i] = tables.run_dst[runs].min()
            high[i] = (tables.run_dst[runs] + tables.run_length[runs]).max()
    filled = tables.row_runs > 0
    far = np.int64(2**40)
    return (
        np.where(filled, low[inverse.reshape(-1)] + tables.row_dst, far),
        np.where(filled, high[inverse.reshape(-1)] + tables.row_dst, -far),
    )


def _range_min(values: I64, start: I32, stop: I32) -> I64:
    """Minimum of values[start:stop] for many ranges."""
    pairs, inverse = np.unique(start.astype(np.int64) * (2**32) + stop, return_inverse=True)
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
