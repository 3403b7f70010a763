"""Codings and spike pooling in plain Python, written from their definitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


def fire(
    drive: Sequence[float],
    threshold: float,
    payloads: Sequence[int],
    *,
    burst: bool = False,
    start: float = 0.0,
) -> list[int]:
    """Payloads that one neuron spikes, driven by one number per timestep."""
    v, streak, out = start, 0, []
    for t, current in enumerate(drive):
        v += current
        payload = payloads[min(streak, len(payloads) - 1)] if burst else payloads[t % len(payloads)]
        if payload > 0 and v >= payload * threshold:
            v -= payload * threshold
            streak += 1
            out.append(payload)
        else:
            streak = 0
            out.append(0)
    return out


def pool(train: I64, rule: str, kernel: int, stride: int) -> I64:
    """`(T, C, H, W)` spikes after pooling over full windows."""
    steps, channels, height, width = train.shape
    rows, columns = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    out = np.zeros((steps, channels, rows, columns), np.int64)
    for c in range(channels):
        for i in range(rows):
            for j in range(columns):
                window = train[:, c, i * stride :, j * stride :][:, :kernel, :kernel]
                out[:, c, i, j] = pool_window(window.reshape(steps, -1), rule)
    return out


def pool_window(window: I64, rule: str) -> I64:
    """One window `(T, inputs in (y, x) order)`."""
    sums = np.cumsum(window, axis=0)
    if rule == "or":
        return np.asarray(window.max(axis=1))
    if rule == "running_max":
        return np.asarray(np.diff(sums.max(axis=1), prepend=0))
    # numpy returns the first of equal entries, as the rule wants.
    return np.asarray([step[int(np.argmax(n))] for step, n in zip(window, sums, strict=True)])
