"""Layers into boxes of outputs: the size that takes the fewest cores, and the stamps of all boxes.

The size is chosen by an estimate that leaves the borders of maps apart; the cores are then counted
on the stamps themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import gcd

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.block import Block, block_of
from nmcompile.backends.tianjic.mapping.layer import I32, Box, Layer, Room, extent
from nmcompile.backends.tianjic.mapping.stamp import (
    I64,
    Stamp,
    levels_needed,
    most_turns,
    parts_of,
    stamp_of,
)
from nmcompile.mapping.axes import Interval
from nmcompile.mapping.populations import Projection
from nmcompile.mapping.window import Window

Size = tuple[int, int, int]
"""Rows, columns and channels of a box."""
Key = tuple[object, ...]
F64 = npt.NDArray[np.float64]
WIDEST = 4096
"""Most outputs of a box."""
BLOCK_MAX = 1 << 25
"""Most weights of a box."""


@dataclass(frozen=True)
class Tiled:
    """One layer in boxes.

    Attributes:
        layer: the layer. levels: cores one after the other that add partial sums.
        boxes: in the order (row, column, channel), each with its cores.
    """

    layer: Layer
    levels: int
    boxes: tuple[tuple[Box, Stamp], ...]

    @property
    def cores(self) -> int:
        """Cores of all boxes."""
        return sum(len(stamp.cores) for _, stamp in self.boxes)

    @property
    def turns(self) -> int:
        """Most turns that neurons of it take."""
        return max(core.turns for _, stamp in self.boxes for core in stamp.cores)


@dataclass
class Tiler:
    """Cuts the layers of one network; what it learns about one schedule serves the others.

    Attributes:
        room: what a core holds.
    """

    room: Room
    _parts: dict[Key, tuple[Block, tuple[I64, ...], int]] = field(default_factory=dict)
    _stamps: dict[Key, Stamp] = field(default_factory=dict)

    def tile(self, layer: Layer) -> Tiled:
        """A layer in boxes."""
        boxes = tuple(boxes_of(layer, best_size(layer, self.room)))
        keys = [self._key(layer, box) for box in boxes]
        for key, box in zip(keys, boxes, strict=True):
            if key not in self._parts:
                block = block_of(layer, box)
                parts = parts_of(block, self.room)
                self._parts[key] = block, parts, levels_needed(block, parts, self.room)
        levels = max(self._parts[key][2] for key in keys)
        how = (levels, layer.turns)
        for key, box in zip(keys, boxes, strict=True):
            if (how, *key) not in self._stamps:
                block, parts, _ = self._parts[key]
                turns = (box.c[1] - box.c[0], layer.turns)
                stamp = stamp_of(block, parts, levels, turns, self.room, layer.maximum)
                self._stamps[how, *key] = stamp
        stamps = (self._stamps[how, *key] for key in keys)
        return Tiled(layer, levels, tuple(zip(boxes, stamps, strict=True)))

    def _key(self, layer: Layer, box: Box) -> Key:
        """What makes two boxes of a layer need the same cores."""
        reads = tuple(
            (layer.rows(p, box.y), layer.columns(p, box.x)) for p in layer.population.projections
        )
        height, width = box.y[1] - box.y[0], box.x[1] - box.x[0]
        return layer.population.name, reads, height, width, box.c


def boxes_of(layer: Layer, size: Size) -> Iterator[Box]:
    """All boxes of one step, the last ones of every axis perhaps smaller."""
    fold, channels = layer.fold, layer.population.shape[0]
    sides = ((fold.rows, size[0]), (fold.columns, size[1]), (channels, size[2]))
    for y, x, c in product(*(_intervals(*side) for side in sides)):
        yield Box(y, x, c)


def _intervals(extent_: int, size: int) -> list[Interval]:
    return [(low, min(low + size, extent_)) for low in range(0, extent_, size)]


def best_size(layer: Layer, room: Room) -> Size:
    """The size of boxes that is expected to take the fewest cores, then the fewest inputs."""
    fold, channels = layer.fold, layer.population.shape[0]
    rows = _sizes(min(fold.rows, WIDEST))[:, None]
    columns = _sizes(min(fold.columns, WIDEST))
    counts = _channel_sizes(layer, room)[:, None, None]
    cores, inputs = _estimate(layer, room, rows, columns, counts)
    boxes = -(-fold.rows // rows) * -(-fold.columns // columns) * -(-channels // counts)
    best = np.lexsort(((inputs * boxes).reshape(-1), (cores * boxes).reshape(-1)))[0]
    count, y, x = np.unravel_index(best, boxes.shape)
    return int(rows[y, 0]), int(columns[x]), int(counts[count, 0, 0])


def _sizes(most: int) -> I32:
    """Sizes of a side that are worth a try: those that cut it into boxes of about one size."""
    found = {-(-most // pieces) for pieces in range(1, most + 1)}
    return np.array(sorted(found), np.int32)


def _channel_sizes(layer: Layer, room: Room) -> I32:
    """Channels of a box: parts of a channel group, or several whole groups."""
    channels = layer.population.shape[0]
    each = channels
    for p in layer.population.projections:
        each = gcd(each, p.channels_out)
    within = {-(-each // pieces) for pieces in range(1, each + 1)}
    whole = {each * n for n in range(1, channels // each + 1)}
    return np.array(sorted(size for size in within | whole if size <= room.neurons), np.int32)


def _estimate(layer: Layer, room: Room, rows: I32, columns: I32, channels: I32) -> tuple[F64, F64]:
    """Cores and inputs of boxes of all these sizes, of shapes that go together; inf: too large."""
    height, width = rows.astype(np.float64), columns.astype(np.float64)
    outputs = height * width * channels
    inputs = np.zeros_like(outputs)
    reached = np.zeros_like(outputs)
    span = 1.0
    for p in layer.population.projections:
        high, wide = _extents(p.y, rows), _extents(p.x, columns)
        inputs += _channels_in(p, channels) * high * wide
        one = np.minimum(height, _reach(p.y)) * np.minimum(width, _reach(p.x))
        reached = np.maximum(reached, one * channels)
        span = max(span, min(1 + (p.x.kernel - 1) * p.x.dilation, p.x.size_in))
    wide = np.maximum(1, wide)
    column = inputs / wide  # inputs of one source column
    whole = np.ceil(inputs / room.axons)
    # A part of some columns reaches this share of the outputs.
    share = np.minimum(1, (np.ceil(room.axons / column) + span - 1) / wide)
    crowd = np.maximum(1, share * outputs / room.neurons)
    parts = np.ceil(np.maximum(whole, inputs / room.axons * crowd))
    single = (parts <= 1) & (outputs <= room.neurons)
    # Parts that an output needs: all of them, or those of consecutive inputs, cut anywhere.
    some = span * column / room.axons + 1
    every = outputs / np.maximum(1, room.axons // parts)
    adders = np.where(some < parts, outputs * some / room.axons, every)
    adders = np.ceil(np.maximum(outputs / room.neurons, adders))
    turns = [most_turns(int(count), layer.turns) for count in channels.flat]
    adders = np.ceil(adders / np.reshape(turns, channels.shape))
    cores = np.where(single, 1.0, parts + adders)
    large = (outputs > WIDEST) | (inputs * outputs > BLOCK_MAX) | (reached > room.neurons)
    large &= outputs > 1
    return np.where(large, np.inf, cores), np.where(large, np.inf, inputs)


def _extents(window: Window, outputs: I32) -> F64:
    """`extent` of every size."""
    return np.reshape([float(extent(window, int(n))) for n in outputs.flat], outputs.shape)


def _channels_in(projection: Projection, channels: I32) -> I32:
    """Source channels that so many output channels read."""
    return -(-channels // projection.channels_out) * projection.channels_in


def _reach(window: Window) -> int:
    """Most outputs along an axis that read one position."""
    return -(-window.kernel // (window.stride // gcd(window.stride, window.dilation)))
