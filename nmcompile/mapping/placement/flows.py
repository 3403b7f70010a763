"""Traffic between cores, as placement sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Links = tuple[I32, I32, I64]
"""Compressed rows: start of every core `(cores + 1,)`, neighbour, packets."""


@dataclass(frozen=True)
class Flows:
    """Traffic between cores: source, target (both on cores, different), packets."""

    cores: int
    source: I64
    target: I64
    packets: I64

    def neighbours(self) -> Links:
        """Both directions together, one entry per neighbour."""
        return self._neighbours

    @cached_property
    def _neighbours(self) -> Links:
        # Every start and every run of a placement asks for them; millions take a second to sort.
        ends = np.concatenate([self.source, self.target])
        others = np.concatenate([self.target, self.source])
        return self._rows(ends, others, np.concatenate([self.packets, self.packets]))

    def outgoing(self) -> Links:
        """What every core sends."""
        return self._rows(self.source, self.target, self.packets)

    def incoming(self) -> Links:
        """What every core receives."""
        return self._rows(self.target, self.source, self.packets)

    def _rows(self, ends: I64, others: I64, packets: I64) -> Links:
        key, inverse = np.unique(ends * self.cores + others, return_inverse=True)
        weight = np.zeros(len(key), np.int64)
        np.add.at(weight, inverse, packets)
        start = np.searchsorted(key // max(1, self.cores), np.arange(self.cores + 1))
        return start.astype(np.int32), (key % max(1, self.cores)).astype(np.int32), weight
