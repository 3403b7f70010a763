"""Dense convolution in float32, exact because every partial sum is an integer up to 2^24.

A window is unfolded into a row of a matrix and multiplied by plain matrix multiplication (sums of
products in some order, fused or not; neither Winograd nor FFT, no reduced precision). Where
sum |w| * max |x| <= 2^24 every intermediate value is an integer that float32 represents, so the
result is the integer sum whatever the order, the block sizes and the number of threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit
from nmcompile.reference.kernels import Integers, Window

I32 = npt.NDArray[np.int32]
Floats = npt.NDArray[np.floating[Any]]

EXACT_LIMIT = 2**24
"""Every integer up to here is a float32."""
BLOCK_BYTES = 1 << 20


def dense_conv(
    x: Integers, weight: Floats, bias: I32, out: I32, window: Window, threads: int
) -> int:
    """out = bias + cross-correlation of x; returns a bound of its magnitudes.

    Args:
        x: `(H, W, C_in)` integers.
        weight: `(G, K_y * K_x * C_in / G, C_out / G)`, float32 where the caller has checked
            `EXACT_LIMIT`; float64 holds any sum.
        bias: `(C_out,)`.
        out: `(H_out, W_out, C_out)`, overwritten.
        window: stride y, x, padding y, x, dilation y, x, and K_x.
        threads: workers; blocks of output rows are theirs.
    """
    groups, taps, per_out = weight.shape
    rows = max(1, BLOCK_BYTES // (4 * taps * out.shape[1]))
    blocks = [(g, first) for g in range(groups) for first in range(0, out.shape[0], rows)]

    def work(block: tuple[int, int]) -> int:
        g, first = block
        target = out[first : first + rows, :, g * per_out : (g + 1) * per_out]
        columns = np.zeros((target.shape[0] * target.shape[1], taps), weight.dtype)
        unfold(x, columns, first, out.shape[1], g, groups, window)
        product, own = columns @ weight[g], bias[g * per_out : (g + 1) * per_out]
        fold(product, own, target)
        largest = max(float(product.max(initial=0)), -float(product.min(initial=0)))
        return int(largest) + int(np.abs(own).max(initial=0))

    if threads == 1 or len(blocks) == 1:
        return max((work(block) for block in blocks), default=0)
    with ThreadPoolExecutor(threads) as pool:
        return max(pool.map(work, blocks), default=0)


@njit
def unfold(
    x: Integers, columns: Floats, first: int, out_w: int, group: int, groups: int, window: Window
) -> None:
    """One row of `columns` (zeros before) for every output position from output row `first` on."""
    stride_y, stride_x, pad_y, pad_x, dil_y, dil_x, k_x = window
    height, width, channels = x.shape
    per_in = channels // groups
    k_y = columns.shape[1] // (k_x * per_in)
    base = group * per_in
    for position in range(columns.shape[0]):
        oy, ox = first + position // out_w, position % out_w
        for ky in range(k_y):
            y = oy * stride_y + ky * dil_y - pad_y
            if y < 0 or y >= height:
                continue
            for kx in range(k_x):
                xx = ox * stride_x + kx * dil_x - pad_x
                if xx < 0 or xx >= width:
                    continue
                at = (ky * k_x + kx) * per_in
                for c in range(per_in):
                    columns[position, at + c] = x[y, xx, base + c]


@njit
def fold(product: Floats, bias: I32, out: I32) -> None:
    """out = bias + product, whose entries are integers."""
    height, width, channels = out.shape
    for y in range(height):
        for xx in range(width):
            for o in range(channels):
                out[y, xx, o] = bias[o] + np.int32(product[y * width + xx, o])
