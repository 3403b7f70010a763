"""The type of an edge: what travels on it, in which shape and width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EdgeKind = Literal["spikes", "values"]


@dataclass(frozen=True, slots=True)
class EdgeType:
    """What an edge carries at every timestep.

    Attributes:
        kind: `spikes` (events; graded when `bits` > 1) or `values` (currents, pixels, counts).
        shape: `(C, H, W)` or `(N,)`, without batch and time.
        bits: width of one element; 0 means a real number (float level).
        signed: whether elements may be negative.
    """

    kind: EdgeKind
    shape: tuple[int, ...]
    bits: int = 0
    signed: bool = True

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for extent in self.shape:
            n *= extent
        return n

    @property
    def wide(self) -> bool:
        """Whether a train of such spikes is kept as int32; the others are bytes."""
        return self.kind == "spikes" and (self.signed or self.bits > 8)

    @property
    def largest(self) -> int:
        """Largest magnitude of an element."""
        return 1 << max(0, self.bits - 1) if self.signed else (1 << self.bits) - 1

    def __str__(self) -> str:
        width = "real" if self.bits == 0 else f"{'s' if self.signed else 'u'}{self.bits}"
        return f"{self.kind} {width} [{','.join(str(n) for n in self.shape)}]"


def bits_for(bound: int, *, signed: bool) -> int:
    """Smallest width whose range contains every magnitude up to `bound`."""
    return max(1, int(bound).bit_length()) + (1 if signed else 0)
