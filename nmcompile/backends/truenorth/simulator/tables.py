"""The tables of a crossbar graph in the form in which the compiled engine reads them.

Neurons lie in groups of 64, the last one of a core filled up with neurons that never fire. Groups
with the same 64 parameter rows share one profile.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.simulator import vector
from nmcompile.backends.truenorth.simulator.vector import LANES
from nmcompile.mapping.crossbar_graph import AXON_TYPES, CrossbarGraph

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]

Array = TypeVar("Array", bound=npt.NDArray[Any])

CACHE_LINE_BYTES = 64
SCHEDULER_SLOTS = 16
DELAY_BITS, LANE_BITS = 4, 6
PARAMETERS = CrossbarGraph.SCHEMA["parameter"]
WEIGHT0, STOCHASTIC0 = PARAMETERS.index("weight0"), PARAMETERS.index("stochastic0")
LEAK, THRESHOLD, FLOOR, RESET_VALUE, RESET_MODE, FLOOR_MODE, LEAK_REVERSAL, STOCHASTIC_LEAK = range(
    PARAMETERS.index("leak"), STOCHASTIC0
)
MASK_BITS = PARAMETERS.index("mask_bits")
PLAIN, SUMS, RANDOM = range(3)
"""All of a tick as vectors; only the sums of weights; nothing, because synapses are random."""
_NEVER = np.iinfo(np.int32).max


class Tables(NamedTuple):
    """What never changes.

    Attributes:
        group0: `(cores + 1,)` first group of every core. neurons: `(cores,)`.
        word0: `(cores + 1,)` first word of every core's axons in a slot of the scheduler.
        axon0: `(cores,)`. row0: `(cores,)` first word of its crossbar.
        can_rest: `(cores,)` whether nothing happens there without an event.
        kind: `(axons,)` types. crossbar: `(words,)`.
        profile: `(groups,)`. mode: `(groups,)` PLAIN, SUMS or RANDOM, how they are computed.
        weights: of profiles, 64 of every type. rows: of profiles, `vector.ROWS` x 64.
        parameter: `(groups x 64,)` row of `parameters`, whose columns are `PARAMETERS`.
        target: `(groups x 64,)` (word << 6 | bit) << 4 | delay, -1 for none.
        clip: of membranes.
    """

    group0: I64
    neurons: I64
    word0: I64
    axon0: I64
    row0: I64
    can_rest: U8
    kind: U8
    crossbar: U64
    profile: I64
    mode: U8
    weights: I16
    rows: I32
    parameter: I32
    parameters: I32
    target: I64
    clip: np.int32


def aligned(values: Array) -> Array:
    """A copy that begins with a cache line, so that no row of it lies in one line too many."""
    room = np.empty(values.nbytes + CACHE_LINE_BYTES, np.uint8)
    begin = -room.ctypes.data % CACHE_LINE_BYTES
    copy = room[begin : begin + values.nbytes].view(values.dtype)
    copy[:] = values
    return copy  # type: ignore[return-value]


def tables_of(graph: CrossbarGraph) -> Tables:
    """Tables of a graph that has been checked."""
    group0 = _starts(-(-graph["core.neurons"].astype(np.int64) // LANES))
    word0 = _starts(-(-graph["core.axons"].astype(np.int64) // LANES))
    lanes = lane_of(graph)
    groups = int(group0[-1])
    parameters = _parameters(graph)
    parameter = np.full(groups * LANES, len(parameters) - 1, np.int32)
    parameter[lanes] = graph["neuron.parameter"]
    kinds, profile = np.unique(parameter.reshape(-1, LANES), axis=0, return_inverse=True)
    still = (_modes(parameters) == PLAIN) & (parameters[:, LEAK] == 0)
    moving = np.zeros(len(graph["core.neurons"]), np.int64)
    core = np.repeat(np.arange(graph.cores), np.diff(group0))
    np.add.at(moving, core, ~still[parameter].reshape(-1, LANES).all(axis=1))
    return Tables(
        group0=group0,
        neurons=graph["core.neurons"].astype(np.int64),
        word0=word0,
        axon0=graph["core.axon0"].astype(np.int64),
        row0=graph["block.word0"][graph["core.block"]].astype(np.int64),
        can_rest=(moving == 0).astype(np.uint8),
        kind=graph["axon.type"],
        crossbar=aligned(graph["crossbar.word"]),
        profile=profile.reshape(-1).astype(np.int64),
        mode=_modes(parameters)[parameter].reshape(-1, LANES).max(axis=1, initial=PLAIN),
        weights=aligned(_weights(parameters, kinds)),
        rows=aligned(_rows(parameters, kinds)),
        parameter=parameter,
        parameters=parameters,
        target=_targets(graph, word0, lanes, groups),
        clip=np.int32(graph.membrane_clip),
    )


def lane_of(graph: CrossbarGraph) -> I64:
    """`(neurons,)` place of every neuron among the groups."""
    group0 = _starts(-(-graph["core.neurons"].astype(np.int64) // LANES))[:-1]
    return _places(group0, graph["core.neuron0"], graph["core.neurons"])


def bit_of_axon(graph: CrossbarGraph) -> I64:
    """`(axons,)` place of every axon among the words of a scheduler slot."""
    word0 = _starts(-(-graph["core.axons"].astype(np.int64) // LANES))[:-1]
    return _places(word0, graph["core.axon0"], graph["core.axons"])


def _places(word0: I64, first: I32, count: I32) -> I64:
    total = int(count.sum())
    places: I64 = np.repeat(word0 * LANES - first, count) + np.arange(total)
    return places


def _starts(counts: I64) -> I64:
    starts: I64 = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return starts


def _parameters(graph: CrossbarGraph) -> I32:
    """The rows of the graph, and one of a neuron that never does anything."""
    table = np.zeros((graph.size("parameter") + 1, len(PARAMETERS)), np.int32)
    for column, name in enumerate(PARAMETERS):
        table[:-1, column] = graph[f"parameter.{name}"]
    table[-1, [THRESHOLD, FLOOR]] = _NEVER
    return table


def _modes(parameters: I32) -> U8:
    """How every row has to be computed; flags count where they show."""
    leaks = (parameters[:, STOCHASTIC_LEAK] != 0) | (parameters[:, LEAK_REVERSAL] != 0)
    other = (parameters[:, MASK_BITS] != 0) | (leaks & (parameters[:, LEAK] != 0))
    modes = np.where(other, SUMS, PLAIN)
    for kind in range(AXON_TYPES):
        random = (parameters[:, STOCHASTIC0 + kind] != 0) & (parameters[:, WEIGHT0 + kind] != 0)
        modes[random] = RANDOM
    return modes.astype(np.uint8)


def _weights(parameters: I32, kinds: I32) -> I16:
    table = np.zeros((len(kinds), AXON_TYPES, LANES), np.int16)
    for kind in range(AXON_TYPES):
        table[:, kind] = parameters[kinds, WEIGHT0 + kind]
    return table.reshape(-1)


def _rows(parameters: I32, kinds: I32) -> I32:
    """What `vector.step` reads."""
    column = parameters.T
    gamma, kappa = column[RESET_MODE], column[FLOOR_MODE]
    alpha, beta, value = column[THRESHOLD], column[FLOOR], column[RESET_VALUE]
    by_row = np.zeros((vector.ROWS, len(parameters)), np.int32)
    by_row[vector.LEAK] = column[LEAK]
    by_row[vector.THRESHOLD] = alpha
    by_row[vector.FIRE_KEEP] = np.where(gamma == 0, 0, -1)
    by_row[vector.FIRE_DROP] = np.select([gamma == 0, gamma == 1], [-value, alpha], 0)
    by_row[vector.FLOOR] = -beta
    by_row[vector.FLOOR_KEEP] = np.where((kappa == 1) | (gamma == 0), 0, -1)
    dropped = np.select([gamma == 0, gamma == 1], [value, -beta], 0)
    by_row[vector.FLOOR_DROP] = np.where(kappa == 1, beta, dropped)
    rows: I32 = by_row[:, kinds].transpose(1, 0, 2).reshape(-1)
    return rows


def _targets(graph: CrossbarGraph, word0: I64, lanes: I64, groups: int) -> I64:
    core = graph["neuron.target_core"].astype(np.int64)
    bit = word0[np.maximum(core, 0)] * LANES + graph["neuron.target_axon"]
    packed = np.where(core < 0, -1, bit << DELAY_BITS | graph["neuron.target_delay"])
    target = np.full(groups * LANES, -1, np.int64)
    target[lanes] = packed
    return target
