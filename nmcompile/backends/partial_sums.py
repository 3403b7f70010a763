"""What a backend can say about layers whose fan-in fits no core and may be approximated."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from nmcompile.ir.network import Network
from nmcompile.passes.rate_split import FanInCut
from nmcompile.target import Target


@runtime_checkable
class RateSplitter(Protocol):
    """A backend whose spikes are binary, so that partial sums are rates (`--split-fan-in`)."""

    def wide_layers(self, network: Network, target: Target) -> tuple[FanInCut, ...]:
        """Populations whose inputs fit no core, with the parts of them that do.

        Args:
            network: golden level. target: a target of this backend.

        Raises:
            NmError: NM0330 for layers that cannot be cut.
        """
