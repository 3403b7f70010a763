"""Gated and OR pooling of weighted spikes, channels-last; the rules are in `SpikeMaxPool2d`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]


@njit
def pool_step(
    x: npt.NDArray[Any],
    sums: I32,
    best: I32,
    first: I32,
    out: U8,
    gate: bool,
    window: tuple[int, int, int, int],
) -> int:
    """One timestep; returns the number of spikes out.

    The argmax of a window moves only when an input spikes, and then to that input: so the gate
    passes a spike exactly when its input becomes, or stays, the argmax.

    Args:
        x: `(H, W, C)` payloads.
        sums: `(H, W, C)` what every input has spiked, updated.
        best: `(H_out, W_out, C)` largest sum of each window, updated.
        first: `(H_out, W_out, C)` place of it in its window, in (y, x) order, updated.
        out: `(H_out, W_out, C)`, spikes of this timestep, overwritten.
        gate: "gate", else "or".
        window: extent y, x, stride y, x.
    """
    k_y, k_x, s_y, s_x = window
    height, width, channels = x.shape
    out_h, out_w, _ = out.shape
    out[:] = 0
    for y in range(height):
        for xx in range(width):
            for c in range(channels):
                payload = np.int32(x[y, xx, c])
                if payload == 0:
                    continue
                sums[y, xx, c] += payload
                n = sums[y, xx, c]
                for oy in range(max(0, (y - k_y + s_y) // s_y), min(out_h - 1, y // s_y) + 1):
                    for ox in range(max(0, (xx - k_x + s_x) // s_x), min(out_w - 1, xx // s_x) + 1):
                        if not gate:
                            out[oy, ox, c] = max(np.int32(out[oy, ox, c]), payload)
                            continue
                        place = (y - oy * s_y) * k_x + xx - ox * s_x
                        rise = n - best[oy, ox, c]
                        if rise > 0 or (rise == 0 and place <= first[oy, ox, c]):
                            best[oy, ox, c] = n
                            first[oy, ox, c] = place
                            out[oy, ox, c] = payload
    return int(np.count_nonzero(out))
