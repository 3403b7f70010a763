"""AEDAT4 recordings (iniVation's DV), decoded by the `aedat` package.

It is the lightest of the packages that read the format (half a megabyte, numpy alone), and
optional: `pip install 'nmcompile[events]'`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from nmcompile.datasets.events.damage import damaged, stream_of_columns
from nmcompile.datasets.events.stream import EventStream
from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["read_aedat4"]

_MAGIC: Final = b"#!AER-DAT4.0\r\n"
_LENGTH: Final = struct.Struct("<I")
_PACKET: Final = struct.Struct("<II")  # stream, bytes that follow
_DECODER: Final = "nmcompile.datasets.events.aedat4_process"


def read_aedat4(path: Path) -> EventStream:
    """Read the first event stream of a recording; frames, triggers and IMU samples are left out.

    Times are those of the file, usually microseconds since 1970.

    Raises:
        NmError: NM0711 without the `aedat` package; NM0543, with the byte at which the unreadable
            packet begins, for a file that is cut off, damaged or of another kind; NM0544 for
            columns that are no event stream.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise damaged(path, 0, "another first line", "#!AER-DAT4.0")
    if importlib.util.find_spec("aedat") is None:
        raise NmError(
            Diagnostic(
                code="NM0711",
                message="a package that reads event files is not installed",
                where="aedat",
                help=("pip install 'nmcompile[events]', or: pip install aedat",),
            )
        )
    with TemporaryDirectory() as folder:
        result = Path(folder) / "events.npy"
        done = subprocess.run(
            [sys.executable, "-m", _DECODER, str(path), str(result)],
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            check=False,
        )
        header, _, packets = done.stdout.partition("\n")
        if done.returncode != 0:
            # what the decoder says itself is one line; a crash of it is many
            said = done.stderr.strip().splitlines()
            reason = said[0] if len(said) == 1 else "the decoder crashed"
            offset = _offset(path, len(packets)) if header else len(_MAGIC)
            raise damaged(path, offset, reason)
        sensor = json.loads(header)
        if sensor is None or not result.is_file():
            raise damaged(path, len(_MAGIC), "no events", "at least one event")
        events = np.load(result, allow_pickle=False)
    columns = (events["t"].astype(np.int64), events["x"], events["y"], events["on"])
    width, height = sensor
    return stream_of_columns(path, columns, width, height, 0)


def _offset(path: Path, packets: int) -> int:
    """Where the packet after `packets` good ones begins, bytes."""
    with path.open("rb") as file:
        file.seek(len(_MAGIC))
        length = file.read(_LENGTH.size)
        if len(length) < _LENGTH.size:
            return len(_MAGIC)
        offset = len(_MAGIC) + _LENGTH.size + _LENGTH.unpack(length)[0]
        for _ in range(packets):
            file.seek(offset)
            _, size = _PACKET.unpack(file.read(_PACKET.size))
            offset += _PACKET.size + size
    return min(int(offset), path.stat().st_size)
