"""What an operator's executor is, and the channels-last layout that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.arrays import Array
from nmcompile.ir.types import EdgeType

I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
Integers = npt.NDArray[Any]
INT32_MAX = 2**31 - 1


def parameter_table(array: Array, edge: EdgeType) -> I32:
    """A scalar, `(C,)` or full-shape parameter, channels last, flat; repeated it fits `edge`."""
    data = array.data.astype(np.int32)
    if data.ndim == 3:
        data = last(data)  # type: ignore[assignment]
    elif data.ndim == 1 and len(edge.shape) == 3 and data.shape != edge.shape[:1]:
        raise ValueError("a parameter table has the wrong length")
    return np.ascontiguousarray(data.reshape(-1))


def train_type(edge: EdgeType) -> type[np.generic]:
    """What the elements of a train of spikes are kept as."""
    return np.int32 if edge.wide else np.uint8


def last(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """`(..., C, H, W)` -> `(..., H, W, C)`; vectors stay."""
    return np.ascontiguousarray(np.moveaxis(array, -3, -1)) if array.ndim >= 3 else array


def first(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """`(..., H, W, C)` -> `(..., C, H, W)`; vectors stay."""
    return np.ascontiguousarray(np.moveaxis(array, -1, -3)) if array.ndim >= 3 else array


def as_int32(sums: Integers, label: str) -> I32:
    """Sums as int32.

    Raises:
        NmError: NM0203 when one does not fit.
    """
    largest = max(int(sums.max(initial=0)), -int(sums.min(initial=0)))
    if largest > INT32_MAX:
        raise NmError(
            Diagnostic(
                code="NM0203",
                message="a sum of this layer left 32 bits",
                where=label,
                limit=f"{INT32_MAX}",
                found=f"{largest}",
                help=("use fewer weight bits or a narrower input",),
            )
        )
    return sums.astype(np.int32)


class Executor(ABC):
    """One operator made ready to run.

    A train is what an edge carries over several timesteps, `(steps, ...)`, or `(1, ...)` when it
    is the same at every timestep.

    Attributes:
        takes_bytes: whether spikes may come as uint8; the others get int32.
    """

    takes_bytes: ClassVar[bool] = False

    def reset(self) -> None:  # noqa: B027 - most operators have no state
        """Return to the state at the start of a frame."""

    @abstractmethod
    def step(self, *inputs: I32) -> Integers:
        """The output of one timestep."""

    def advance(self, steps: int, *trains: Integers) -> Integers:
        """The output train of several timesteps."""
        return np.stack([self.step(*_at(trains, t)) for t in range(steps)])

    def final(self, steps: int, *trains: Integers) -> Integers:
        """As `advance`, of which only the last timestep is kept, `(1, ...)`."""
        for t in range(steps):
            value = self.step(*_at(trains, t))
        return value[None]


def _at(trains: tuple[Integers, ...], t: int) -> tuple[Integers, ...]:
    return tuple(train[min(t, len(train) - 1)] for train in trains)
