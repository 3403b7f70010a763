"""Why cores cannot run one node of a network."""

from __future__ import annotations

from nmcompile.diagnostics import Diagnostic
from nmcompile.ir.network import Node


class RefusedError(Exception):
    """A node that cores cannot run.

    Args:
        node: the node. reason: why. help_: ways out.
    """

    def __init__(self, node: Node, reason: str, *help_: str) -> None:
        self.diagnostic = Diagnostic(
            code="NM0301",
            message=f"cores cannot run {type(node.op).__name__}: {reason}",
            where=node.label,
            help=help_ or ("let the host run this part of the network",),
        )
        super().__init__(reason)
