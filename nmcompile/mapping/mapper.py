"""The whole mapping of one network: stages, tiles, cores, tables, places."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.assemble import Assembler, Columns, Traffic
from nmcompile.mapping.balance import spread
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.header import header_of
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.merge import merged
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.place import SEED, place
from nmcompile.mapping.placement.slots import Slots, slots_for
from nmcompile.mapping.populations import COUNTING_POOLS, Stages
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import Tiling, tile


def map_network(
    network: Network,
    limits: Limits,
    traffic: Traffic | None = None,
    *,
    cores: int | None = None,
    beside: Sequence[MappedGraph] = (),
    seed: int = SEED,
) -> CoreGraph:
    """Map a golden network onto cores.

    Args:
        network: golden level, see `nmcompile.mapping.stages`.
        limits: of the target.
        traffic: spikes per neuron `(C, H, W)` of a calibration run, by node name; nodes that are
            missing count one spike per neuron. It weighs merging, placement and balance.
        cores: use up to this many cores to make the busiest one less busy; None uses the fewest.
        beside: networks that hold cores of the same chips already.
        seed: of the placement's random swaps.

    Raises:
        NmError: NM0301 for operators that cores cannot run, NM0302..NM0308 for limits.
    """
    return placed(cut_network(network, limits, traffic, cores=cores), limits, beside, seed=seed)


def cut_network(
    network: Network, limits: Limits, traffic: Traffic | None = None, *, cores: int | None = None
) -> CoreGraph:
    """What `map_network` finds, with no core at any place yet; arguments and errors are its."""
    split = stages(network)
    _check_rules(split, limits)
    fewest = tile(split, limits)
    packing = None if cores is None else spread(fewest, limits, traffic or {}, cores)
    if packing is None:
        packing = merged(fewest, limits, traffic or {})
    return _unplaced(packing.tiling, packing.per_population(), limits, traffic or {})


def map_tiles(
    tiling: Tiling, core_of: list[list[int]], limits: Limits, traffic: Traffic | None = None
) -> CoreGraph:
    """Tables and places for tiles whose cores are chosen.

    Args:
        tiling: the cut.
        core_of: the core of every tile, per population, numbered from 0 without gaps.
        limits, traffic: see `map_network`.
    """
    return placed(_unplaced(tiling, core_of, limits, traffic or {}), limits)


def placed(
    graph: CoreGraph, limits: Limits, beside: Sequence[MappedGraph] = (), *, seed: int = SEED
) -> CoreGraph:
    """The same cores on places that other networks leave free."""
    slots = slots_for(graph.cores, limits, frozenset(s for other in beside for s in other.slots))
    tables = {**graph.tables, **_place(graph, slots, seed)}
    return dataclasses.replace(graph, mesh=slots.mesh, tables=tables)


def refusals(network: Network, limits: Limits) -> tuple[Diagnostic, ...]:
    """What `map_network` would refuse about single layers; nothing is placed."""
    try:
        split = stages(network)
        _check_rules(split, limits)
        tile(split, limits)
    except NmError as error:
        return error.diagnostics
    return ()


def _unplaced(
    tiling: Tiling, core_of: list[list[int]], limits: Limits, traffic: Traffic
) -> CoreGraph:
    split = tiling.stages
    assembler = Assembler(tiling, core_of, limits, traffic)
    columns = assembler.columns()
    count = 1 + max(core for layer in core_of for core in layer)
    unplaced = dict.fromkeys(("core.chip", "core.x", "core.y", "core.slot"), np.zeros(count))
    return CoreGraph(
        **header_of(split),
        target=limits.target,
        ticks=split.ticks,
        input_values=split.input.mode in ("impulse", "constant"),
        profiles=tuple(assembler.profiles),
        mesh=slots_for(count, limits).mesh,
        tables={**columns, **unplaced},
    )


def _place(graph: CoreGraph, slots: Slots, seed: int) -> Columns:
    source, target, _, packets = graph.core_edges()
    between = (source >= 0) & (source != target)
    flows = Flows(graph.cores, source[between], target[between], packets[between])
    chosen = place(flows, _centres(graph), slots, seed)
    return {
        "core.chip": slots.chip[chosen],
        "core.x": slots.x[chosen],
        "core.y": slots.y[chosen],
        "core.slot": slots.slot[chosen],
    }


def _centres(graph: CoreGraph) -> npt.NDArray[np.float64]:
    """`(cores, 2)` mean relative (x, y) of each core's tiles."""
    shapes = np.array([p.shape for p in graph.populations], np.float64)
    population = graph["tile.population"]
    centres = np.zeros((graph.cores, 2))
    count = np.bincount(graph["tile.core"], minlength=graph.cores)
    for axis, (low, high, extent) in enumerate((("x0", "x1", 2), ("y0", "y1", 1))):
        middle = (graph[f"tile.{low}"] + graph[f"tile.{high}"]) / 2 / shapes[population, extent]
        centres[:, axis] = np.bincount(graph["tile.core"], weights=middle, minlength=graph.cores)
    means: npt.NDArray[np.float64] = centres / np.maximum(1, count)[:, None]
    return means


def _check_rules(split: Stages, limits: Limits) -> None:
    problems = [
        Diagnostic(
            code="NM0301",
            message="this target has no neuron for pooling that counts spikes",
            where=population.layer,
            limit=limits.source("running_max_pool"),
            help=('use the "or" rule or a strided convolution', "let the host pool"),
        )
        for population in split.populations
        if population.kind in COUNTING_POOLS and not limits.running_max_pool
    ]
    if problems:
        raise NmError(*problems)
