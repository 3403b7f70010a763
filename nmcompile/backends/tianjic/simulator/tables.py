"""The tables of a core graph as the engine reads them: addresses, ranges of steps, counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.fcore_graph import MAXIMUM, ORIGINAL, PARTIAL, FCoreGraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


class Tables(NamedTuple):
    """What stays the same from phase to phase.

    Values are one array: elements as `FCoreGraph.senders` numbers them, then one value for every
    physical neuron that sends a partial sum.

    Attributes:
        core: `(cores, 19)` axon0, axons, neuron0, neurons, row0, kind, start, period, ny, nx,
            whether its neurons send partial sums, rows by which parameters move with kx, whether
            every axon has one weight and no neuron is ever idle; first ky and the one behind the
            last in which all axons are inside, likewise kx, none where axons move differently; by
            how much they move.
        edge: `(cores,)` whether neurons are idle in some step.
        axon: `(axons, 7)` address at step (0, 0), its change with ky and with kx, first ky that
            is inside and the one behind the last, likewise kx.
        base: `(axons,)` its first column. value: `(axons,)` whether what it reads is no spike.
        neuron: `(neurons, 6)` as axon up to the changes, then ky and kx from which it is idle, and
            the row of its parameters.
        parameter: `(rows, 10)` in the order of the graph's table.
        host: `(rows, 3)` phase, first element, elements.
    """

    core: I64
    edge: npt.NDArray[np.bool_]
    axon: I32
    base: I32
    value: U8
    neuron: I32
    parameter: I64
    host: I64


class Rows(NamedTuple):
    """The rows of all blocks, one for every axon: they change with the weights.

    Attributes:
        weight0: `(rows,)` first weight. low, high: columns with weights other than 0.
        used: `(rows,)` weights other than 0.
    """

    weight0: I64
    low: I32
    high: I32
    used: I32


def tables_of(graph: FCoreGraph, first: I64, rows: Rows) -> Tables:
    """Lay out a graph.

    Args:
        graph: the network, validated. first: first element of every map, and their end.
        rows: of its blocks.
    """
    row0, owner = _row0(graph), graph.neuron_cores()
    originals = np.bincount(owner[graph["neuron.role"] == ORIGINAL], minlength=graph.cores)
    parts = (originals == 0) & (graph["core.ec"] == 0)
    axon, neuron = _axons(graph, first), _neurons(graph, first)
    idle = (neuron[:, 3] < graph["core.ny"][owner]) | (neuron[:, 4] < graph["core.nx"][owner])
    edge = np.bincount(owner, weights=idle, minlength=graph.cores) > 0
    core = np.stack(
        [
            *(graph[f"core.{name}"] for name in ("axon0", "axons", "neuron0", "neurons")),
            row0[graph["core.block"]],
            *(graph[f"core.{name}"] for name in ("kind", "start", "period", "ny", "nx")),
            *(parts, graph["core.ep"], _single(graph, rows) & ~edge),
            *_together(graph, axon),
        ],
        axis=1,
    ).astype(np.int64)
    channels, _, width = graph.input_shape3
    line = channels * width
    host = [graph["host.phase"], graph["host.row"] * line, np.full(graph.size("host"), line)]
    source = graph["axon.source"]
    values = np.array([False, *graph.carries_values])  # partial sums first
    return Tables(
        core=core,
        edge=edge,
        axon=axon,
        base=np.ascontiguousarray(axon[:, 0]),
        value=values[source - PARTIAL].astype(np.uint8),
        neuron=neuron,
        parameter=np.stack(
            [graph[f"parameter.{name}"] for name in graph.SCHEMA["parameter"]], axis=1
        ).astype(np.int64),
        host=np.stack(host, axis=1).astype(np.int64),
    )


def rows_of(graph: FCoreGraph, weights: npt.NDArray[np.int8]) -> Rows:
    """The rows of all blocks with the weights that they hold now."""
    axons, neurons = (graph[f"block.{name}"].astype(np.int64) for name in ("axons", "neurons"))
    block = np.repeat(np.arange(len(axons)), axons)
    place = np.arange(len(block)) - _row0(graph)[block]
    weight0 = graph["block.weight0"].astype(np.int64)[block] + place * neurons[block]
    low, high, many = (np.zeros(len(block), np.int32) for _ in range(3))
    for size in np.unique(neurons):
        mine = np.flatnonzero(neurons[block] == size)
        if not size:
            continue
        for part in np.array_split(mine, max(1, len(mine) * int(size) >> 24)):
            used = weights[weight0[part, None] + np.arange(size)] != 0
            many[part] = used.sum(axis=1)
            low[part] = used.argmax(axis=1)
            high[part] = np.where(used.any(axis=1), size - used[:, ::-1].argmax(axis=1), 0)
    return Rows(weight0, low, high, many)


def _row0(graph: FCoreGraph) -> I64:
    axons = graph["block.axons"].astype(np.int64)
    return np.asarray(np.cumsum(axons) - axons)


def _shapes(graph: FCoreGraph) -> I64:
    shapes = [graph.input_shape3, *(info.shape for info in graph.populations)]
    return np.array(shapes, np.int64)


def _axons(graph: FCoreGraph, first: I64) -> I32:
    column = {name: graph[f"axon.{name}"].astype(np.int64) for name in graph.SCHEMA["axon"]}
    core = graph.axon_cores()
    partial = column["source"] == PARTIAL
    which = np.where(partial, 0, column["source"] + 1)
    channels, height, width = _shapes(graph)[which].T
    found = np.zeros((len(core), 7), np.int64)
    found[:, 0] = first[which] + (column["y"] * width + column["x"]) * channels + column["c"]
    found[:, 1] = column["dy"] * width * channels
    found[:, 2] = column["dx"] * channels
    found[:, 3], found[:, 4] = _inside(
        column["y"], column["dy"], height, graph["core.ny"].astype(np.int64)[core]
    )
    found[:, 5], found[:, 6] = _inside(
        column["x"], column["dx"], width, graph["core.nx"].astype(np.int64)[core]
    )
    zero = np.zeros_like(core)
    always = np.stack(
        [
            *(first[-1] + column["c"], zero, column["dx"], zero, graph["core.ny"][core]),
            *(zero, graph["core.nx"][core]),
        ],
        axis=1,
    )
    found[partial] = always[partial]
    return found.astype(np.int32)


def _single(graph: FCoreGraph, rows: Rows) -> npt.NDArray[np.bool_]:
    """`(cores,)` whether a core adds partial sums, and nothing else, each to one neuron."""
    axons = graph["block.axons"].astype(np.int64)
    block = np.repeat(np.arange(len(axons)), axons)
    several = np.bincount(block[rows.used != 1], minlength=len(axons))[graph["core.block"]] > 0
    others = graph.axon_cores()[graph["axon.source"] != PARTIAL]
    several |= np.bincount(others, minlength=graph.cores) > 0
    single: npt.NDArray[np.bool_] = ~several & (graph["core.kind"] != MAXIMUM)
    return single


def _together(graph: FCoreGraph, axon: I32) -> I64:
    """`(6, cores)` steps in which all axons of a core are inside and move alike, and how."""
    found = np.zeros((6, graph.cores), np.int64)
    some = np.flatnonzero(graph["core.axons"])
    if not len(some):
        return found
    first = graph["core.axon0"][some]
    low, high = (f.reduceat(axon[:, 1:], first, axis=0) for f in (np.minimum, np.maximum))
    alike = (low[:, :2] == high[:, :2]).all(axis=1)
    found[0, some], found[2, some] = high[:, 2], high[:, 4]
    found[1, some], found[3, some] = np.where(alike, low[:, 3], 0), low[:, 5]
    found[4:, some] = low[:, :2].T
    return found


def _inside(at: I64, step: I64, size: I64, steps: I64) -> tuple[I64, I64]:
    """Steps k, from and up to, in which 0 <= at + k step < size; steps that do not move: all."""
    moves = np.maximum(1, step)
    low = np.where(step > 0, np.maximum(0, -(at // moves)), np.where(at < 0, steps, 0))
    high = np.where(step > 0, -((at - size) // moves), np.where(at < size, steps, 0))
    return low, np.minimum(steps, high)


def _neurons(graph: FCoreGraph, first: I64) -> I32:
    core = graph.neuron_cores()
    population = graph["core.population"][core]
    channels, height, width = _shapes(graph)[population + 1].T
    ey, ex, ec = (graph[f"core.{name}"].astype(np.int64)[core] for name in ("ey", "ex", "ec"))
    y, x = (graph[f"neuron.{name}"].astype(np.int64) for name in "yx")
    original = graph["neuron.role"] == ORIGINAL
    place = first[population + 1] + (y * width + x) * channels + graph["neuron.c"]
    found: I64 = np.stack(
        [
            np.where(original, place, first[-1] + np.arange(len(core))),
            np.where(original, ey * width * channels, 0),
            np.where(original, ex * channels + ec, 0),
            _inside(y, ey, height, graph["core.ny"].astype(np.int64)[core])[1],
            _inside(x, ex, width, graph["core.nx"].astype(np.int64)[core])[1],
            graph["neuron.parameter"],
        ],
        axis=1,
    )
    return found.astype(np.int32)
