"""Content-addressed, read-only arrays: the big constants that IR objects refer to."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt


class Array:
    """A read-only numpy array whose identity is its content.

    Two arrays are equal when dtype, shape and bytes are equal, so that frozen IR objects
    that hold them compare and hash by value and a program has one digest everywhere.
    """

    __slots__ = ("__dict__", "data")

    def __init__(self, data: npt.ArrayLike) -> None:
        # ascontiguousarray would turn a scalar into a vector, hence order="C".
        array = np.array(data, order="C", copy=True)
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("<"))
        array.setflags(write=False)
        self.data: npt.NDArray[Any] = array

    @cached_property
    def digest(self) -> str:
        """sha256 over dtype, shape and little-endian bytes (hex)."""
        head = f"{self.data.dtype.str}{self.data.shape}".encode()
        return hashlib.sha256(head + self.data.tobytes()).hexdigest()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the wrapped array."""
        return self.data.shape

    @property
    def is_integer(self) -> bool:
        """Whether the elements are integers."""
        return bool(np.issubdtype(self.data.dtype, np.integer))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        kind = self.data.dtype.str[1:]
        dims = ",".join(str(n) for n in self.shape)
        return f"{kind}[{dims}]#{self.digest[:8]}"
