"""The fields of a `.net` layer, checked: extents, pairs, weights, biases, delays."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.frontends import netx_weights
from nmcompile.frontends.netx_file import NetLayer, malformed
from nmcompile.ir.ops import Pair

Int = npt.NDArray[np.int64]

LONGEST_DELAY: Final = 62
"""The loader cuts longer delays to this."""
LARGEST_EXTENT: Final = 2**15


def extents(layer: NetLayer) -> tuple[int, ...]:
    """`shape`, (C, H, W) or (N,).

    Raises:
        NmError: NM0140.
    """
    values = layer.array("shape").reshape(-1)
    found = tuple(int(v) for v in values)
    product = float(np.prod([float(v) for v in found]))
    if any(v != int(v) for v in values) or min(found) < 1 or product > 2**31:
        raise malformed(f"{layer.where}/shape", str(values.tolist()[:6]), "extents of 1 and more")
    return found


def pair(layer: NetLayer, name: str, least: int) -> Pair:
    """(y, x) of one number or two.

    Raises:
        NmError: NM0140.
    """
    values = layer.array(name).reshape(-1)
    if values.size > 2 or any(v != int(v) or not least <= v < LARGEST_EXTENT for v in values):
        limit = f"one or two whole numbers of {least} and more"
        raise malformed(f"{layer.where}/{name}", str(values.tolist()[:4]), limit)
    return int(values[0]), int(values[-1])


def groups(layer: NetLayer) -> int:
    """Channel groups of a convolution.

    Raises:
        NmError: NM0140.
    """
    found = layer.whole("groups")
    if found < 1:
        raise malformed(f"{layer.where}/groups", str(found), "1 and more")
    return found


def weights(layer: NetLayer) -> tuple[Int, tuple[str, ...]]:
    """`(C_out, C_in, K_y, K_x)` or `(N_out, N_in)` as Lava uses them, and what that changed.

    Raises:
        NmError: NM0140, NM0143.
    """
    where = f"{layer.where}/weight"
    weight, cut = netx_weights.whole(layer.array("weight"), where)
    changed = 0
    if layer.kind == "conv":
        if weight.ndim == 5 and weight.shape[4] == 1:
            weight = weight[..., 0]
        if weight.ndim != 4:
            raise malformed(where, f"shape {weight.shape}", "(C_out, C_in, K_y, K_x)")
    else:
        rows = int(np.prod(extents(layer)))
        if weight.ndim == 1 and weight.size % rows == 0:
            weight = weight.reshape(rows, -1)
        if weight.ndim != 2 or weight.shape[0] != rows:
            found = f"shape {weight.shape} in a layer of {rows} neurons"
            raise malformed(where, found, "(N_out, N_in)")
        weight, changed = netx_weights.dense_weights(weight, where)
    notes = []
    if cut:
        notes.append(
            _note(cut, weight.size, f"weights of `{layer.where}` are cut to whole numbers")
        )
    if changed:
        notes.append(
            _note(changed, weight.size, f"weights of `{layer.where}` are not stored as is")
        )
    return weight, tuple(notes)


def bias(layer: NetLayer, shape: tuple[int, ...]) -> tuple[Int | None, tuple[str, ...]]:
    """`(C,)` or full shape (in the file in reverse order), and what cutting fractions changed.

    Raises:
        NmError: NM0140, NM0143.
    """
    if "bias" not in layer:
        return None, ()
    values, cut = netx_weights.whole(layer.array("bias"), f"{layer.where}/bias")
    notes = _note(cut, values.size, f"biases of `{layer.where}` are cut to whole numbers")
    if values.shape == tuple(reversed(shape)):
        values = values.T
    elif values.shape != shape[:1]:
        raise malformed(f"{layer.where}/bias", f"shape {values.shape}", f"({shape[0]},)")
    return values, (notes,) if cut else ()


def delays(layer: NetLayer, shape: tuple[int, ...]) -> Int:
    """Timesteps of every synapse, `(N_out, N_in)`; the file has them so, by output, input or one.

    Raises:
        NmError: NM0140.
    """
    if "delay" not in layer:
        return np.zeros(shape, np.int64)
    where = f"{layer.where}/delay"
    delay = np.trunc(np.minimum(layer.array("delay"), LONGEST_DELAY)).astype(np.int64)
    if delay.min() < 0:
        raise malformed(where, str(delay.min()), "0 and more")
    if delay.ndim == 0 or delay.shape == shape:
        return np.broadcast_to(delay, shape)
    if delay.shape == shape[:1]:
        return np.broadcast_to(delay[:, None], shape)
    if delay.shape == shape[1:]:
        return np.broadcast_to(delay[None], shape)
    raise malformed(where, f"shape {delay.shape}", f"{shape}, ({shape[0]},), ({shape[1]},) or ()")


def _note(count: int, total: int, what: str) -> str:
    return f"{count} of {total} {what}, as by lava-dl's loader"
