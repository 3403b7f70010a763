"""splitmix64 for compiled searches: the same random numbers on any machine (Steele et al. 2014)."""

from __future__ import annotations

from typing import Final

import numpy as np

from nmcompile.reference.jit import njit

STEP: Final = np.uint64(0x9E3779B97F4A7C15)
"""What is added to the state before every number."""


@njit
def mixed(state: np.uint64) -> np.uint64:
    """The output function: 64 random bits of a state."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit
def below(z: np.uint64, limit: int) -> int:
    """The low 32 bits as a number below `limit`."""
    return int(np.int64(((z & np.uint64(0xFFFFFFFF)) * np.uint64(limit)) >> np.uint64(32)))
