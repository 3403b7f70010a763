"""What simulated functional cores leave behind: values, membranes, and what they did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Trace:
    """Some timesteps of one mapped network. Elements are numbered as in `FCoreGraph.senders`.

    Attributes:
        first: the first element that `values` keeps.
        values: `(timesteps, elements kept)` what was sent for every timestep.
        v: `(elements,)` membranes after the last timestep.
        operations: `(phases, cores)` values other than 0 at weights other than 0.
        macs: `(cores,)` those of them whose values are no spikes.
        zero_accesses: values other than 0 at stored weights of 0.
        active: `(phases, cores)` neurons whose sum is not 0 or that sent something.
        sent0: `(phases + 1,)` where the senders of every phase begin.
        sent: senders of values other than 0, numbered as in `FCoreGraph.packets`, phase by phase.
    """

    first: int
    values: U8
    v: I32
    operations: I64
    macs: I64
    zero_accesses: int
    active: I64
    sent0: I64
    sent: I64
