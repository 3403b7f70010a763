"""Used against allowed on crossbar cores, for every limit, counted in the finished tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nmcompile.backends.base import LayerRow
from nmcompile.mapping.crossbar_graph import AXON_TYPES, CrossbarGraph
from nmcompile.mapping.limits import Usage
from nmcompile.mapping.route import system_coordinates
from nmcompile.target import CrossbarTarget

I64 = npt.NDArray[np.int64]
FILLED = ("axons", "neurons")
"""What a core fills up with."""


def usage(graph: CrossbarGraph, chip: CrossbarTarget) -> tuple[Usage, ...]:
    """The largest use of every limit, with the place where it occurs.

    Args:
        graph: the mapped network. chip: that it was mapped for.
    """
    rows = (*_per_core(graph, chip), *_numbers(graph, chip), *_places(graph, chip))
    filled = {f"core.{name}": graph[f"core.{name}"].astype(np.int64) for name in FILLED}
    return tuple(
        Usage(path, used, allowed, where, chip.cite(path), filled.get(path))
        for path, used, allowed, where in rows
    )


def layer_rows(graph: CrossbarGraph) -> tuple[LayerRow, ...]:
    """Cores, copies and relays of every layer."""
    rows: list[LayerRow] = []
    for index, (population, helpers) in enumerate(
        zip(graph.populations, graph.helpers(), strict=True)
    ):
        tiles = np.flatnonzero(graph["tile.population"] == index)
        cores = len(np.unique(graph["tile.core"][tiles]))
        rows.append(
            {
                "layer": population.layer,
                "box": _box(graph, tiles),
                "cores": cores,
                "copies": helpers.copies,
                "relay_cores": helpers.relay_cores,
            }
        )
    return tuple(rows)


Row = tuple[str, int, int, str]
"""Path of the limit in the target file, used, allowed, where."""


def _per_core(graph: CrossbarGraph, chip: CrossbarTarget) -> Iterator[Row]:
    """What one core holds: the fullest one, and the mean."""
    axons, neurons = (graph[f"core.{name}"].astype(np.int64) for name in FILLED)
    for name, used in (("axons", axons), ("neurons", neurons)):
        allowed = int(getattr(chip.core, name).value)
        worst = int(used.argmax())
        mean = f"; mean of all cores {used.mean() / allowed:.0%}"
        yield f"core.{name}", int(used[worst]), allowed, _core(graph, worst) + mean
    pairs = np.repeat(np.arange(graph.cores), axons) * AXON_TYPES + graph["axon.type"]
    types = np.bincount(np.unique(pairs) // AXON_TYPES, minlength=graph.cores)
    worst = int(types.argmax())
    yield "core.axon_types", int(types[worst]), chip.core.axon_types.value, _core(graph, worst)


def _numbers(graph: CrossbarGraph, chip: CrossbarTarget) -> Iterator[Row]:
    """The widest weight, threshold, leak and delay."""
    formats = chip.formats
    weights = np.stack([np.abs(graph[f"parameter.weight{g}"]) for g in range(AXON_TYPES)])
    signed = [
        ("formats.weight_bits", weights.max(axis=0), 2 ** (formats.weight_bits.value - 1) - 1),
        (
            "formats.threshold_bits",
            graph["parameter.threshold"],
            2**formats.threshold_bits.value - 1,
        ),
        (
            "formats.leak_bits",
            np.abs(graph["parameter.leak"]),
            2 ** (formats.leak_bits.value - 1) - 1,
        ),
    ]
    for path, values, allowed in signed:
        worst = int(values.argmax())
        neuron = int((graph["neuron.parameter"] == worst).argmax())
        yield path, int(values[worst]), int(allowed), _core(graph, _core_of(graph, neuron))
    sends = np.flatnonzero(graph["neuron.target_core"] >= 0)
    path, most = "formats.delay_ticks_max", formats.delay_ticks_max.value
    if len(sends):
        worst = int(sends[graph["neuron.target_delay"][sends].argmax()])
        used = int(graph["neuron.target_delay"][worst])
        yield path, used, most, _core(graph, _core_of(graph, worst))


def _places(graph: CrossbarGraph, chip: CrossbarTarget) -> Iterator[Row]:
    """Cores of the fullest chip, chips, and the longest way of a packet along x or y."""
    on_chip = np.bincount(graph["core.chip"])
    yield "chip.cores", int(on_chip.max(initial=0)), chip.chip.cores.value, "fullest chip"
    yield "chip.chips_max", graph.chips, chip.chip.chips_max.value, "whole network"
    packets = graph.packets()
    inside = packets.source >= 0
    source, target = packets.source[inside], packets.target[inside]
    column, row = system_coordinates(graph)
    ways = np.maximum(np.abs(column[source] - column[target]), np.abs(row[source] - row[target]))
    if len(ways):
        worst = int(ways.argmax())
        where = f"core {source[worst]} to core {target[worst]}"
        yield "routing.reach_cores", int(ways[worst]), chip.routing.reach_cores.value, where


def _core_of(graph: CrossbarGraph, neuron: int) -> int:
    return int(np.searchsorted(graph["core.neuron0"], neuron, side="right")) - 1


def _core(graph: CrossbarGraph, core: int) -> str:
    """The core with the layer that it holds or passes on."""
    tiles = np.flatnonzero(graph["tile.core"] == core)
    if len(tiles):
        return f"core {core} ({graph.populations[graph['tile.population'][tiles[0]]].layer})"
    relayed = int(graph.relayed()[core])
    layer = graph.populations[relayed].layer if relayed >= 0 else "no layer"
    return f"core {core} (relays of {layer})"


def _box(graph: CrossbarGraph, tiles: I64) -> str | None:
    """Largest height x width x channels of outputs in one box."""
    sides = [
        int((graph[f"tile.{axis}1"][tiles] - graph[f"tile.{axis}0"][tiles]).max(initial=0))
        for axis in "yxc"
    ]
    return "x".join(map(str, sides)) if len(tiles) else None
