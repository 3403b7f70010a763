"""The cross-points of one projection: which axons of an input which output channel connects."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.weights.encoding import Encoding
from nmcompile.mapping.axes import Interval
from nmcompile.mapping.populations import Projection
from nmcompile.mapping.window import Pattern

Bits = npt.NDArray[np.bool_]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
Patterns = tuple[Pattern, ...]


class Connections:
    """One projection under an encoding.

    Args:
        projection: the synapses.
        encoding: of the weights of the whole population.
        channel0: source channels of the projections before it (`Encoding.channel_types`).
        codes: of the weights, see `spare_types.value_codes`.

    Attributes:
        bits: `(C_out, C_in / groups, K_y, K_x, axons)` cross-points of every output channel.
        types: `(source channels, axons)` type of every axon of an input.
    """

    def __init__(
        self, projection: Projection, encoding: Encoding, channel0: int, codes: I16
    ) -> None:
        self.projection = projection
        self._codes = codes[..., None]
        self.bits = _bits(projection, encoding, channel0)
        channels = projection.source_shape[0]
        if encoding.channel_types:
            own = np.array(encoding.channel_types[channel0 : channel0 + channels], np.uint8)
            self.types = own.reshape(channels, 1)
        else:
            kinds = np.repeat(np.arange(encoding.types, dtype=np.uint8), encoding.counts)
            self.types = np.broadcast_to(kinds, (channels, encoding.axons))
        self._used: dict[Interval, npt.NDArray[np.float32]] = {}

    def channels(self, c: Interval) -> I32:
        """Source channels that output channels `c` read, group by group."""
        p = self.projection
        low, high = c[0] // p.channels_out, (c[1] - 1) // p.channels_out
        groups = np.arange(low, high + 1)[:, None] * p.pitch + p.first
        found: I32 = (groups + np.arange(p.channels_in)).reshape(-1).astype(np.int32)
        return found

    def rows(self, c: Interval, y: Patterns, x: Patterns) -> Bits:
        """`(channels, axons, len(y), len(x))`: the axons that some output of a box connects.

        Args:
            c: output channels of the box.
            y, x: what every source position along an axis does to it.
        """
        p = self.projection
        out = p.channels_out
        edges = sorted({c[0], c[1], *range(-(-c[0] // out) * out, c[1], out)})
        used = np.stack([self._any(part) for part in pairwise(edges)])
        taps = np.einsum("jl,gcakl->gcakj", _incidence(x, p.x.kernel), used)
        hits = np.einsum("ik,gcakj->gcaij", _incidence(y, p.y.kernel), taps)
        found: Bits = hits.reshape(len(edges[1:]) * p.channels_in, *hits.shape[2:]) > 0
        return found

    def crossbar(self, c: Interval, y: Patterns, x: Patterns, height: int, width: int) -> Bits:
        """`(channels, axons, len(y), len(x), neurons)` cross-points of a box."""
        found: Bits = self._spread(self.bits, c, y, x, height, width)
        return found

    def elements(self, c: Interval, y: Patterns, x: Patterns, height: int, width: int) -> I32:
        """`(channels, 1, len(y), len(x), neurons)` element of a template, from 1 and signed.

        Of projections whose synapses hold the bits of a template, on one axon per input.
        """
        if self.projection.elements is None:
            raise ValueError(f"{self.projection.node} holds no template")
        numbers = self.projection.elements.data[..., None]
        found: I32 = self._spread(numbers, c, y, x, height, width)
        return found

    def codes(self, c: Interval, y: Patterns, x: Patterns, height: int, width: int) -> I16:
        """`(channels, len(y), len(x), neurons)` weights of a box, as numbers of values."""
        found: I16 = self._spread(self._codes, c, y, x, height, width)[:, 0]
        return found

    def _spread(
        self,
        table: npt.NDArray[Any],
        c: Interval,
        y: Patterns,
        x: Patterns,
        height: int,
        width: int,
    ) -> npt.NDArray[Any]:
        """`(C_out, C_in / groups, K_y, K_x, n)` values at the inputs and neurons of a box."""
        p = self.projection
        out, last = p.channels_out, table.shape[4]
        low, high = c[0] // out, (c[1] - 1) // out + 1
        wide = c[1] - c[0]
        found = np.zeros(
            (high - low, p.channels_in, last, len(y), len(x), height, width, wide), table.dtype
        )
        for group in range(low, high):
            first, end = max(c[0], group * out), min(c[1], (group + 1) * out)
            # (C_in / groups, n, K_y, K_x, outputs)
            own = table[first:end].transpose(1, 4, 2, 3, 0)
            at = found[group - low, ..., first - c[0] : end - c[0]]
            for i, on_y in enumerate(y):
                for dy, ky in on_y.hits:
                    for j, on_x in enumerate(x):
                        for dx, kx in on_x.hits:
                            at[:, :, i, j, on_y.first + dy, on_x.first + dx] = own[:, :, ky, kx]
        return found.reshape(
            (high - low) * p.channels_in, last, len(y), len(x), height * width * wide
        )

    def _any(self, outputs: Interval) -> npt.NDArray[np.float32]:
        """`(C_in / groups, axons, K_y, K_x)`: 1 where one of these outputs connects the axon."""
        if outputs not in self._used:
            used = self.bits[slice(*outputs)].any(axis=0)
            self._used[outputs] = used.transpose(0, 3, 1, 2).astype(np.float32)
        return self._used[outputs]


@lru_cache(maxsize=4096)
def _incidence(patterns: Patterns, kernel: int) -> npt.NDArray[np.float32]:
    """`(len(patterns), kernel)`: 1 where a source position goes through a tap."""
    found = np.zeros((len(patterns), kernel), np.float32)
    for row, pattern in enumerate(patterns):
        found[row, [tap for _, tap in pattern.hits]] = 1
    return found


def _bits(projection: Projection, encoding: Encoding, channel0: int) -> Bits:
    weight = projection.weight.data.astype(np.int64)
    if encoding.channel_types:
        bits: Bits = (weight != 0)[..., None]
        return bits
    found = np.zeros((*weight.shape, encoding.axons), np.bool_)
    for output, own in enumerate(weight):
        for value in np.unique(own[own != 0]).tolist():
            taken = encoding.connected(output, channel0, value)
            axons = [r < n for n, m in zip(taken, encoding.counts, strict=True) for r in range(m)]
            found[output][own == value] = axons
    return found
