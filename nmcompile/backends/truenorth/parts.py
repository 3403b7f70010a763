"""The fewest parts of a layer's inputs that cores hold, for rate-coded partial sums.

A rail adds up weights of one sign, so that ternary weights take one axon an input there instead
of two, and 4-bit weights three instead of four. A core of parts is full of axons, whatever the
shape of the part; the fewest parts therefore mean the fewest rails, cores and errors. Every rail
takes one axon of the neuron that adds them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from nmcompile.backends.truenorth.weights.encoding import choose
from nmcompile.mapping.demand import balanced
from nmcompile.mapping.populations import Projection
from nmcompile.passes.rate_split import Part
from nmcompile.target import CrossbarTarget


def parts_of(projection: Projection, chip: CrossbarTarget) -> tuple[Part, ...]:
    """The fewest parts of the inputs of one projection; none when not even single inputs fit.

    Channels are cut anywhere, kernels only where nothing is padded; among equals the kernel
    that is cut least wins, because neighbouring outputs share its inputs.
    """
    weight = projection.weight.data.astype(np.int64)
    rails = np.concatenate([np.maximum(weight, 0), np.maximum(-weight, 0)])
    types, bits = chip.core.axon_types.value, chip.formats.weight_bits.value
    encoding = choose([rails.reshape(*rails.shape[:2], -1)], types, bits)
    if encoding is None:
        return ()
    room = chip.core.axons.value // encoding.axons
    cuts = [c for c in _cuts(projection) if _largest(projection, c) <= room]
    if not cuts:
        return ()
    channels, rows, columns = min(cuts, key=lambda c: (prod(c), c[1] * c[2], c))
    height, width = weight.shape[2:]
    return tuple(
        Part(projection.node, c, y, x)
        for y in balanced(height, rows)
        for x in balanced(width, columns)
        for c in balanced(projection.channels_in, channels)
    )


def _cuts(projection: Projection) -> Iterator[tuple[int, int, int]]:
    """Numbers of parts along channels, rows and columns."""
    _, channels, height, width = projection.weight.shape
    whole = projection.y.padding > 0 or projection.x.padding > 0
    for rows in range(1, 2 if whole else height + 1):
        for columns in range(1, 2 if whole else width + 1):
            yield from ((count, rows, columns) for count in range(1, channels + 1))


def _largest(projection: Projection, cut: tuple[int, int, int]) -> int:
    """Inputs of the largest part."""
    _, channels, height, width = projection.weight.shape
    sizes = zip((channels, height, width), cut, strict=True)
    return prod(-(-size // count) for size, count in sizes)
