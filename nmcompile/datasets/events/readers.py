"""Event files by their suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nmcompile.datasets.events.aedat4 import read_aedat4
from nmcompile.datasets.events.archive import load_archive, open_hybrid
from nmcompile.datasets.events.hybrid import HybridSequence, events_alone
from nmcompile.datasets.events.nmnist import read_nmnist
from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["open_events"]

KINDS: Final = (".npz", ".aedat4", ".bin")


def open_events(path: str | Path) -> HybridSequence:
    """Read an event file, with the frames and boxes that it brings, if any.

    Args:
        path: `.npz` of this project, `.aedat4`, N-MNIST's `.bin`, or a hybrid sequence's folder.

    Raises:
        NmError: NM0545 for no such file or another kind, NM0543 and NM0544 for bad content,
            NM0549 for a folder that is no hybrid sequence, NM0711 when the package that reads
            the kind is not installed.
    """
    path = Path(path)
    if path.is_dir():
        return open_hybrid(path)
    suffix = path.suffix.lower()
    if not path.is_file() or suffix not in KINDS:
        missing = not path.is_file()
        raise NmError(
            Diagnostic(
                code="NM0545",
                message="there is no such event file" if missing else "unknown kind of event file",
                where=str(path),
                limit=", ".join(KINDS),
                found="" if missing else suffix or "no suffix",
                help=(
                    "convert a frame sequence with: nmcompile events simulate SEQUENCE -o F.npz",
                ),
            )
        )
    if suffix == ".npz":
        return load_archive(path)
    events = read_aedat4(path) if suffix == ".aedat4" else read_nmnist(path)
    return events_alone(path.stem, events)
