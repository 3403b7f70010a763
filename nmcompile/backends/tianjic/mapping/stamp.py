"""The cores of one box of outputs: parts of its inputs, and the cores that add partial sums.

Boxes of a layer that read the same relative positions need the same cores: their stamp is made
once. Inputs are in the order (column, row, channel), so that the parts of a wide box need only
some of its outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.block import Block, Matrix
from nmcompile.backends.tianjic.mapping.layer import Room
from nmcompile.mapping.fcore_graph import MAC, MAXIMUM
from nmcompile.reference.jit import njit

Bits = npt.NDArray[np.bool_]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
NO_SENDERS: Final[I64] = np.zeros((0, 2), np.int64)


@dataclass(frozen=True)
class StampCore:
    """One core of a stamp.

    Attributes:
        kind: of `nmcompile.mapping.fcore_graph`.
        level: phases after the parts in which it works.
        inputs: rows of the stamp's block that its axons read; empty for partial sums.
        senders: `(axons, 2)` the partial sums that its axons read: number of their core in the
            stamp, and neuron there; none for inputs.
        outputs: `(neurons,)` outputs of the box, in the order (x, y, channel).
        weight: `(axons, neurons)`. element: likewise, of a template, else None.
        final: whether it sends the outputs of the layer, and not partial sums.
        turns: of its neurons, one after the other, for `channels` channels each.
        channels: by which outputs and partial sums move from turn to turn; 0 for one turn.
    """

    kind: int
    level: int
    inputs: I64
    senders: I64
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
    for rows in parts:
        mine = outputs if levels == 0 else np.flatnonzero(_touched(block, rows))
        cores.append(
            StampCore(
                kind=MAXIMUM if maximum else MAC,
                level=0,
                inputs=rows,
                senders=NO_SENDERS,
                outputs=mine,
                weight=_synapses(block.weight, rows, mine),
                element=None if block.element is None else _synapses(block.element, rows, mine),
                final=levels == 0,
            )
        )
    if levels == 0:
        return Stamp(block, tuple(cores))
    channels, most = turns
    step = channels
    if levels == 1 and _regular(cores, channels):
        step = channels // most_turns(channels, most)
    wanted = outputs % channels < step
    sums = _sums(cores, wanted)
    for level in range(1, levels + 1):
        final = level == levels
        before = len(cores)
        for packed in _packed(sums if final else _split(sums, room.axons), room):
            adder = _adder(packed, level, final, maximum)
            if step < channels:
                adder = dataclasses.replace(adder, turns=channels // step, channels=step)
            cores.append(adder)
        if not final:
            sums = _sums(cores, wanted, before)
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


@dataclass(frozen=True)
class _Sums:
    """Sums that are to be added, output after output.

    Attributes:
        outputs: ascending. counts: partial sums of each. senders: of all, as in `StampCore`.
    """

    outputs: I64
    counts: I64
    senders: I64

    def part(self, entries: slice, senders: slice) -> _Sums:
        """Some of them."""
        return _Sums(self.outputs[entries], self.counts[entries], self.senders[senders])


def _sums(cores: Sequence[StampCore], wanted: Bits, first: int = 0) -> _Sums:
    """What cores from a `first` one on send of the `(neurons,)` outputs that are wanted."""
    sending = cores[first:]
    every = np.concatenate([core.outputs for core in sending])
    sizes = [len(core.outputs) for core in sending]
    number = np.repeat(np.arange(first, len(cores)), sizes)
    neuron = np.concatenate([np.arange(size) for size in sizes])
    own = np.flatnonzero(wanted[every])
    order = own[np.argsort(every[own], kind="stable")]
    counts = np.bincount(every[order], minlength=len(wanted))[wanted]
    return _Sums(np.flatnonzero(wanted), counts, np.stack([number, neuron], axis=1)[order])


def _split(sums: _Sums, axons: int) -> _Sums:
    """Only as many partial sums as one neuron takes; an output comes several times."""
    pieces = np.maximum(1, -(-sums.counts // axons))
    counts = np.full(int(pieces.sum()), axons)
    last = np.cumsum(pieces) - 1
    counts[last] = sums.counts - (pieces - 1) * axons
    return _Sums(np.repeat(sums.outputs, pieces), counts, sums.senders)


def _packed(sums: _Sums, room: Room) -> Iterator[_Sums]:
    """Neurons that add, core by core."""
    low = first = axons = 0
    for high, count in enumerate(sums.counts.tolist()):
        if high > low and (high - low == room.neurons or axons + count > room.axons):
            yield sums.part(slice(low, high), slice(first, first + axons))
            low, first, axons = high, first + axons, 0
        axons += count
    yield sums.part(slice(low, None), slice(first, None))


def _adder(mine: _Sums, level: int, final: bool, maximum: bool) -> StampCore:
    """A core that adds partial sums."""
    column = np.repeat(np.arange(len(mine.outputs)), mine.counts)
    weight = np.zeros((len(column), len(mine.outputs)), np.int8)
    weight[np.arange(len(column)), column] = 1
    return StampCore(
        kind=MAXIMUM if maximum else MAC,
        level=level,
        inputs=np.zeros(0, np.int64),
        senders=mine.senders,
        outputs=mine.outputs,
        weight=weight,
        element=None,
        final=final,
    )


def _synapses(values: Matrix, rows: I64, outputs: I64) -> Matrix:
    """Some rows and columns; parts are consecutive rows, and a part mostly has all columns."""
    own = values[rows[0] : rows[-1] + 1] if len(rows) else values[:0]
    return own if len(outputs) == values.shape[1] else own[:, outputs]


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
