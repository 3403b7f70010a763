"""Graphs of cores and of neurons with a known or a bounded optimum; all are made here, from seeds.

* `permuted_grid`: every core talks to its neighbours; renumbered. Optimum: one hop per packet.
* `planted`: random partners near each core of a mesh, renumbered. The planted places bound it.
* `full_convolution`: the tiles of a pyramid of full convolutions, one per core.
* `grouped_convolution`: the neurons of a grouped pyramid as a hypergraph, for partitioners.
* `nug30`: QAPLIB's (Nugent, Vollmann and Ruml 1968), optimum 6124.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.graph import Mesh
from nmcompile.mapping.partition.hypergraph import Hypergraph
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.slots import Slots

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Instance:
    """Cores to place.

    Attributes:
        name: of the instance. flows: traffic. slots: places.
        centres: `(cores, 2)` relative image position of every core, None where there is none.
        layer: `(cores,)` layer of every core, None where there is none.
        known: hops of the best placement known beforehand, None for none.
        optimal: whether no placement has fewer.
    """

    name: str
    flows: Flows
    slots: Slots
    centres: F64 | None = None
    layer: I64 | None = None
    known: int | None = None
    optimal: bool = False


def mesh(columns: int, rows: int) -> Slots:
    """One chip with one core at every router."""
    place = np.arange(columns * rows, dtype=np.int32)
    none = np.zeros(len(place), np.int32)
    x, y = place % columns, place // columns
    return Slots(Mesh(1, columns, rows, 1), none, x, y, none)


def permuted_grid(side: int, seed: int = 0) -> Instance:
    """A grid of cores in a random order."""
    number = np.random.default_rng(seed).permutation(side * side).reshape(side, side)
    source = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    target = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    flows = Flows(side * side, source, target, np.ones(len(source), np.int64))
    name = f"permuted grid {side} x {side}"
    return Instance(name, flows, mesh(side, side), known=len(source), optimal=True)


def planted(side: int, partners: int, spread: float, seed: int = 0) -> Instance:
    """Partners at Laplace-distributed distances along both axes, in a random order."""
    rng = np.random.default_rng(seed)
    cores = side * side
    place = np.repeat(np.arange(cores), partners)
    x = place % side + np.rint(rng.laplace(0, spread, len(place))).astype(np.int64)
    y = place // side + np.rint(rng.laplace(0, spread, len(place))).astype(np.int64)
    inside = (x >= 0) & (x < side) & (y >= 0) & (y < side) & (y * side + x != place)
    pairs = np.unique(place[inside] * cores + (y * side + x)[inside])
    source, target = pairs // cores, pairs % cores
    slots = mesh(side, side)
    hops = int(slots.hops(source, target).sum())
    name = rng.permutation(cores)
    flows = Flows(cores, name[source], name[target], np.ones(len(pairs), np.int64))
    return Instance(f"planted {side} x {side}", flows, slots, known=hops)


@dataclass(frozen=True)
class Layer:
    """Channels, height, width of the outputs; stride and groups of the 3 x 3 kernel; its tiles.

    A tile is channels, height, width of the outputs that one core holds.
    """

    shape: tuple[int, int, int]
    stride: int = 1
    groups: int = 1
    tile: tuple[int, int, int] = (1, 1, 1)

    @property
    def neurons(self) -> int:
        """Outputs."""
        return prod(self.shape)


def full_layers(size: int) -> tuple[Layer, ...]:
    """2 - 16 - 16 - 32 channels at full, full, half and quarter size, full convolutions.

    Tiles of the fewest cores within 256 neurons and 256 input axons, of those the fewest axons; a
    tile of the input is a square of one channel. A further layer of 64 channels at an eighth of
    the size would need 288 inputs for every neuron, which no such core has.
    """
    return (
        Layer((2, size, size), tile=(1, 16, 16)),
        Layer((16, size, size), tile=(16, 4, 4)),
        Layer((16, size // 2, size // 2), 2, tile=(16, 1, 2)),
        Layer((32, size // 4, size // 4), 2, tile=(32, 1, 2)),
    )


def grouped_layers(size: int) -> tuple[Layer, ...]:
    """2 - 8 - 8 - 16 - 32 - 64 channels, every neuron with a fan-in of 36 at most."""
    return (
        Layer((2, size, size)),
        Layer((8, size, size)),
        Layer((8, size, size), groups=4),
        Layer((16, size // 2, size // 2), 2, groups=2),
        Layer((32, size // 4, size // 4), 2, groups=4),
        Layer((64, size // 8, size // 8), 2, groups=8),
    )


def full_convolution(size: int) -> Instance:
    """A core for every tile; packets of one spike per neuron to every core that reads it."""
    tiles: list[tuple[int, ...]] = []
    source: list[int] = []
    target: list[int] = []
    packets: list[int] = []
    before: range = range(0)
    shapes = full_layers(size)
    for number, layer in enumerate(shapes):
        first = len(tiles)
        for y, y1, x, x1 in _boxes(layer):
            for core in before:
                _, v, v1, u, u1 = tiles[core]
                rows = min(v1, (y1 - 1) * layer.stride + 2) - max(v, y * layer.stride - 1)
                columns = min(u1, (x1 - 1) * layer.stride + 2) - max(u, x * layer.stride - 1)
                if rows > 0 and columns > 0:
                    source.append(core)
                    target.append(len(tiles))
                    packets.append(shapes[number - 1].tile[0] * rows * columns)
            tiles.append((number, y, y1, x, x1))
        before = range(first, len(tiles))
    table = np.array(tiles)
    extent = np.array([(layer.shape[2], layer.shape[1]) for layer in shapes])[table[:, 0]]
    centres = np.stack([table[:, 3:].mean(axis=1), table[:, 1:3].mean(axis=1)], axis=1) / extent
    side = 1 << int(np.ceil(np.log2(len(tiles)) / 2))
    ends = np.array(source), np.array(target)
    flows = Flows(len(tiles), *ends, np.array(packets, np.int64))
    name = f"full convolution, {len(tiles):,} cores"
    return Instance(name, flows, mesh(side, side), centres, table[:, 0])


def _boxes(layer: Layer) -> list[tuple[int, int, int, int]]:
    """First and end row, first and end column of every tile."""
    (channels, height, width), (c, h, w) = layer.shape, layer.tile
    starts = product(range(0, channels, c), range(0, height, h), range(0, width, w))
    return [(y, min(y + h, height), x, min(x + w, width)) for _, y, x in starts]


def nug30() -> Instance | None:
    """QAPLIB's nug30 with its optimum; None without the file."""
    path = DATA / "qaplib" / "nug30.dat"
    if not path.is_file():
        return None
    numbers = np.array(path.read_text(encoding="ascii").split(), np.int64)
    flow = numbers[1 + 900 :].reshape(30, 30)
    source, target = np.nonzero(flow)
    flows = Flows(30, source, target, flow[source, target])
    return Instance("QAPLIB nug30", flows, mesh(6, 5), known=6124, optimal=True)


