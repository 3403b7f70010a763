"""Where the cores of a network lie, what each holds, and what it did in one inference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nmcompile.ir.counters import CoreCounters, NetworkCounters
from nmcompile.mapping.graph import MappedGraph, Mesh
from nmcompile.mapping.limits import Usage
from nmcompile.report import sections

AXONS = ("axons", "in_axons")
"""What chips call the limit of input axons."""
Integers = npt.NDArray[np.int64]


def floor_plan(
    graph: MappedGraph, usage: Sequence[Usage], counted: Sequence[NetworkCounters]
) -> sections.FloorPlan | None:
    """The plan with the activity of the first measured inference; None where none ran on cores.

    Args:
        graph: the mapped network.
        usage: its limits, with the use of every core.
        counted: measured inferences.
    """
    cores = next((sample.cores for sample in counted if sample.cores is not None), None)
    if cores is None:
        return None
    mesh = graph.mesh
    # cores of a router lie beside each other, so that every one has a place of its own
    wide = 2 if mesh.cores_per_router >= 4 else 1
    tall = -(-mesh.cores_per_router // wide)
    chip_x, chip_y = graph["core.chip"] % mesh.chip_columns, graph["core.chip"] // mesh.chip_columns
    x = (chip_x * mesh.columns + graph["core.x"]) * wide + graph["core.slot"] % wide
    y = (chip_y * mesh.rows + graph["core.y"]) * tall + graph["core.slot"] // wide
    chip_rows = int(chip_y.max(initial=0)) + 1
    layers, held = _held(graph)
    filled = [row for row in usage if row.cores is not None]
    return sections.FloorPlan(
        columns=mesh.chip_columns * mesh.columns * wide,
        rows=chip_rows * mesh.rows * tall,
        chip_columns=mesh.columns * wide,
        chip_rows=mesh.rows * tall,
        router_columns=wide,
        router_rows=tall,
        x=_integers(x),
        y=_integers(y),
        layers=layers,
        held=held,
        neurons=_integers(cores.neurons),
        axons=next((_integers(r.cores) for r in filled if _name(r) in AXONS), ()),
        uses=tuple(
            sections.CoreUse(limit=_name(row), allowed=row.allowed, used=_integers(row.cores))
            for row in filled
        ),
        sops=_integers(cores.sops.sum(axis=0)),
        packets=_integers(cores.packets_in.sum(axis=0)),
        spikes=_integers(cores.spikes),
        link_load=_integers(_link_load(cores, mesh, chip_rows).ravel()),
    )


def _link_load(cores: CoreCounters, mesh: Mesh, chip_rows: int) -> Integers:
    """The busiest link of every router, zero beyond the last one used."""
    whole = np.zeros((chip_rows * mesh.rows, mesh.chip_columns * mesh.columns), np.int64)
    busiest = cores.link_loads.max(axis=2)
    whole[: busiest.shape[0], : busiest.shape[1]] = busiest
    return whole


def _held(graph: MappedGraph) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Layers on every core, every text once; a core without any passes on spikes of one."""
    layers: list[set[str]] = [set() for _ in range(graph.cores)]
    for core, population in zip(graph["tile.core"], graph["tile.population"], strict=True):
        layers[core].add(graph.populations[population].layer)
    for core, population in enumerate(graph.relayed().tolist()):
        if population >= 0:
            layers[core].add(f"relays of {graph.populations[population].layer}")
    texts = [", ".join(sorted(names)) for names in layers]
    number = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    return tuple(number), tuple(number[text] for text in texts)


def _name(row: Usage) -> str:
    return row.limit.removeprefix("core.")


def _integers(values: Integers | None) -> tuple[int, ...]:
    return () if values is None else tuple(int(value) for value in values)
