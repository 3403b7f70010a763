"""Used against allowed on functional cores, for every limit, counted in the finished tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nmcompile.backends.base import LayerRow
from nmcompile.ir.neurons import PAYLOAD_MAX
from nmcompile.mapping.fcore_graph import MAXIMUM, PART, PARTIAL, SPIKING, FCoreGraph
from nmcompile.mapping.fcore_weights import block_bytes, held_weights
from nmcompile.mapping.limits import Usage
from nmcompile.target import FCoreTarget

I64 = npt.NDArray[np.int64]
FILLED = ("axons", "neurons")
"""What a core fills up with."""
MEMBRANE_BYTES = SUM_BYTES = 4
Row = tuple[str, int, int, str]
"""Path of the limit in the target file, used, allowed, where."""


def usage(graph: FCoreGraph, chip: FCoreTarget) -> tuple[Usage, ...]:
    """The largest use of every limit, with the place where it occurs.

    The memory of a core is not among them, see `memory_bytes`: its stated size contradicts the
    weights that a core is stated to hold.

    Args:
        graph: the mapped network. chip: that it was mapped for.
    """
    filled = {f"core.{name}": graph[f"core.{name}"].astype(np.int64) for name in FILLED}
    return tuple(
        Usage(path, used, allowed, where, chip.cite(path), filled.get(path))
        for path, used, allowed, where in (*_per_core(graph, chip), *_numbers(graph, chip))
    )


def layer_rows(graph: FCoreGraph) -> tuple[LayerRow, ...]:
    """Steps, cores, those that store indices into a table of weights, and memory of every layer."""
    memory, adders = memory_bytes(graph), graph.adders()
    by_index = graph["block.entries"][graph["core.block"]] > 0
    partial = np.bincount(graph.neuron_cores(), graph["neuron.role"] == PART, graph.cores) > 0
    rows: list[LayerRow] = []
    for index, population in enumerate(graph.populations):
        mine = graph["core.population"] == index
        first = int(mine.argmax())
        rows.append(
            {
                "layer": population.layer,
                "steps": f"{graph['core.ny'][first]}x{graph['core.nx'][first]}",
                "cores": int(mine.sum()),
                "partial_cores": int((mine & partial).sum()),
                "adder_cores": int((mine & adders).sum()),
                "indexed_cores": int((mine & by_index).sum()),
                "memory_bytes": int(memory[mine].max(initial=0)),
            }
        )
    return tuple(rows)


def memory_bytes(graph: FCoreGraph) -> I64:
    """`(cores,)` weights in their form, and the membranes or sums of a core's neurons.

    A core that is folded in time keeps a membrane for every logical neuron.
    """
    steps = graph["core.ny"].astype(np.int64) * graph["core.nx"]
    weights = block_bytes(graph, graph.weight_indices)[graph["core.block"]]
    weights[graph.adders() | (graph["core.kind"] == MAXIMUM)] = 0
    spiking = graph["parameter.kind"][graph["neuron.parameter"]] == SPIKING
    owner = graph.neuron_cores()
    kept = np.bincount(owner, spiking, graph.cores).astype(np.int64)
    sums = graph["core.neurons"] - kept
    found: I64 = weights + kept * steps * MEMBRANE_BYTES + sums * SUM_BYTES
    return found


def _per_core(graph: FCoreGraph, chip: FCoreTarget) -> Iterator[Row]:
    """What one core holds: the fullest one, and the mean."""
    for name in FILLED:
        used, allowed = graph[f"core.{name}"], int(getattr(chip.core, name).value)
        worst = int(used.argmax())
        mean = f"; mean of all cores {used.mean() / allowed:.0%}"
        yield f"core.{name}", int(used[worst]), allowed, _core(graph, worst) + mean
    entries = graph["block.entries"][graph["core.block"]]
    if entries.any():
        worst, many = int(entries.argmax()), np.count_nonzero(entries)
        where = f"{_core(graph, worst)}; {many} of {graph.cores} cores store indices"
        room = int(chip.core.weight_indices.value)
        yield "core.weight_indices", int(entries[worst]), room, where
    on_chip = np.bincount(graph["core.chip"])
    yield "chip.cores", int(on_chip.max(initial=0)), chip.chip.cores.value, "fullest chip"
    yield "chip.chips_max", graph.chips, chip.chip.chips_max.value, "whole network"


def _numbers(graph: FCoreGraph, chip: FCoreTarget) -> Iterator[Row]:
    """The widest weight, and the widest sum that a core may send to another."""
    weight = np.abs(held_weights(graph).astype(np.int64))
    at = int(weight.argmax()) if len(weight) else 0
    order = np.argsort(graph["block.weight0"], kind="stable")
    block = int(order[np.searchsorted(graph["block.weight0"][order], at, side="right") - 1])
    core = int((graph["core.block"] == block).argmax())
    most = 2 ** (chip.formats.weight_bits.value - 1) - 1
    yield "formats.weight_bits", int(weight.max(initial=0)), most, _core(graph, core)
    bounds = partial_sum_bounds(graph)
    if bounds.any():
        worst = int(bounds.argmax())
        most = 2 ** (graph.partial_sum_bits - 1) - 1
        yield "formats.partial_sum_bits", int(bounds[worst]), most, _core(graph, worst)


def partial_sum_bounds(graph: FCoreGraph) -> I64:
    """`(cores,)` largest magnitude of a partial sum that the weights allow; 0 for other cores.

    Weights that a template is written into count as full. Sums of partial sums are not looked at:
    what they add up to is bounded when the network is mapped.
    """
    written = np.zeros(graph.size("weight"), np.bool_)
    written[graph["slot.weight"]] = True
    full = graph.slot_largest or np.iinfo(np.int8).max
    bounds, weights = np.zeros(graph.cores, np.int64), held_weights(graph)
    partial = np.bincount(graph.neuron_cores(), graph["neuron.role"] == PART, graph.cores) > 0
    carries = np.array([0, *graph.carries_values], np.int64)
    for core in np.flatnonzero(partial & ~graph.adders()):
        axons, neurons = int(graph["core.axons"][core]), int(graph["core.neurons"][core])
        first = int(graph["block.weight0"][graph["core.block"][core]])
        part = slice(first, first + axons * neurons)
        weight = weights[part].astype(np.int64).reshape(axons, neurons)
        held = np.where(written[part].reshape(axons, neurons), full, 0)
        axon0 = int(graph["core.axon0"][core])
        values = carries[graph["axon.source"][axon0 : axon0 + axons] - PARTIAL]
        largest = np.where(values, PAYLOAD_MAX, 1)
        high = largest @ np.maximum(np.maximum(weight, 0), held)
        low = largest @ np.maximum(np.maximum(-weight, 0), held)
        bounds[core] = max(int(high.max(initial=0)), int(low.max(initial=0)))
    return bounds


def _core(graph: FCoreGraph, core: int) -> str:
    """The core with the layer that it works for."""
    layer = graph.populations[int(graph["core.population"][core])].layer
    return f"core {core} ({layer})"
