"""Running-maximum pooling, the rule of most networks, as vector operations over all windows.

The rule is in `SpikeMaxPool2d`: sums only grow, so the rise of a window is its new maximum less the
old one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit_parallel, prange

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


@njit_parallel
def running_max_steps(
    x: npt.NDArray[Any],
    before: I32,
    sums: I32,
    best: I32,
    out: U8,
    window: tuple[int, int, int, int],
    fired: I64,
) -> None:
    """Several timesteps; a row of windows goes through all of them while it is in the cache.

    Args:
        x: `(T, H, W, C)` payloads.
        before: `(H, W, C)` what every input has spiked so far.
        sums: out, the same after these timesteps, for the rows that some window reads.
        best: `(H_out, W_out, C)` largest sum of each window, updated.
        out: `(T, H_out, W_out, C)`, spikes, overwritten.
        window: extent y, x, stride y, x.
        fired: `(H_out,)` out, spikes of the row.
    """
    k_y, k_x, s_y, s_x = window
    _, height, width, channels = x.shape
    steps, rows_out, columns_out, _ = out.shape
    for oy in prange(rows_out):
        top = np.empty(channels, np.int32)
        first, last = oy * s_y, min(height, oy * s_y + k_y)
        own = before[first:last].copy()
        total = 0
        for t in range(steps):
            for y in range(first, last):
                for xx in range(width):
                    cell, sum_ = x[t, y, xx], own[y - first, xx]
                    for c in range(channels):
                        sum_[c] += np.int32(cell[c])
            for ox in range(columns_out):
                most, spikes = best[oy, ox], out[t, oy, ox]
                top[:] = most
                for y in range(last - first):
                    for xx in range(ox * s_x, min(width, ox * s_x + k_x)):
                        sum_ = own[y, xx]
                        for c in range(channels):
                            top[c] = max(top[c], sum_[c])
                count: Any = np.int32(0)
                for c in range(channels):
                    rise = np.int32(top[c] - most[c])
                    spikes[c] = rise
                    most[c] = top[c]
                    count += np.int32(rise != 0)
                total += count
        fired[oy] = total
        # Rows that several windows read have equal sums in each; the first of them keeps them.
        kept = last if oy == rows_out - 1 else min(last, first + s_y)
        for y in range(first, kept):
            sums[y] = own[y - first]
