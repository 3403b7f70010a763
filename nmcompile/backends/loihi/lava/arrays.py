"""From the order of arrays in weights.npz to Lava's, and back.

Golden: `(C_out, C_in / groups, K_y, K_x)` and `(C, H, W)`. Lava: `(C_out, K_x, K_y, C_in / groups)`
and `(W, H, C)`. Vectors are the same in both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]
Shape = tuple[int, ...]


def conv_kernel(weight: Ints) -> Ints:
    """A golden kernel in Lava's order, flipped.

    Lava convolves, whereas a layer correlates: both spatial axes are reversed.
    """
    return np.ascontiguousarray(weight[:, :, ::-1, ::-1].transpose(0, 3, 2, 1).astype(np.int32))


def dense_weights(weight: Ints, shift: int = 0) -> dict[str, Any]:
    """Weights and exponent of a stock `Dense` or `Sparse`: `(weight @ x) >> shift` exactly.

    A negative shift is one to the left.
    A matrix of mixed sign keeps even values only, so it is stored doubled with one more bit
    of right shift, which takes place after the sum.
    """
    mixed = bool(weight.min() < 0 < weight.max())
    stored = weight.astype(np.int32) * (2 if mixed else 1)
    return {"weights": stored, "weight_exp": -(shift + int(mixed))}


def template_kernel(elements: Ints, contents: Ints, word: int, largest: int) -> Ints:
    """The kernel that holds one word of a template's elements.

    Args:
        elements: `(1, C, h, w)`, the number of the slot's element that belongs to each weight,
            counted from 1, with its sign.
        contents: of the slot.
        word: which word of an element, from 0.
        largest: magnitude that one word holds, 0 for any.
    """
    element = contents.reshape(-1)[np.abs(elements) - 1].astype(np.int64)
    part = np.clip(np.abs(element) - word * largest, 0, largest or None)
    return conv_kernel(np.sign(elements) * np.sign(element) * part)


def per_neuron(values: Any, shape: Shape) -> Ints:
    """A scalar, `(C,)` or `(C, H, W)` parameter as int64 of a `(W, H, C)` or `(N,)` population."""
    array = np.asarray(values, np.int64)
    if array.ndim == 3:
        array = array.transpose(2, 1, 0)
    return np.ascontiguousarray(np.broadcast_to(array, shape))


def lava_order(frames: Ints) -> Ints:
    """`(F, T, C, H, W)` -> `(F, T, W, H, C)`; vectors stay."""
    return frames.transpose(0, 1, 4, 3, 2) if frames.ndim == 5 else frames


def golden_order(array: Ints, leading: int) -> Ints:
    """`(..., W, H, C)` -> `(..., C, H, W)` behind `leading` axes; vectors stay."""
    if array.ndim - leading != 3:
        return array
    axes = (*range(leading), *range(array.ndim - 1, leading - 1, -1))
    return np.ascontiguousarray(array.transpose(axes))
