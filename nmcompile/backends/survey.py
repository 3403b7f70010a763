"""What a backend can say about a program before anything is mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from nmcompile.backends.base import LayerRow
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir.program import Program
from nmcompile.mapping.limits import Usage
from nmcompile.target import Target


@dataclass(frozen=True)
class NetworkSurvey:
    """One network.

    Attributes:
        network: its name.
        cores: an estimate; None when a layer does not fit.
        chips: chips that hold these cores; None likewise.
        ticks: of one inference, at least: T and the depth of the pipeline.
        layers: one row per layer, with the same keys: what stays true when it is mapped.
        estimates: one row per layer: what a mapping replaces by its own figures.
        limits: every limit at its fullest place.
    """

    network: str
    cores: int | None
    chips: int | None
    ticks: int
    layers: tuple[LayerRow, ...]
    estimates: tuple[LayerRow, ...]
    limits: tuple[Usage, ...]


@dataclass(frozen=True)
class Survey:
    """All chip networks of a program, and every reason why they do not fit (errors)."""

    networks: tuple[NetworkSurvey, ...]
    problems: tuple[Diagnostic, ...]


@runtime_checkable
class Surveyor(Protocol):
    """A backend that answers whether a program fits, layer by layer, before it maps anything."""

    def survey(self, program: Program, target: Target) -> Survey:
        """Every layer against the limits of the target.

        Args:
            program: integer, with what the chip cannot run on the host already.
            target: a target of this backend.
        """
