"""Operators that the cores of a target do not have, before anything is mapped."""

from __future__ import annotations

from nmcompile.backends.base import Backend
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.program import Program
from nmcompile.target import Target


def require_supported(golden: Program, backend: Backend, target: Target) -> None:
    """Refuse networks on the chip with operators that no core runs.

    Raises:
        NmError: NM0301, one diagnostic for every layer and reason.
    """
    found: dict[tuple[str, str], Diagnostic] = {}
    for network in golden.chip_networks:
        for node in network.nodes:
            reason = backend.supports(node.op, target)
            if reason:
                found[node.label, reason] = Diagnostic(
                    code="NM0301",
                    message=f"cores cannot run {type(node.op).__name__}: {reason}",
                    where=f"{network.name}: {node.label}",
                    help=("choose a target whose cores can (`nmcompile targets`)",),
                )
    if found:
        raise NmError(*found.values())
