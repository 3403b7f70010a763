"""What folding saves on networks of the published size."""

from __future__ import annotations

from typing import Any

import pytest
from support.dashnet_size import dashnet
from support.fcore_nets import CHIP

from nmcompile.backends.tianjic.mapping.planning import planned, readable, room_of
from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.backends.tianjic.mapping.tiling import Tiler


@pytest.mark.parametrize(("which", "rows"), [("ann", 51), ("snn", 76)])
def test_semi_folded_saves_an_order_of_magnitude_of_cores(which: Any, rows: int) -> None:
    """TCAD 39, 2020 (abstract) says more than 35 times, of other networks."""
    split, tiler = readable(dashnet(which), CHIP), Tiler(room_of(CHIP))
    unfolded, semi, folded = (
        planned(split, CHIP, schedule, tiler)
        for schedule in (Schedule("unfolded"), Schedule("semi-folded"), Schedule("folded"))
    )
    assert unfolded.cores >= 10 * semi.cores > 10 * folded.cores
    assert (unfolded.times.interval, semi.times.interval) == (1, rows)
    assert folded.times.interval > 30 * rows