def grouped_convolution(size: int) -> Hypergraph:
    """The neurons of the grouped pyramid, one spike each; numbered layer, channel, row, column."""
    shapes = grouped_layers(size)
    sources: list[I64] = []
    targets: list[I64] = []
    first = 0
    for before, layer in pairwise(shapes):
        after = first + before.neurons
        channels, height, width = before.shape
        outputs = np.arange(layer.neurons).reshape(layer.shape)
        c, y, x = np.unravel_index(outputs.ravel(), layer.shape)
        inputs = channels // layer.groups
        group = c // (layer.shape[0] // layer.groups)
        for i, dy, dx in product(range(inputs), (-1, 0, 1), (-1, 0, 1)):
            v, u = y * layer.stride + dy, x * layer.stride + dx
            inside = (v >= 0) & (v < height) & (u >= 0) & (u < width)
            number = ((group * inputs + i) * height + v) * width + u
            sources.append(first + number[inside])
            targets.append(after + outputs.ravel()[inside])
        first = after
    source, target = np.concatenate(sources), np.concatenate(targets)
    nodes = first + shapes[-1].neurons
    order = np.argsort(source, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=nodes))])
    every = np.arange(nodes, dtype=np.int32)
    rate = np.ones(nodes, np.float32)
    return Hypergraph(nodes, every, start, target[order].astype(np.int32), rate)
