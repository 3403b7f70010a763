"""The slot of every core: a start with long-range order, then annealing."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.annealing import Annealing, anneal
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.slots import Slots
from nmcompile.mapping.placement.starts import embedded, snapped

I32 = npt.NDArray[np.int32]

SEED: Final = 0
"""Where the random steps of a build start."""
HEAT, REACH = 0.8, 16
"""Hot enough to move chip borders and folds of the start, too cold to lose its long-range order."""
TRIES_SQUARED, TRIES_EACH, TRIES_MAX = 150, 4000, 3_000_000
"""Steps of a run of a build, the least of: times slots squared, times slots, at most."""
FEW, HEATS = 256, (0.3, HEAT, 2.0)
"""Slots up to which a build runs several times: one chip is best kept cool, borders need heat."""


def place(
    flows: Flows,
    centres: npt.NDArray[np.float64] | None,
    slots: Slots,
    seed: int,
    how: Annealing | None = None,
) -> I32:
    """The slot of every core.

    Args:
        flows: traffic.
        centres: `(cores, 2)` mean (x, y) of a core's tiles, 0..1: tiles that look at the same
            part of the image belong together whatever their layer. None takes an embedding of
            the graph alone.
        slots: from `slots_for`.
        seed: of the random steps.
        how: the effort; None takes that of a build.
    """
    start = embedded(flows, slots) if centres is None else snapped(centres, slots)
    return anneal(flows, slots, start, how or build_effort(len(slots.chip)), seed)


def build_effort(slots: int) -> Annealing:
    """The effort of a build for so many slots: a few seconds at most."""
    tries = min(TRIES_SQUARED * slots**2, TRIES_EACH * slots, TRIES_MAX)
    return Annealing(tries, HEATS if slots <= FEW else (HEAT,), REACH)
