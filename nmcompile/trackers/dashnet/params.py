"""Hyperparameters of DashNet's tracker, as a checkpoint's `tracker` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.trackers import settings
from nmcompile.trackers.dashnet.filter import TIME_UNIT_S

__all__ = ["HybridParams"]


@dataclass(frozen=True, slots=True)
class HybridParams:
    """What the tracker's host side needs to know beside the two networks.

    Attributes:
        timestep_s: length of one event bin, one timestep of the SNN, seconds.
        period_s: from one output to the next, seconds; a whole number of bins.
        frame_rate_hz: of the camera's frames; the schedule's cost per output refers to it.
        time_unit_s: unit of time of the complementary filter, seconds.
        sigma_px: of the attention mask, pixels of the view.
        ann_rate: part of the way that the box's centre follows the ANN's answer, 0..1.
        ann_size_rate: likewise, of its sides.
        snn_rate: likewise, of its centre towards the SNN's answer.
        snn_size_rate: likewise, of its sides: small, because answers come often and a box that
            grows shows the networks a larger view.
        size_limit: largest change of the sides since the first box, as a factor.
    """

    timestep_s: float = 1e-3
    period_s: float = 1e-3
    frame_rate_hz: float = 30.0
    time_unit_s: float = TIME_UNIT_S
    sigma_px: float = 38.0
    ann_rate: float = 1.0
    ann_size_rate: float = 0.5
    snn_rate: float = 1.0
    snn_size_rate: float = 0.1
    size_limit: float = 3.0

    def __post_init__(self) -> None:
        """Refuse values that make no tracker (NM0517)."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0.0 < value < 1e9:
                raise _bad(field.name, "is out of range", "positive", str(value))
        for name in ("ann_rate", "ann_size_rate", "snn_rate", "snn_size_rate"):
            if getattr(self, name) > 1.0:
                raise _bad(name, "is out of range", "0..1", str(getattr(self, name)))
        if self.size_limit < 1.0:
            raise _bad("size_limit", "is out of range", "at least 1", str(self.size_limit))
        bins = self.period_s / self.timestep_s
        if bins < 0.5 or abs(bins - round(bins)) > 1e-6:
            raise _bad("period_s", "is out of range", "a whole number of bins", f"{bins:g}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> HybridParams:
        """Read a checkpoint's `tracker`; missing keys keep their default (NM0517 for others)."""
        return settings.read(cls, values, _unexpected)


def _unexpected(key: str, kind: type | None, value: object, known: list[str]) -> NmError:
    names = f"known parameters: {', '.join(sorted(known))}"
    return _bad(key, "is something unexpected", "a number", repr(value)[:60], names)


def _bad(name: str, what: str, limit: str, found: str, *help_: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0517",
            message=f"the tracker's parameter {name} {what}",
            where=f"tracker.{name}",
            limit=limit,
            found=found,
            help=help_,
        )
    )
