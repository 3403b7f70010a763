"""What the neurons of a core may differ in: decays and reset rules, thresholds, kept timesteps."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nmcompile.mapping.axes import Interval
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.populations import Population

CompartmentConfig = tuple[str, int, int]
"""What the neurons compute, kept current, kept membrane."""


def compartment_configs(
    kind: str, u_keep: int, v_keep: int, *, second: bool
) -> frozenset[CompartmentConfig]:
    """Configurations of the neurons of a population, and of second compartments if they have."""
    own = (kind, u_keep, v_keep)
    return frozenset({own, (f"{kind}, second", u_keep, v_keep)} if second else {own})


def buffer_steps(delay: int, limits: Limits) -> int:
    """Timesteps that the input buffer keeps for a neuron: a power of two above the delay."""
    if limits.delay_steps is None:
        return 0
    return max(limits.delay_steps, 1 << delay.bit_length())


class Configs:
    """Configurations of the tiles of a population; none where the target does not limit them."""

    def __init__(self, population: Population, limits: Limits) -> None:
        self._population = population
        self._limits = limits
        self._levels: dict[Interval, frozenset[int]] = {}

    @cached_property
    def delay_steps(self) -> int:
        """Timesteps that the input buffer keeps."""
        delays = [p.delay for p in self._population.projections]
        return buffer_steps(max(delays, default=0), self._limits)

    def compartments(self, *, second: bool) -> frozenset[CompartmentConfig]:
        """Decays and reset rules."""
        if self._limits.compartment_configs is None:
            return frozenset()
        model = self._population.model
        keep = (0, 0) if model is None else (model.u_keep, model.v_keep)
        return compartment_configs(self._population.kind, *keep, second=second)

    def thresholds(self, c: Interval) -> frozenset[int]:
        """Thresholds of the channels `c`."""
        if self._limits.threshold_configs is None:
            return frozenset()
        if c not in self._levels:
            self._levels[c] = frozenset(np.unique(self._table[slice(*c)]).tolist())
        return self._levels[c]

    @cached_property
    def _table(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """`(C, ...)` thresholds."""
        population = self._population
        data = np.zeros(1, np.int64)
        if population.model is not None:
            data = population.model.fire_above.data.astype(np.int64)
        elif population.delta is not None:
            data = population.delta.threshold.data.astype(np.int64)
        channels = population.shape[0]
        rows = data.reshape(channels, -1) if data.size >= channels else data.reshape(1, -1)
        return np.broadcast_to(rows, (channels, rows.shape[1]))
