"""What an operator's executor is, and the channels-last layout that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
INT32_MAX = 2**31 - 1


def last(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """`(..., C, H, W)` -> `(..., H, W, C)`; vectors stay."""
    return np.ascontiguousarray(np.moveaxis(array, -3, -1)) if array.ndim >= 3 else array


def first(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """`(..., H, W, C)` -> `(..., C, H, W)`; vectors stay."""
    return np.ascontiguousarray(np.moveaxis(array, -1, -3)) if array.ndim >= 3 else array


class Executor(ABC):
    """One operator made ready to run."""

    def reset(self) -> None:  # noqa: B027 - most operators have no state
        """Return to the state at the start of a frame."""

    @abstractmethod
    def step(self, *inputs: I32) -> I32:
        """The output of one timestep."""
