"""Backends that first cut a network into cores and then find places for them.

The cores stay whatever else is on the chips, unless layers are folded in time: beside others such
a network is mapped again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from nmcompile.backends.base import Traffic
from nmcompile.ir.network import Network
from nmcompile.mapping.graph import MappedGraph
from nmcompile.target import Target


@runtime_checkable
class Placing(Protocol):
    """A backend that maps in two steps, so that a network is not placed twice."""

    def cut(self, network: Network, target: Target, traffic: Traffic | None = None) -> MappedGraph:
        """What `Backend.map` finds with the fewest cores, with no core at any place yet."""

    def placed(
        self, graph: MappedGraph, target: Target, beside: Sequence[MappedGraph]
    ) -> MappedGraph:
        """The same cores on places that other networks leave free.

        Args:
            graph: from `cut`.
            target: its limits.
            beside: networks that hold cores of the same chips already.
        """
