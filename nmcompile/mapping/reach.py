"""Which source positions reach an interval of outputs along one axis, and through which taps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.axes import Interval
from nmcompile.mapping.window import Hits, Window, patterns, sources

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reached:
    """Source positions along one axis that reach an interval of outputs.

    Attributes:
        at: the positions. first: first output that each reaches, relative to the interval.
        kinds: different patterns. kind: of every position.
    """

    at: tuple[int, ...]
    first: I64
    kinds: tuple[Hits, ...]
    kind: I64


@lru_cache(maxsize=65536)
def reached(window: Window, interval: Interval) -> Reached:
    """What reaches an interval.

    Args:
        window: the axis. interval: of its outputs.
    """
    on = patterns(window, *interval)
    kinds = tuple(dict.fromkeys(p.hits for p in on))
    number = {hits: i for i, hits in enumerate(kinds)}
    return Reached(
        sources(window, *interval),
        np.array([p.first for p in on], np.int64),
        kinds,
        np.array([number[p.hits] for p in on], np.int64),
    )
