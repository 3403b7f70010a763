"""The cores of one box of outputs: parts of its inputs, and the cores that add partial sums.

Boxes of a layer that read the same relative positions need the same cores: their stamp is made
once. Inputs are in the order (column, row, channel), so that the parts of a wide box need only
some of its outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.block import Block, Matrix
from nmcompile.backends.tianjic.mapping.layer import Room
from nmcompile.mapping.fcore_graph import MAC, MAXIMUM
from nmcompile.reference.jit import njit

Bits = npt.NDArray[np.bool_]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Sender = tuple[int, int]
"""A partial sum: the number of its core in the stamp, and its neuron there."""
Wanted = tuple[int, list[Sender]]
"""An output, and the partial sums that it is the sum of."""


@dataclass(frozen=True)
class StampCore:
    """One core of a stamp.

    Attributes:
        kind: of `nmcompile.mapping.fcore_graph`.
        level: phases after the parts in which it works.
        inputs: rows of the stamp's block that its axons read; empty for partial sums.
        senders: of the partial sums that its axons read; empty for inputs.
        outputs: `(neurons,)` outputs of the box, in the order (x, y, channel).
        weight: `(axons, neurons)`. element: likewise, of a template, else None.
        final: whether it sends the outputs of the layer, and not partial sums.
        turns: of its neurons, one after the other, for `channels` channels each.
        channels: by which outputs and partial sums move from turn to turn; 0 for one turn.
    """

    kind: int
    level: int
    inputs: I64
    senders: tuple[Sender, ...]
    outputs: I64
    weight: Matrix
    element: I32 | None
    final: bool
    turns: int = 1
    channels: int = 0


@dataclass(frozen=True)
class Stamp:
    """The cores of one box.

    Attributes:
        block: what the box reads. cores: parts first, then level after level.
    """

    block: Block
    cores: tuple[StampCore, ...]


def parts_of(block: Block, room: Room) -> tuple[I64, ...]:
    """Rows of the block for every part; a single part holds all outputs of the box."""
    used = block.weight != 0
    if block.element is not None:
        used |= block.element != 0
    if used.shape[1] > room.neurons or len(used) > room.axons:
        part = _cut(used, room.axons, room.neurons)
        return tuple(np.flatnonzero(part == k) for k in range(int(part.max(initial=0)) + 1))
    return (np.arange(len(used)),)


def levels_needed(block: Block, parts: Sequence[I64], room: Room) -> int:
    """Cores one after the other that add the partial sums of a box; 0 for a single part."""
    if len(parts) == 1 and block.weight.shape[1] <= room.neurons:
        return 0
    senders = sum((_touched(block, rows).astype(np.int64) for rows in parts), np.int64(0))
    most, levels = int(np.max(senders)), 1
    while most > room.axons:
        most, levels = -(-most // room.axons), levels + 1
    return levels


def stamp_of(
    block: Block,
    parts: Sequence[I64],
    levels: int,
    turns: tuple[int, int],
    room: Room,
    maximum: bool,
) -> Stamp:
    """The cores of a box.

    Args:
        block: what it reads. parts: of its rows. room: of a core.
        levels: of cores that add, at least `levels_needed`; all boxes of a layer have the same,
            so that their outputs are sent in the same phase.
        turns: channels of the box, and how often the neurons that add may take turns.
        maximum: whether the largest input is wanted, and not the sum.
    """
    outputs = np.arange(block.weight.shape[1])
    cores: list[StampCore] = []
    senders: list[list[Sender]] = [[] for _ in outputs]
    for rows in parts:
        mine = outputs if levels == 0 else np.flatnonzero(_touched(block, rows))
        for j, output in enumerate(mine.tolist()):
            senders[output].append((len(cores), j))
        element = None if block.element is None else block.element[np.ix_(rows, mine)]
        cores.append(
            StampCore(
                kind=MAXIMUM if maximum else MAC,
                level=0,
                inputs=rows,
                senders=(),
                outputs=mine,
                weight=block.weight[np.ix_(rows, mine)],
                element=element,
                final=levels == 0,
            )
        )
    channels, most = turns
    step = channels
    if levels == 1 and _regular(cores, channels):
        step = channels // most_turns(channels, most)
    wanted = [(o, senders[o]) for o in outputs.tolist() if o % channels < step]
    for level in range(1, levels + 1):
        final = level == levels
        groups = wanted if final else _grouped(wanted, room.axons)
        found: dict[int, list[Sender]] = {}
        for packed in _packed(groups, room):
            for j, (output, _) in enumerate(packed):
                found.setdefault(output, []).append((len(cores), j))
            adder = _adder(packed, level, final, maximum)
            if step < channels:
                adder = dataclasses.replace(adder, turns=channels // step, channels=step)
            cores.append(adder)
        wanted = list(found.items())
    return Stamp(block, tuple(cores))


def most_turns(channels: int, phases: int) -> int:
    """Turns of equal length that fit so many phases."""
    return max(n for n in range(1, min(channels, phases) + 1) if channels % n == 0)


def _regular(parts: Sequence[StampCore], channels: int) -> bool:
    """Whether all parts have sums for all channels of an output's place, or for none."""
    return all(
        len(part.outputs) % channels == 0
        and (part.outputs.reshape(-1, channels) % channels == np.arange(channels)).all()
        for part in parts
    )


def _grouped(wanted: Sequence[Wanted], axons: int) -> list[Wanted]:
    """As many partial sums as one neuron takes."""
    return [
        (output, own[low : low + axons])
        for output, own in wanted
        for low in range(0, max(1, len(own)), axons)
    ]


def _packed(groups: Sequence[Wanted], room: Room) -> Iterator[list[Wanted]]:
    """Neurons that add, core by core."""
    mine: list[Wanted] = []
    axons = 0
    for group in groups:
        if mine and (len(mine) == room.neurons or axons + len(group[1]) > room.axons):
            yield mine
            mine, axons = [], 0
        mine.append(group)
        axons += len(group[1])
    if mine:
        yield mine


def _adder(mine: Sequence[Wanted], level: int, final: bool, maximum: bool) -> StampCore:
    """A core that adds partial sums."""
    read = tuple(sender for _, own in mine for sender in own)
    weight = np.zeros((len(read), len(mine)), np.int8)
    column = np.repeat(np.arange(len(mine)), [len(own) for _, own in mine])
    weight[np.arange(len(read)), column] = 1
    return StampCore(
        kind=MAXIMUM if maximum else MAC,
        level=level,
        inputs=np.zeros(0, np.int64),
        senders=read,
        outputs=np.array([output for output, _ in mine]),
        weight=weight,
        element=None,
        final=final,
    )


def _touched(block: Block, rows: I64) -> Bits:
    """`(neurons,)` outputs that a part has weights for."""
    touched: Bits = (block.weight[rows] != 0).any(axis=0)
    if block.element is not None:
        touched |= (block.element[rows] != 0).any(axis=0)
    return touched


@njit
def _cut(used: Bits, axons: int, neurons: int) -> I64:
    """`(inputs,)` part of every input: consecutive ones, as many as a core takes."""
    part = np.zeros(used.shape[0], np.int64)
    touched = np.zeros(used.shape[1], np.bool_)
    number = inside = outputs = 0
    for i in range(used.shape[0]):
        new = 0
        for j in range(used.shape[1]):
            new += used[i, j] and not touched[j]
        if inside and (inside == axons or outputs + new > neurons):
            number += 1
            inside = outputs = 0
            touched[:] = False
        for j in range(used.shape[1]):
            if used[i, j] and not touched[j]:
                touched[j] = True
                outputs += 1
        inside += 1
        part[i] = number
    return part
