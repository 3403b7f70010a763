"""Event-driven integer kernels, channels-last: a spike adds one vector of weights per target.

All arrays are int32 or narrower and exact; the caller has proven that sums fit int32.
Parallel loops split the output rows, so results do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit, njit_parallel, prange

I32 = npt.NDArray[np.int32]


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


@njit_parallel
def conv_events(
    x: I32,
    weight: I32,
    out: I32,
    stride_y: int,
    pad_y: int,
    dil_y: int,
    start: I32,
    tap: I32,
    target: I32,
    groups: int,
) -> None:
    """out += cross-correlation of the non-zero entries of x.

    Args:
        x: `(H, W, C_in)` spikes or integers; zeros cost one comparison.
        weight: `(K_y, K_x, C_in, C_out / groups)`.
        out: `(H_out, W_out, C_out)`, accumulated in place.
        stride_y: stride. pad_y: padding. dil_y: dilation along y.
        start: taps along x, with `tap` and `target`, from `window_taps`.
        groups: channel groups.
    """
    height, width, channels = x.shape
    k_y = weight.shape[0]
    per_out = weight.shape[3]
    per_in = channels // groups
    for oy in prange(out.shape[0]):
        for ky in range(k_y):
            y = oy * stride_y + ky * dil_y - pad_y
            if y < 0 or y >= height:
                continue
            for xx in range(width):
                first, last = start[xx], start[xx + 1]
                for c in range(channels):
                    value = x[y, xx, c]
                    if value == 0:
                        continue
                    base = (c // per_in) * per_out
                    for i in range(first, last):
                        row = weight[ky, tap[i], c]
                        cell = out[oy, target[i], base : base + per_out]
                        if value == 1:
                            for o in range(per_out):
                                cell[o] += row[o]
                        else:
                            for o in range(per_out):
                                cell[o] += value * row[o]


@njit
def linear_events(x: I32, weight: I32, out: I32) -> None:
    """out += weight^T x over the non-zero entries of x; weight is `(N_in, N_out)`."""
    for i in range(x.shape[0]):
        value = x[i]
        if value != 0:
            row = weight[i]
            for o in range(out.shape[0]):
                out[o] += value * row[o]


@njit
def pool_running_max(
    x: I32,
    counts: I32,
    best: I32,
    out: npt.NDArray[np.uint8],
    k_y: int,
    k_x: int,
    s_y: int,
    s_x: int,
) -> int:
    """One timestep of running-maximum pooling; returns the number of spikes out.

    Args:
        x: `(H, W, C)` spikes.
        counts: `(H, W, C)` running counts of the inputs, updated.
        best: `(H_out, W_out, C)` running maximum of each window, updated.
        out: `(H_out, W_out, C)`, spikes of this timestep, overwritten.
        k_y: window. s_y: stride (likewise x).
    """
    height, width, channels = x.shape
    out_h, out_w, _ = out.shape
    out[:] = 0
    total = 0
    for y in range(height):
        for xx in range(width):
            for c in range(channels):
                if x[y, xx, c] == 0:
                    continue
                counts[y, xx, c] += 1
                n = counts[y, xx, c]
                first_y = max(0, (y - k_y + s_y) // s_y)
                first_x = max(0, (xx - k_x + s_x) // s_x)
                for oy in range(first_y, min(out_h - 1, y // s_y) + 1):
                    for ox in range(first_x, min(out_w - 1, xx // s_x) + 1):
                        if n > best[oy, ox, c]:
                            best[oy, ox, c] = n
                            out[oy, ox, c] = 1
                            total += 1
    return total


@njit
def pool_or(x: I32, out: npt.NDArray[np.uint8], k_y: int, k_x: int, s_y: int, s_x: int) -> int:
    """One timestep of OR pooling; arguments as `pool_running_max`."""
    height, width, channels = x.shape
    out_h, out_w, _ = out.shape
    out[:] = 0
    total = 0
    for oy in range(out_h):
        for ox in range(out_w):
            for y in range(oy * s_y, min(height, oy * s_y + k_y)):
                for xx in range(ox * s_x, min(width, ox * s_x + k_x)):
                    for c in range(channels):
                        if x[y, xx, c] != 0 and out[oy, ox, c] == 0:
                            out[oy, ox, c] = 1
                            total += 1
    return total
