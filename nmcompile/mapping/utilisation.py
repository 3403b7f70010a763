"""Used against allowed, for every limit, recounted from the finished tables.

What is counted stands in `nmcompile.mapping.demand`; here it is exact: rows, runs and weights
that several tiles of a core share are counted once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.demand import COUNTER_BYTES, ROW_BYTES, RUN_BYTES
from nmcompile.mapping.limits import Limits, Usage
from nmcompile.mapping.populations import COUNTING_POOLS

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CoreUsage:
    """Resources of every core, `(cores,)` each; names as in `Limits`."""

    neurons: I64
    in_axons: I64
    out_axons: I64
    synapse_memory_bytes: I64
    total_memory_bytes: I64


def core_usage(graph: CoreGraph, limits: Limits) -> CoreUsage:
    """Count what every core holds."""
    cores = graph.cores
    each = [limits.soft_reset_neurons if p.subtract else 1 for p in graph.profiles]
    compartments = graph["tile.neurons"] * np.array(each)[graph["tile.profile"]]
    neurons = _per_core(graph["tile.core"], compartments, cores)
    in_axons = np.bincount(graph["axon.core"], minlength=cores).astype(np.int64)
    source = graph.group_cores()[graph["route.group"]]
    out_axons = np.bincount(source[source >= 0], minlength=cores).astype(np.int64)
    synapses = _synapse_bytes(graph, limits)
    total = (
        synapses
        + neurons * limits.neuron_state_bytes
        + (in_axons + out_axons) * limits.axon_entry_bytes
        + _counters(graph) * COUNTER_BYTES
    )
    return CoreUsage(neurons, in_axons, out_axons, synapses, total)


def utilisation(graph: CoreGraph, limits: Limits) -> tuple[Usage, ...]:
    """The largest use of every limit, with the place where it occurs.

    Args:
        graph: the mapped network.
        limits: of the target that it was mapped for.
    """
    cores = core_usage(graph, limits)
    rows = []
    for name in CoreUsage.__dataclass_fields__:
        used: I64 = getattr(cores, name)
        worst = int(used.argmax())
        where = f"core {worst} ({', '.join(_layers(graph, worst))})"
        rows.append(_usage(limits, name, int(used[worst]), where))
    lines = graph["group.lines"]
    rows.append(_usage(limits, "axon_atoms", int(lines.max(initial=0)), "neurons of one axon"))
    delay = int(graph["route.delay"].max(initial=0))
    rows.append(_usage(limits, "delay_ticks_max", delay, "longest axon delay"))
    per_chip = int(np.bincount(graph["core.chip"]).max(initial=0))
    rows.append(_usage(limits, "cores", per_chip, "fullest chip"))
    rows.append(_usage(limits, "chips_max", graph.chips, "whole network"))
    return tuple(rows)


def _usage(limits: Limits, name: str, used: int, where: str) -> Usage:
    return Usage(name, used, getattr(limits, name), where, limits.source(name))


def _layers(graph: CoreGraph, core: int) -> list[str]:
    indices = sorted(set(graph["tile.population"][graph["tile.core"] == core].tolist()))
    return [graph.populations[i].layer for i in indices]


def _per_core(core: I64, amount: I64, cores: int) -> I64:
    return np.bincount(core, weights=amount, minlength=cores).astype(np.int64)


def _axon_groups(graph: CoreGraph) -> tuple[I64, I64]:
    """Global axon and group of every route."""
    axon0 = np.searchsorted(graph["axon.core"], np.arange(graph.cores))
    return axon0[graph["route.core"]] + graph["route.axon"], graph["route.group"].astype(np.int64)


def _counters(graph: CoreGraph) -> I64:
    """Spike counters of running-maximum pooling per core."""
    axon, group = _axon_groups(graph)
    pools = np.array([p.kind in COUNTING_POOLS for p in graph.profiles])
    counted = pools[graph["tile.profile"][graph["axon.tile"][axon]]]
    lines = np.where(counted, graph["group.lines"][group], 0)
    return _per_core(graph["route.core"], lines, graph.cores)


def _synapse_bytes(graph: CoreGraph, limits: Limits) -> I64:
    axon, group = _axon_groups(graph)
    # A row range is (core, first row, rows); equal ranges of a core are stored once.
    ranges = np.unique(
        np.stack([graph["route.core"], graph["axon.row_base"][axon], graph["group.lines"][group]]),
        axis=1,
    )
    result = np.zeros(graph.cores, np.int64)
    starts = np.searchsorted(ranges[0], np.arange(graph.cores + 1))
    for core in range(graph.cores):
        own = ranges[:, starts[core] : starts[core + 1]]
        rows = np.unique(_expand(own[1], own[2]))
        result[core] = _bytes_of_rows(graph, limits, rows)
    return result


def _bytes_of_rows(graph: CoreGraph, limits: Limits, rows: I64) -> int:
    """Synapse memory of a set of distinct rows."""
    run0, runs = graph["row.run0"][rows].astype(np.int64), graph["row.runs"][rows]
    run = _expand(run0, runs)
    low = np.repeat(graph["row.w_base"][rows], runs) + graph["run.w_off"][run]
    length = graph["run.length"][run]
    if limits.shared_kernels:
        edges = np.zeros(graph.size("weight") + 1, np.int32)
        np.add.at(edges, low, 1)
        np.add.at(edges, low + length, -1)
        weights = int(np.count_nonzero(np.cumsum(edges)))
        stored_runs = int(np.unique(np.stack([run0, runs])[:, runs > 0], axis=1)[1].sum())
    else:
        weights, stored_runs = int(length.sum()), int(runs.sum())
    return weights * limits.weight_bytes + len(rows) * ROW_BYTES + stored_runs * RUN_BYTES


def _expand(start: npt.NDArray[np.integer[Any]], count: npt.NDArray[np.integer[Any]]) -> I64:
    """start[0], start[0] + 1, ... for count[0] entries, then start[1] ..."""
    total = int(count.sum())
    first = np.cumsum(count) - count
    within = np.arange(total) - np.repeat(first, count)
    expanded: I64 = (np.repeat(start, count) + within).astype(np.int64)
    return expanded
