"""Event-driven integer kernels, channels-last: a spike adds one vector of weights per target.

Images (the timesteps of a block) are packed once into lists of events, row by row; every output
position then adds the weight rows of the events in its window, eight at a time, so that the
accumulator is read and written once per eight vectors. Accumulators are as narrow as the proven
bound allows: integer addition wraps around, so only the final sum has to fit.

Parallel loops deal out rows, and every row is written by one thread: results depend neither on
the number of threads nor on their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit, njit_parallel, prange

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Integers = npt.NDArray[Any]
Window = tuple[int, int, int, int, int, int, int]


@njit_parallel
def pack_events(
    x: Integers,
    fanout: I64,
    events: I32,
    values: I32,
    start: I32,
    ops: I64,
    graded: I64,
    keep_values: bool,
) -> None:
    """List the non-zero entries of N images and count the synapses behind them.

    Args:
        x: `(N, H, W, C)` integers.
        fanout: `(H, W, C)` synapses behind every entry.
        events: `(N, H, G, W * C / G)` out, entry `xx * C / G + c` within its row and group.
        values: out, like `events`: the entry's value, where they are kept.
        start: `(N, H, G, W + 1)` out, first event of column xx, and the end.
        ops: `(N, H)` out, sum of the fan-outs of the row's events.
        graded: `(N, H)` out, number of events whose value is not 1.
        keep_values: whether to write `values`.
    """
    images, height, width, channels = x.shape
    groups = start.shape[2]
    per_in = channels // groups
    for row in prange(images * height):
        image, y = row // height, row % height
        total, other = 0, 0
        for g in range(groups):
            n = 0
            for xx in range(width):
                start[image, y, g, xx] = n
                cell = x[image, y, xx, g * per_in : (g + 1) * per_in]
                behind = fanout[y, xx, g * per_in : (g + 1) * per_in]
                for c in range(per_in):
                    value = cell[c]
                    if value != 0:
                        events[image, y, g, n] = xx * per_in + c
                        if keep_values:
                            values[image, y, g, n] = value
                        total += behind[c]
                        other += value != 1
                        n += 1
            start[image, y, g, width] = n
        ops[image, y] = total
        graded[image, y] = other


@njit
def add_rows(
    acc: Integers, weight: Integers, events: I32, first: int, last: int, shift: int
) -> None:
    """acc += weight[events[i] + shift] for i in first:last."""
    n = acc.shape[0]
    i = first
    while i + 8 <= last:
        a, b = weight[events[i] + shift], weight[events[i + 1] + shift]
        c, d = weight[events[i + 2] + shift], weight[events[i + 3] + shift]
        e, f = weight[events[i + 4] + shift], weight[events[i + 5] + shift]
        g, h = weight[events[i + 6] + shift], weight[events[i + 7] + shift]
        for o in range(n):
            acc[o] += ((a[o] + b[o]) + (c[o] + d[o])) + ((e[o] + f[o]) + (g[o] + h[o]))
        i += 8
    if i + 4 <= last:
        a, b = weight[events[i] + shift], weight[events[i + 1] + shift]
        c, d = weight[events[i + 2] + shift], weight[events[i + 3] + shift]
        for o in range(n):
            acc[o] += (a[o] + b[o]) + (c[o] + d[o])
        i += 4
    while i < last:
        a = weight[events[i] + shift]
        for o in range(n):
            acc[o] += a[o]
        i += 1


@njit
def add_scaled_rows(
    acc: Integers, weight: Integers, events: I32, values: I32, first: int, last: int, shift: int
) -> None:
    """acc += values[i] * weight[events[i] + shift] for i in first:last."""
    n = acc.shape[0]
    i = first
    while i + 4 <= last:
        a, b = weight[events[i] + shift], weight[events[i + 1] + shift]
        c, d = weight[events[i + 2] + shift], weight[events[i + 3] + shift]
        p, q, r, s = values[i], values[i + 1], values[i + 2], values[i + 3]
        for o in range(n):
            acc[o] += (
                np.int32(p * a[o]) + np.int32(q * b[o]) + np.int32(r * c[o]) + np.int32(s * d[o])
            )
        i += 4
    while i < last:
        a, p = weight[events[i] + shift], values[i]
        for o in range(n):
            acc[o] += np.int32(p * a[o])
        i += 1


@njit_parallel
def conv_events(
    events: I32,
    values: I32,
    start: I32,
    weight: Integers,
    bias: I32,
    narrow: Integers,
    out: I32,
    which: I64,
    window: Window,
    parts: int,
    graded: bool,
) -> None:
    """out = bias + cross-correlation of the packed events, for some of the images.

    Args:
        events: from `pack_events`; likewise `values` and `start`.
        weight: `(G, K_y, K_x * C_in / G, C_out / G)`.
        bias: `(C_out,)`.
        narrow: its dtype is that of the accumulators; any length.
        out: `(N, H_out, W_out, C_out)`, overwritten.
        which: images to do.
        window: stride y, x, padding y, x, dilation y, x, and K_x.
        parts: number of threads; rows are dealt out one by one, since neighbours cost alike.
        graded: multiply by the values (else every event counts once).
    """
    stride_y, stride_x, pad_y, pad_x, dil_y, dil_x, k_x = window
    height, groups, width = start.shape[1], start.shape[2], start.shape[3] - 1
    k_y, per_out = weight.shape[1], weight.shape[3]
    per_in = weight.shape[2] // k_x
    spans, reach = (1, k_x) if dil_x == 1 else (k_x, 1)
    rows_out = out.shape[1]
    for part in prange(parts):
        acc = np.zeros(per_out, narrow.dtype)
        for row in range(part, which.shape[0] * rows_out, parts):
            image, oy = which[row // rows_out], row % rows_out
            for ox in range(out.shape[2]):
                for g in range(groups):
                    acc[:] = 0
                    for ky in range(k_y):
                        y = oy * stride_y + ky * dil_y - pad_y
                        if y < 0 or y >= height:
                            continue
                        found, amount = events[image, y, g], values[image, y, g]
                        for span in range(spans):
                            left = ox * stride_x - pad_x + span * dil_x
                            low, high = max(left, 0), min(left + reach, width)
                            if low >= high:
                                continue
                            first, last = start[image, y, g, low], start[image, y, g, high]
                            shift = (span - left) * per_in
                            if graded:
                                add_scaled_rows(
                                    acc, weight[g, ky], found, amount, first, last, shift
                                )
                            else:
                                add_rows(acc, weight[g, ky], found, first, last, shift)
                    cell = out[image, oy, ox, g * per_out : (g + 1) * per_out]
                    own = bias[g * per_out : (g + 1) * per_out]
                    for o in range(per_out):
                        cell[o] = own[o] + acc[o]


@njit_parallel
def depthwise(x: Integers, weight: I32, bias: I32, out: I32, window: Window) -> None:
    """out = bias + a convolution of every channel with its own kernel (sum pooling is one).

    Args:
        x: `(N, H, W, C)` integers.
        weight: `(K_y, K_x, C)`.
        bias: `(C,)`.
        out: `(N, H_out, W_out, C)`, overwritten.
        window: see `conv_events`.
    """
    stride_y, stride_x, pad_y, pad_x, dil_y, dil_x, k_x = window
    _, height, width, channels = x.shape
    rows_out = out.shape[1]
    for row in prange(out.shape[0] * rows_out):
        image, oy = row // rows_out, row % rows_out
        for ox in range(out.shape[2]):
            cell = out[image, oy, ox]
            cell[:] = bias
            for ky in range(weight.shape[0]):
                y = oy * stride_y + ky * dil_y - pad_y
                if y < 0 or y >= height:
                    continue
                for kx in range(k_x):
                    xx = ox * stride_x + kx * dil_x - pad_x
                    if xx < 0 or xx >= width:
                        continue
                    source, own = x[image, y, xx], weight[ky, kx]
                    for c in range(channels):
                        cell[c] += np.int32(source[c]) * own[c]


@njit_parallel
def count_synapses(x: Integers, fanout: I64, ops: I64) -> None:
    """ops[n, y] = synapses behind the non-zero entries of row y of `(N, H, W, C)` images."""
    images, height, width, channels = x.shape
    for row in prange(images * height):
        image, y = row // height, row % height
        total = 0
        for xx in range(width):
            cell, behind = x[image, y, xx], fanout[y, xx]
            for c in range(channels):
                if cell[c] != 0:
                    total += behind[c]
        ops[image, y] = total
