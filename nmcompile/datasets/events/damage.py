"""What readers of event files say about damaged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.stream import EventStream
from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["damaged", "stream_of_columns"]


def damaged(path: Path, offset: int, found: str, limit: str = "") -> NmError:
    """NM0543: the file cannot be read on from byte `offset`."""
    return NmError(
        Diagnostic(
            code="NM0543",
            message="the event file is damaged or of another kind",
            where=f"{path}:{offset}",
            limit=limit,
            found=found,
            help=("copy or download the file again; the number after the name is the byte",),
        )
    )


def stream_of_columns(
    path: Path,
    columns: tuple[npt.NDArray[Any], ...],
    width: int,
    height: int,
    record_bytes: int,
) -> EventStream:
    """A stream of columns t, x, y, p that a file held.

    Args:
        path: the file, for diagnostics.
        columns: t_us, x, y, p.
        width: columns of the sensor.
        height: rows of the sensor.
        record_bytes: bytes per event, for the offset in diagnostics; 0 when the file has no
            records of one size.

    Raises:
        NmError: NM0543 for columns of other kinds or lengths, NM0544, with the first bad event,
            for times that decrease and pixels outside the sensor.
    """
    t, x, y, p = columns
    whole = all(np.issubdtype(c.dtype, np.integer) or c.dtype == bool for c in columns)
    if not whole or {c.shape for c in columns} != {(len(t),)}:
        shapes = ", ".join(f"{c.dtype} {c.shape}" for c in columns)
        raise damaged(path, 0, shapes, "four columns of whole numbers, equally long")
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    if outside.any():
        first = int(np.argmax(outside))
        raise _disordered(
            path,
            first,
            record_bytes,
            "an event lies outside the sensor",
            f"{width} x {height} pixels",
            f"x = {x[first]}, y = {y[first]}",
        )
    backwards = t[1:] < t[:-1]
    if backwards.any():
        first = int(np.argmax(backwards)) + 1
        raise _disordered(
            path,
            first,
            record_bytes,
            "the times of the events decrease",
            f"at least {t[first - 1]} us, the time of the event before",
            f"{t[first]} us",
        )
    return EventStream(t.astype(np.int64), x, y, p.astype(bool), width, height)


def _disordered(
    path: Path, event: int, record_bytes: int, message: str, limit: str, found: str
) -> NmError:
    place = f"{path}:{event * record_bytes}" if record_bytes else f"{path}"
    return NmError(
        Diagnostic(
            code="NM0544",
            message=message,
            where=f"{place} (event {event + 1})",
            limit=limit,
            found=found,
            help=("the file may be damaged, or recorded by another sensor",),
        )
    )
