"""How many synapses stand behind every input of a linear operator, exact at borders."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.types import EdgeType

I32 = npt.NDArray[np.int32]


@lru_cache(maxsize=16)  # one build lays out the same layers for several runners
def fanout(conv: ops.Conv2d, source: EdgeType, out: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Non-zero synapses behind every input element, exact at borders, strides and groups.

    Args:
        conv: the operator as a convolution.
        source: type of its input. out: `(H_out, W_out, ...)`.

    Returns:
        `(H, W, C)` (or `(N,)`) counts, read-only; the sum over spikes is the SOP count.
    """
    nonzero = by_input_channel((conv.weight.data != 0).astype(np.int64), conv.groups).sum(axis=3)
    if len(source.shape) == 1:
        return np.asarray(nonzero[0, 0], np.int64)
    channels, height, width = source.shape
    counts = np.zeros((height, width, channels), np.int64)
    axes = zip(source.shape[1:], out[:2], nonzero.shape[:2], range(2), strict=True)
    (ys, xs) = (
        window_taps(size, o, k, conv.stride[a], conv.padding[a], conv.dilation[a])
        for size, o, k, a in axes
    )
    for y in range(height):
        rows = nonzero[ys[1][ys[0][y] : ys[0][y + 1]]].sum(axis=0)
        for x in range(width):
            counts[y, x] = rows[xs[1][xs[0][x] : xs[0][x + 1]]].sum(axis=0)
    counts.setflags(write=False)
    return counts


def window_taps(
    size: int, out: int, kernel: int, stride: int, padding: int, dilation: int
) -> tuple[I32, I32, I32]:
    """Along one axis: which outputs an input position reaches, and through which kernel tap.

    Returns:
        `(start, tap, target)`: position p reaches output target[i] through kernel index
        tap[i] for i in start[p]:start[p + 1].
    """
    start, taps, targets = [0], [], []
    for position in range(size):
        for k in range(kernel):
            shifted = position + padding - k * dilation
            if shifted >= 0 and shifted % stride == 0 and shifted // stride < out:
                taps.append(k)
                targets.append(shifted // stride)
        start.append(len(taps))
    return (
        np.array(start, np.int32),
        np.array(taps, np.int32),
        np.array(targets, np.int32),
    )


def by_input_channel(weight: npt.NDArray[np.generic], groups: int) -> npt.NDArray[np.int64]:
    """`(C_out, C_in/g, K_y, K_x)` -> `(K_y, K_x, C_in, C_out/g)`."""
    out, per_in, k_y, k_x = weight.shape
    grouped = weight.reshape(groups, out // groups, per_in, k_y, k_x)
    moved = grouped.transpose(3, 4, 0, 2, 1)
    return moved.reshape(k_y, k_x, groups * per_in, out // groups)  # type: ignore[return-value]
