"""Input that the user gives as a file of numbers (`--input FILE.npy`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.build.stimuli import Frame, entry_networks
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.ir.types import EdgeType

Numbers = npt.NDArray[Any]


def frames_from(path: Path, program: Program, count: int) -> tuple[Frame, ...]:
    """At most `count` frames of a program whose only input is one network's.

    Args:
        path: a `.npy` file. Of a network that takes spikes `(T, *shape)` or `(F, T, *shape)`, else
            `*shape` or `(F, *shape)`; or in Lava's order `(W, H, C, T)` or `(W, H, C)`.
        program: what takes it.
        count: frames to make.

    Raises:
        NmError: NM0145 when the file does not suit.
    """
    network = _only_entry(program, path)
    op = network.input.op
    if not isinstance(op, ops.Input):
        raise TypeError("a network starts with an Input")
    values = _numbers(path)
    edge = network.types[network.input.name]
    _check_range(path, values, edge)
    trains = edge.kind == "spikes"
    found = _arranged(values, edge.shape, trains=trains)
    if found is None:
        raise _unsuited(path, f"shape {values.shape}", _shapes(edge, network.timesteps))
    dtype = np.int32 if edge.wide or edge.signed or edge.bits > 8 else np.uint8
    given = found.astype(dtype).reshape(*found.shape[: 1 + trains], *edge.shape)
    cut = _inferences(given, network.timesteps) if trains else iter(given)
    return tuple(Frame(None, frame) for frame, _ in zip(cut, range(count), strict=False))


def _only_entry(program: Program, path: Path) -> Network:
    entries = entry_networks(program)
    if len(entries) != 1 or any(s.trigger == "on_init" for s in program.schedule):
        found = "networks " + ", ".join(f"`{n.name}`" for n in entries)
        raise _unsuited(path, found, "a program with one network that reads from outside")
    return entries[0]


def _numbers(path: Path) -> Numbers:
    """Whole numbers of at most 32 bits."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = (str(error) or type(error).__name__).split("\n", 1)[0]
        raise _unsuited(path, reason, "a file written by numpy.save") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iufb" or not values.size:
        found = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else "an archive"
        raise _unsuited(path, found, "an array of numbers")
    if values.dtype.kind == "f":
        bad = int(np.count_nonzero(~np.isfinite(values) | (values != np.trunc(values))))
        if bad:
            raise _unsuited(path, f"{bad} of {values.size} are no whole numbers", "integers")
    return values


def _check_range(path: Path, values: Numbers, edge: EdgeType) -> None:
    low = -edge.largest if edge.signed else 0
    high = edge.largest - 1 if edge.signed else edge.largest
    if values.min() < low or values.max() > high:
        raise _unsuited(path, f"{values.min()}..{values.max()}", f"{low}..{high}")


def _arranged(values: Numbers, shape: tuple[int, ...], *, trains: bool) -> Numbers | None:
    """`(F, *shape)` or `(F, T, *shape)`, or None when the axes do not fit."""
    given = values.shape
    wanted = {shape, shape[:1]} if shape[1:] == (1, 1) else {shape}
    for item in sorted(wanted, reverse=True):
        ahead = len(given) - len(item)
        if given[ahead:] == item and ahead in (trains, 1 + trains):
            return values if ahead == 1 + trains else values[None]
        lava = tuple(reversed(item))
        if len(given) == len(lava) + trains and given[: len(lava)] == lava:
            return values.transpose()[None]
    return None


def _inferences(trains: Numbers, timesteps: int) -> Iterator[Numbers]:
    """Pieces of T timesteps, one after the other; a train that is too short starts anew."""
    for train in trains:
        if len(train) < timesteps:
            yield np.take(train, np.arange(timesteps) % len(train), axis=0)
        for start in range(0, len(train) - timesteps + 1, timesteps):
            yield train[start : start + timesteps]


def _shapes(edge: EdgeType, timesteps: int) -> str:
    shape = ", ".join(map(str, edge.shape))
    if edge.kind == "spikes":
        return f"(T, {shape}) or (F, T, {shape}), T = {timesteps}"
    return f"({shape}) or (F, {shape})"


def _unsuited(path: Path, found: str, limit: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0145",
            message="the file with the input does not suit the network",
            where=str(path),
            limit=limit,
            found=found,
        )
    )
