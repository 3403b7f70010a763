"""One neuron under a schedule: what it spikes for a given drive."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.coding.schedule import Schedule

F64 = npt.NDArray[np.float64]


def spike_values(schedule: Schedule, drive: F64, v_init: float = 0.0) -> F64:
    """Values of the spikes of an integrate-and-fire neuron, 0 where it is silent.

    Args:
        schedule: see `nmcompile.coding.schedule`.
        drive: `(T,)` input of every timestep, in scales of the layer (lambda).
        v_init: membrane at the start, in thresholds.

    Returns:
        `(T,)` in scales of the layer; their sum is what the neuron has transmitted.
    """
    payloads, unit = schedule.payloads, schedule.unit
    values = np.zeros(len(drive))
    v, streak = v_init * unit, 0
    for t, current in enumerate(drive):
        index = min(streak, len(payloads) - 1) if schedule.advance == "burst" else t % len(payloads)
        v += float(current)
        # Sums of a drive such as 0.1 must reach a threshold that they equal but for rounding.
        if payloads[index] > 0 and v >= payloads[index] * unit * (1 - 1e-12):
            values[t] = payloads[index] * unit
            v -= values[t]
            streak += 1
        else:
            streak = 0
    return values
