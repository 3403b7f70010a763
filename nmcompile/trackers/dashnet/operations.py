"""Additions and multiplications per output of a hybrid schedule (DashNet's Table 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nmcompile.architectures.dashnet import LayerSize

__all__ = ["PAPER_ANN", "PAPER_OUTPUTS_PER_FRAME", "PAPER_SNN", "Operations"]


@dataclass(frozen=True, slots=True)
class Operations:
    """What one output costs.

    Attributes:
        adds: additions. muls: multiplications.
    """

    adds: float
    muls: float

    def with_frames(self, ann: Operations, outputs_per_frame: float) -> Operations:
        """These for every output and `ann`'s for every frame: the hybrid's operations per output.

        Args:
            ann: of one pass of the network on frames.
            outputs_per_frame: outputs from one frame to the next.
        """
        return Operations(
            self.adds + ann.adds / outputs_per_frame, self.muls + ann.muls / outputs_per_frame
        )

    @classmethod
    def of_ann(cls, layers: Sequence[LayerSize]) -> Operations:
        """A dense pass: one multiplication and one addition per product, one addition per bias."""
        macs = sum(row.macs for row in layers)
        return cls(float(macs + sum(row.neurons for row in layers)), float(macs))

    @classmethod
    def of_snn(cls, layers: Sequence[LayerSize], activity: float) -> Operations:
        """A window of spikes: additions alone, where spikes arrive.

        Args:
            layers: of the network.
            activity: share of a timestep's dense additions that spikes cause, summed over the
                window's timesteps.
        """
        return cls(sum(row.macs for row in layers) * activity, 0.0)


PAPER_ANN: Final = Operations(32.4e6, 32.3e6)
"""Table 4, per inference."""
PAPER_SNN: Final = Operations(33.0e6, 0.0)
PAPER_OUTPUTS_PER_FRAME: Final = 2083.3 / 240.5
"""Table 4: outputs per second of SNN and hybrid over those of the ANN."""
