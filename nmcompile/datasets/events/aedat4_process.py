"""Decodes an AEDAT4 file, in a process of its own: `python -m ... RECORDING RESULT.npy`.

Over some damage the decoder ends the process that it runs in. On stdout: the events' sensor as one
line of JSON as soon as the header is read, then one dot per packet. The events go to `RESULT.npy`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def decode(recording: str, result: Path) -> None:
    """Decode the events of the first event stream."""
    import aedat

    decoder = aedat.Decoder(recording)
    sensors = {k: v for k, v in decoder.id_to_stream().items() if v["type"] == "events"}
    chosen = min(sensors, default=None)
    size = None if chosen is None else [int(sensors[chosen][k]) for k in ("width", "height")]
    _tell(json.dumps(size) + "\n")
    parts = []
    for packet in decoder:
        if chosen is not None and packet["stream_id"] == chosen and "events" in packet:
            parts.append(packet["events"])
        _tell(".")
    if parts:
        np.save(result, np.concatenate(parts), allow_pickle=False)


def _tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        decode(sys.argv[1], Path(sys.argv[2]))
    except RuntimeError as error:  # what the decoder raises for most of what it cannot read
        sys.exit(str(error))
