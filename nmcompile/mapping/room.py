"""What tiles need and what a core holds, as arrays: sums, and configurations that can be shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.demand import Demand
from nmcompile.mapping.limits import Limits

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

SUMS = ("neurons", "in_axons", "out_axons", "synapse_memory_bytes", "total_memory_bytes")
"""Capacities that the tiles of a core use up together."""
SETS = (
    ("formats", "synapse_formats"),
    ("compartments", "compartment_configs"),
    ("thresholds", "threshold_configs"),
)
"""What tiles of a core may have in common, and the capacity for different ones. What is left of a
`Demand` is the largest of the tiles' and fits if every tile fits alone."""


@dataclass(frozen=True)
class Room:
    """The needs of tiles and the capacities of one core.

    Attributes:
        need: `(tiles, sums)`. capacity: `(sums,)`.
        first: `(tiles + 1,)` where the configurations of a tile begin in `config`.
        config: numbers of configurations.
        family: `(configurations,)` the set that each belongs to.
        most: `(sets,)` how many of a set one core holds.
    """

    need: I64
    capacity: I64
    first: I32
    config: I32
    family: I32
    most: I32

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return len(self.need)

    @cached_property
    def share(self) -> npt.NDArray[np.float64]:
        """`(tiles, sums)` parts of a core."""
        share: npt.NDArray[np.float64] = self.need / self.capacity
        return share

    @property
    def fewest_cores(self) -> int:
        """No packing needs fewer."""
        return max(1, int(np.ceil(self.share.sum(axis=0).max(initial=0) - 1e-9)))

    def and_(self, need: I64, capacity: int) -> Room:
        """The same with one more sum."""
        return Room(
            np.column_stack([self.need, need]),
            np.append(self.capacity, capacity),
            *(self.first, self.config, self.family, self.most),
        )


def room_of(demands: Sequence[Demand], limits: Limits) -> Room:
    """The needs of tiles as arrays.

    Args:
        demands: of every tile; each fits a core alone.
        limits: of a core.
    """
    sums = [name for name in SUMS if getattr(limits, name) is not None]
    need = [[getattr(demand, name) for name in sums] for demand in demands]
    capacity = [getattr(limits, name) for name in sums]
    configs: list[list[int]] = [[] for _ in demands]
    family: list[int] = []
    most: list[int] = []
    steps = sorted({demand.delay_steps for demand in demands})
    if limits.input_buffer is not None and max(steps, default=0) > (limits.delay_steps or 0):
        # One late tile makes the whole core keep sums for longer: only equally late ones share it.
        need = [[*row, d.input_buffer] for row, d in zip(need, demands, strict=True)]
        capacity.append(limits.input_buffer)
        configs = [[steps.index(demand.delay_steps)] for demand in demands]
        family, most = [0] * len(steps), [1]
    for name, cap in SETS:
        allowed = getattr(limits, cap)
        every = sorted(set(chain.from_iterable(getattr(d, name) for d in demands)), key=repr)
        if allowed is None or len(every) <= allowed:
            continue
        number = {config: len(family) + i for i, config in enumerate(every)}
        family += [len(most)] * len(every)
        most.append(allowed)
        for own, demand in zip(configs, demands, strict=True):
            own += sorted(number[config] for config in getattr(demand, name))
    sizes = [len(own) for own in configs]
    return Room(
        np.array(need, np.int64).reshape(len(demands), len(capacity)),
        np.array(capacity, np.int64),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        np.array(list(chain.from_iterable(configs)), np.int32),
        np.array(family, np.int32),
        np.array(most, np.int32),
    )
