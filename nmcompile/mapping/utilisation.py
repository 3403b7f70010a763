"""Used against allowed, for every limit, recounted from the finished tables.

What is counted stands in `nmcompile.mapping.demand`; here it is exact: rows, runs, weights and
lists that several tiles of a core share are counted once, and output entries as placed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.columns import distinct
from nmcompile.mapping.configs import buffer_steps, compartment_configs
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.demand import CAPS, COUNTER_BYTES
from nmcompile.mapping.expand import Integers, axon_groups, expanded
from nmcompile.mapping.limits import Limits, Usage
from nmcompile.mapping.list_usage import ListUsage, list_usage
from nmcompile.mapping.populations import COUNTING_POOLS

I64 = npt.NDArray[np.int64]
FILLED: Final = (
    *("neurons", "in_axons", "out_axons"),
    *("synapse_memory_bytes", "total_memory_bytes"),
)
"""Limits that a core fills up with; of the others it has a few, such as formats."""


@dataclass(frozen=True)
class CoreUsage:
    """Resources of every core, `(cores,)` each; names as in `Limits` and `demand.CAPS`.

    What the target does not limit is zero.
    """

    neurons: I64
    in_axons: I64
    out_axons: I64
    synapse_memory_bytes: I64
    total_memory_bytes: I64
    words_per_axon: I64
    synapse_formats: I64
    compartment_configs: I64
    threshold_configs: I64
    destination_groups: I64
    input_buffer: I64


def core_usage(graph: CoreGraph, limits: Limits) -> CoreUsage:
    """Count what every core holds."""
    packing = limits.packing
    lists = None if packing is None else list_usage(graph, limits, packing)
    return _core_usage(graph, limits, lists)


def utilisation(graph: CoreGraph, limits: Limits) -> tuple[Usage, ...]:
    """The largest use of every limit, with the place where it occurs.

    Args:
        graph: the mapped network.
        limits: of the target that it was mapped for.
    """
    packing = limits.packing
    lists = None if packing is None else list_usage(graph, limits, packing)
    cores = _core_usage(graph, limits, lists)
    rows = []
    for name in CAPS:
        if getattr(limits, name) is None:
            continue
        used: I64 = getattr(cores, name)
        worst = int(used.argmax())
        where = f"core {worst} ({', '.join(_layers(graph, worst))})"
        if packing is not None and name == "synapse_memory_bytes":
            words = f"{used[worst] // packing.word_bytes:,} words"
            where += f": {words} of {limits.synapse_memory_bytes // packing.word_bytes:,}"
        row = _usage(limits, name, int(used[worst]), where)
        rows.append(replace(row, cores=used) if name in FILLED else row)
    lines = graph["group.lines"]
    rows.append(_usage(limits, "axon_atoms", int(lines.max(initial=0)), "neurons of one axon"))
    delay = int(graph["route.delay"].max(initial=0))
    rows.append(_usage(limits, "delay_ticks_max", delay, "longest axon delay"))
    per_chip = int(np.bincount(graph["core.chip"]).max(initial=0))
    rows.append(_usage(limits, "cores", per_chip, "fullest chip"))
    rows.append(_usage(limits, "chips_max", graph.chips, "whole network"))
    return tuple(rows)


def synapse_formats(graph: CoreGraph, limits: Limits) -> tuple[tuple[str, str, int], ...]:
    """(layer, synapse format, words on all cores) of a network in a synapse memory of words."""
    if limits.packing is None:
        return ()
    layers = list_usage(graph, limits, limits.packing).layers
    return tuple(
        (population.layer, chosen.text, words)
        for population, formats in zip(graph.populations, layers, strict=True)
        for chosen, words in formats
    )


def _core_usage(graph: CoreGraph, limits: Limits, lists: ListUsage | None) -> CoreUsage:
    each = [limits.soft_reset_neurons if p.subtract else 1 for p in graph.profiles]
    tile_each = np.array(each, np.int64)[graph["tile.profile"]]
    tile_core = graph["tile.core"]
    neurons = _per_core(graph, tile_core, graph["tile.neurons"] * tile_each)
    second = np.where(tile_each > 1, graph["tile.neurons"], 0)
    coupled = _per_core(graph, tile_core, second)
    none = np.zeros(graph.cores, np.int64)
    in_axons = np.bincount(graph["axon.core"], minlength=graph.cores).astype(np.int64) + coupled
    out_axons = _out_axons(graph, limits) + coupled * limits.out_axon_discrete
    if lists is None or limits.packing is None:
        synapses, longest, formats = _row_bytes(graph, limits), none, none
    else:
        synapses = lists.words * limits.packing.word_bytes
        longest, formats = lists.longest, lists.formats
    total = (
        synapses
        + neurons * limits.neuron_state_bytes
        + (in_axons + out_axons) * limits.axon_entry_bytes
        + _counters(graph) * COUNTER_BYTES
    )
    interleaved = none.copy()
    np.maximum.at(interleaved, tile_core, tile_each)
    return CoreUsage(
        neurons=neurons,
        in_axons=in_axons,
        out_axons=out_axons,
        synapse_memory_bytes=synapses,
        total_memory_bytes=total,
        words_per_axon=longest,
        synapse_formats=formats,
        compartment_configs=none if limits.compartment_configs is None else _configs(graph, each),
        threshold_configs=none if limits.threshold_configs is None else _thresholds(graph),
        destination_groups=none if limits.destination_groups is None else interleaved,
        input_buffer=neurons * _steps(graph, limits),
    )


def _out_axons(graph: CoreGraph, limits: Limits) -> I64:
    """Output entries of the routes of every core: more for groups, and for other chips."""
    source = graph.group_cores()[graph["route.group"]]
    mine = source >= 0
    start, end = source[mine], graph["route.core"][mine]
    single = graph["group.lines"][graph["route.group"][mine]] == 1
    entries = np.where(single, limits.out_axon_discrete, limits.out_axon_population)
    crossing = graph["core.chip"][start] != graph["core.chip"][end]
    return _per_core(graph, start, entries + crossing * limits.out_axon_crossing)


def _configs(graph: CoreGraph, each: list[int]) -> I64:
    """Different compartment configurations of every core."""
    by_profile = [
        compartment_configs(p.kind, p.u_keep, p.v_keep, second=n > 1)
        for p, n in zip(graph.profiles, each, strict=True)
    ]
    return np.array(
        [
            len(frozenset().union(*(by_profile[i] for i in graph["tile.profile"][tiles])))
            for tiles in _tiles_of(graph)
        ],
        np.int64,
    )


def _thresholds(graph: CoreGraph) -> I64:
    """Different thresholds of every core."""
    ends = np.cumsum(graph.core_neurons())
    own = np.split(graph["neuron.fire_above"], ends[:-1])
    return np.array([len(np.unique(thresholds)) for thresholds in own], np.int64)


def _steps(graph: CoreGraph, limits: Limits) -> I64:
    """Timesteps that the input buffer of every core keeps."""
    delay = np.zeros(graph.cores, np.int64)
    np.maximum.at(delay, graph["route.core"], graph["route.delay"])
    return np.array([buffer_steps(int(d), limits) for d in delay], np.int64)


def _usage(limits: Limits, name: str, used: int, where: str) -> Usage:
    return Usage(name, used, getattr(limits, name), where, limits.source(name))


def _tiles_of(graph: CoreGraph) -> Iterator[I64]:
    for core in range(graph.cores):
        yield np.flatnonzero(graph["tile.core"] == core)


def _layers(graph: CoreGraph, core: int) -> list[str]:
    indices = sorted(set(graph["tile.population"][graph["tile.core"] == core].tolist()))
    return [graph.populations[i].layer for i in indices]


def _per_core(graph: CoreGraph, core: Integers, amount: Integers) -> I64:
    return np.bincount(core, weights=amount, minlength=graph.cores).astype(np.int64)


def _counters(graph: CoreGraph) -> I64:
    """Spike counters of running-maximum pooling per core."""
    axon, group = axon_groups(graph)
    pools = np.array([p.kind in COUNTING_POOLS for p in graph.profiles])
    counted = pools[graph["tile.profile"][graph["axon.tile"][axon]]]
    lines = np.where(counted, graph["group.lines"][group], 0)
    return _per_core(graph, graph["route.core"], lines)


def _row_bytes(graph: CoreGraph, limits: Limits) -> I64:
    """Synapse memory of rows of every core."""
    axon, group = axon_groups(graph)
    # A row range is (core, first row, rows); equal ranges of a core are stored once.
    ranges, _ = distinct(
        np.stack([graph["route.core"], graph["axon.row_base"][axon], graph["group.lines"][group]])
    )
    result = np.zeros(graph.cores, np.int64)
    starts = np.searchsorted(ranges[0], np.arange(graph.cores + 1))
    for core in range(graph.cores):
        own = ranges[:, starts[core] : starts[core + 1]]
        rows = np.unique(expanded(own[1], own[2]))
        result[core] = _bytes_of_rows(graph, limits, rows)
    return result


def _bytes_of_rows(graph: CoreGraph, limits: Limits, rows: I64) -> int:
    """Synapse memory of a set of distinct rows."""
    run0, runs = graph["row.run0"][rows].astype(np.int64), graph["row.runs"][rows]
    run = expanded(run0, runs)
    low = np.repeat(graph["row.w_base"][rows], runs) + graph["run.w_off"][run]
    length = graph["run.length"][run]
    if limits.shared_kernels:
        weights = _covered(low, low + length)
        stored_runs = int(distinct(np.stack([run0, runs])[:, runs > 0])[0][1].sum())
    else:
        weights, stored_runs = int(length.sum()), int(runs.sum())
    return (
        weights * limits.weight_bytes
        + len(rows) * limits.row_bytes
        + stored_runs * limits.run_bytes
    )


def _covered(low: I64, high: I64) -> int:
    """Numbers in any of the intervals low[i] .. high[i] - 1."""
    order = np.argsort(low, kind="stable")
    low, high = low[order], high[order]
    reached = np.maximum.accumulate(np.concatenate([[0], high[:-1]]))
    return int(np.maximum(0, high - np.maximum(low, reached)).sum())
