"""The synapses of pooling neurons."""

from __future__ import annotations

from typing import Final

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.refused import RefusedError

GATE_RANKS: Final = 2**8 - 1
GATE_SUMS: Final = 2**15 - 1
"""What the gate's comparison key has room for, see `nmcompile.backends.loihi.pools`."""


def pool_taps(network: Network, node: Node, op: ops.SpikeMaxPool2d, channels: int) -> Array:
    """Ones; for the gate the rank of every input in its window, the first one highest.

    Raises:
        RefusedError: when a gate's window or sums have no room.
    """
    area = op.kernel[0] * op.kernel[1]
    taps = np.ones(area, np.int16)
    if op.rule == "gate":
        spiked = network.timesteps * (2 ** network.types[node.name].bits - 1)
        if area > GATE_RANKS or spiked > GATE_SUMS:
            raise RefusedError(
                node,
                f"the gate keeps sums up to {GATE_SUMS} of windows up to {GATE_RANKS} inputs",
                "use fewer timesteps, a smaller window or the running_max rule",
            )
        taps = area - np.arange(area, dtype=np.int16)
    return Array(np.broadcast_to(taps.reshape(op.kernel), (channels, 1, *op.kernel)).copy())
