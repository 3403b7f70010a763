"""Places of cores on the chips."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.graph import PLACE, MappedGraph
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.place import SEED, place
from nmcompile.mapping.placement.slots import Slots, slots_for
from nmcompile.target import FCoreTarget

UNLIMITED = 2**31 - 1


def slots_of(cores: int, target: FCoreTarget, beside: Sequence[MappedGraph] = ()) -> Slots:
    """As many free places as there are cores, those of the first chips, column after column."""
    taken = frozenset(slot for graph in beside for slot in graph.slots)
    slots = slots_for(cores, _limits(target), taken)
    order = np.lexsort((slots.slot, slots.row, slots.column, slots.chip))
    columns = (
        column[np.sort(order[:cores])] for column in (slots.chip, slots.x, slots.y, slots.slot)
    )
    return Slots(slots.mesh, *columns)


def placed(
    graph: FCoreGraph, target: FCoreTarget, beside: Sequence[MappedGraph] = (), seed: int = SEED
) -> FCoreGraph:
    """Choose a place for every core, so that packets travel little.

    Args:
        graph: the network. target: the chip. beside: networks that hold cores of it already.
        seed: of the random swaps.
    """
    slots = slots_of(graph.cores, target, beside)
    source, end, _, packets = graph.core_edges()
    between = (source >= 0) & (source != end)
    flows = Flows(graph.cores, source[between], end[between], packets[between])
    found = place(flows, _centres(graph), slots, seed)
    columns = (slots.chip, slots.x, slots.y, slots.slot)
    places = {f"core.{name}": column[found] for name, column in zip(PLACE, columns, strict=True)}
    return dataclasses.replace(graph, mesh=slots.mesh, tables={**graph.tables, **places})


def _centres(graph: FCoreGraph) -> npt.NDArray[np.float64]:
    """`(cores, 2)` mean relative (x, y) of the outputs of a core, over all its steps."""
    shapes = np.array([info.shape for info in graph.populations], np.float64)
    shape = shapes[graph["core.population"]]
    core, centres = graph.neuron_cores(), np.zeros((graph.cores, 2))
    count = np.maximum(1, np.bincount(core, minlength=graph.cores))
    for axis, (name, extent) in enumerate((("x", 2), ("y", 1))):
        middle = np.bincount(core, weights=graph[f"neuron.{name}"] + 0.5, minlength=graph.cores)
        moved = (graph[f"core.n{name}"] - 1) * graph[f"core.e{name}"] / 2
        centres[:, axis] = (middle / count + moved) / shape[:, extent]
    return centres


def _limits(chip: FCoreTarget) -> Limits:
    """The chip as placement sees it: routers, cores, chips."""
    return Limits(
        target=chip.name,
        neurons=chip.core.neurons.value,
        in_axons=chip.core.axons.value,
        out_axons=UNLIMITED,
        synapse_memory_bytes=UNLIMITED,
        total_memory_bytes=None,
        neuron_state_bytes=0,
        axon_entry_bytes=0,
        axon_atoms=1,
        weight_bits=chip.formats.weight_bits.value,
        delay_ticks_max=0,
        cores=chip.chip.cores.value,
        cores_per_router=chip.chip.cores_per_router.value,
        router_columns=chip.chip.router_columns.value,
        router_rows=chip.chip.router_rows.value,
        chips_max=chip.chip.chips_max.value,
        chip_columns=chip.chip.chip_columns.value,
    )
