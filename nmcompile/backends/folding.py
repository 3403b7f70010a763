"""Backends whose cores use one set of weights again and again: cores against time."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from nmcompile.backends.base import Backend, LayerRow
from nmcompile.backends.registry import backend_of
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Network
from nmcompile.target import Target


@runtime_checkable
class Folding(Protocol):
    """A backend that folds layers in time, as the user wishes."""

    def folded(self, schedule: str) -> Backend:
        """The same backend with a schedule for all networks, or "NAME=SCHEDULE,..." for some.

        Raises:
            NmError: NM03xx when there is no such schedule.
        """

    def curve(self, network: Network, target: Target) -> tuple[LayerRow, ...]:
        """What a golden network takes under every schedule: one row each, nothing is placed."""


def backend_for(target: Target, schedule: str) -> Backend:
    """The backend of a target, with a schedule if one is asked for.

    Raises:
        NmError: NM0310; NM0342 when the target does not fold layers.
    """
    backend = backend_of(target)
    if not schedule:
        return backend
    if not isinstance(backend, Folding):
        raise NmError(
            Diagnostic(
                code="NM0342",
                message=f"{target.name} does not fold layers in time",
                where="--schedule",
                found=schedule,
                help=("leave out `--schedule`, or choose a target such as `tianjic`",),
            )
        )
    return backend.folded(schedule)
