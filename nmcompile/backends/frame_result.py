"""What a simulator of mapped cores returns for one inference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.ir.counters import NetworkCounters


@dataclass(frozen=True)
class FrameResult:
    """One inference on cores.

    Attributes:
        output: counts of the output population (int32, signed pairs subtracted), its membranes
            (int32), or its train (uint8).
        counters: of layers and cores.
        v_final: population -> membranes after its last tick; empty unless recorded.
        spikes: population -> `(T, ...)` uint8, aligned with the golden network; likewise.
        traffic: `(ticks, pairs)` packets of every pair of cores (`Routing.pair`); None unless
            recorded.
    """

    output: npt.NDArray[Any]
    counters: NetworkCounters
    v_final: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    spikes: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    traffic: npt.NDArray[np.int64] | None = None
