"""Pooling neurons: what an arriving spike means, and when the neuron fires.

A pooling neuron keeps the largest arrival of a tick. Running maximum: an arrival is the input's
sum of payloads so far, the neuron spikes the rise over its own maximum. OR: an arrival is the
payload itself. Gate: the argmax of a window changes hands, or is confirmed, exactly when an input
spikes whose (sum, rank) exceeds the best so far, rank being higher the earlier the input stands in
the window; so the key is sum, rank and payload in one number, the rank stored as synaptic weight.
On a chip this takes one counter per input and a comparison in microcode (assumed).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.backends.loihi.tables import I32, KINDS, U8
from nmcompile.reference.jit import njit

RUNNING_MAX = KINDS.index("pool_running_max")
OR = KINDS.index("pool_or")
GATE = KINDS.index("pool_gate")
RANK_BITS = PAYLOAD_BITS = 8


@njit
def count_line(counter: int, payload: Any, counters: I32) -> Any:
    """What this input has spiked so far, the present spike included."""
    counters[counter] += payload
    return counters[counter]


@njit
def arrival(kind: int, total: Any, rank: Any, payload: Any) -> Any:
    """What one spike is worth to one pooling neuron."""
    if kind == RUNNING_MAX:
        return np.int32(total)
    if kind == GATE:
        return np.int32((((total << RANK_BITS) | rank) << PAYLOAD_BITS) | payload)
    return np.int32(payload)


@njit
def pool(arrived: I32, best: I32, spikes: U8, kind: int) -> int:
    """One timestep of pooling neurons; returns the number of spikes."""
    fired = 0
    for i in range(arrived.shape[0]):
        payload = arrived[i]
        if kind != OR:
            payload = max(np.int32(0), np.int32(arrived[i] - best[i]))
            best[i] = max(best[i], arrived[i])
            if kind == GATE and payload > 0:
                payload = best[i] & ((1 << PAYLOAD_BITS) - 1)
        spikes[i] = payload
        fired += 1 if payload > 0 else 0
    return fired
