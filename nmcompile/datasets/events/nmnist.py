"""N-MNIST recordings: five bytes per event.

Format (Orchard et al., Front. Neurosci. 9:437, 2015): 8 bits x, 8 bits y, 1 bit polarity (1 is
ON), 23 bits time in microseconds, the highest bit first. A record with y = 240 is no event: from
it on, times are 2**13 us later. The packages that read the format bring far more than these few
lines, so it is read here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from nmcompile.datasets.events.damage import damaged, stream_of_columns
from nmcompile.datasets.events.stream import EventStream

__all__ = ["read_nmnist"]

SIDE: Final = 34
_RECORD_BYTES: Final = 5
_OVERFLOW_ROW: Final = 240
_OVERFLOW_US: Final = 1 << 13


def read_nmnist(path: Path) -> EventStream:
    """Read one recording of the 34 x 34 sensor.

    Raises:
        NmError: NM0543 when the file is empty or ends inside an event, NM0544 for events outside
            the sensor or times that decrease.
    """
    content = np.frombuffer(path.read_bytes(), np.uint8)
    surplus = len(content) % _RECORD_BYTES
    if surplus or not len(content):
        raise damaged(
            path, len(content) - surplus, f"{surplus} bytes", f"{_RECORD_BYTES} bytes per event"
        )
    x, y, high, middle, low = content.reshape(-1, _RECORD_BYTES).astype(np.int64).T
    overflow = y == _OVERFLOW_ROW
    t = ((high & 0x7F) << 16 | middle << 8 | low) + np.cumsum(overflow) * _OVERFLOW_US
    kept = ~overflow
    columns = (t[kept], x[kept], y[kept], high[kept] >> 7)
    # with overflow records an event's number no longer tells its place in the file
    record_bytes = 0 if overflow.any() else _RECORD_BYTES
    return stream_of_columns(path, columns, SIDE, SIDE, record_bytes)
