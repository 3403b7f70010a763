"""What a backend can say about a program before anything is mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from nmcompile.diagnostics import Diagnostic
from nmcompile.ir.program import Program
from nmcompile.mapping.limits import Usage
from nmcompile.target import Target


@dataclass(frozen=True)
class NetworkSurvey:
    """One network.

    Attributes:
        network: its name.
        cores: the fewest cores, when each takes outputs of one layer; None when a layer does
            not fit.
        chips: chips that hold these cores; None likewise.
        ticks: of one inference: T and the depth of the pipeline.
        layers: one row per layer, with the same keys; None is a figure that does not exist.
        limits: every limit at its fullest place.
    """

    network: str
    cores: int | None
    chips: int | None
    ticks: int
    layers: tuple[Mapping[str, str | int | None], ...]
    limits: tuple[Usage, ...]


@dataclass(frozen=True)
class Survey:
    """All chip networks of a program, and every reason why they do not fit (errors)."""

    networks: tuple[NetworkSurvey, ...]
    problems: tuple[Diagnostic, ...]


@runtime_checkable
class Surveyor(Protocol):
    """A backend that answers whether a program fits, layer by layer, but maps nothing."""

    def survey(self, program: Program, target: Target) -> Survey:
        """Every layer against the limits of the target.

        Args:
            program: integer, with what the chip cannot run on the host already.
            target: a target of this backend.
        """
