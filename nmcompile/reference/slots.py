"""Slots without contents."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.network import Network


def empty_slots(network: Network) -> dict[str, npt.NDArray[np.float64]]:
    """Zeros for every slot that `network` reads: enough to run what comes before a match."""
    return {n.op.slot: np.zeros(n.op.shape) for n in network.nodes if isinstance(n.op, ops.Slot)}
