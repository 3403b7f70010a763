"""Hyperparameters of SiamFC++'s tracker, as a checkpoint's `tracker` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.trackers import settings

__all__ = ["SiamFCppParams"]


@dataclass(frozen=True, slots=True)
class SiamFCppParams:
    """What the loop needs to know beside the networks; the defaults are the published ones.

    Attributes:
        change_penalty: k, how much a box of another size or shape costs.
        window_influence: weight of the cosine window, 0..1.
        size_rate: how far the box's sides follow the network's, 0..1.
        context: margin around the box, in parts of width + height.
        exemplar_size: side of the exemplar crop, pixels.
        search_size: side of the search crop, pixels.
        score_size: side of the maps.
        total_stride: crop pixels from one place of the maps to the next.
    """

    change_penalty: float = 0.04
    window_influence: float = 0.21
    size_rate: float = 0.52
    context: float = 0.5
    exemplar_size: int = 127
    search_size: int = 303
    score_size: int = 17
    total_stride: int = 8

    def __post_init__(self) -> None:
        """Refuse values that make no tracker (NM0552)."""
        reach = (self.score_size - 1) * self.total_stride
        checks = (
            ("change_penalty", 0.0 <= self.change_penalty < 100.0, "0 ... 100"),
            ("window_influence", 0.0 <= self.window_influence <= 1.0, "in [0, 1]"),
            ("size_rate", 0.0 <= self.size_rate <= 1.0, "in [0, 1]"),
            ("context", 0.0 <= self.context < 100.0, "0 ... 100"),
            ("exemplar_size", 0 < self.exemplar_size <= self.search_size, "within the search crop"),
            ("score_size", self.score_size > 0, "positive"),
            ("total_stride", self.total_stride > 0, "positive"),
            ("total_stride", reach < self.search_size, "maps within the search crop"),
        )
        for name, good, rule in checks:
            if not good:
                raise _bad(name, "is out of range", rule, str(getattr(self, name)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> SiamFCppParams:
        """Read a checkpoint's `tracker`; missing keys keep their default (NM0552 for others)."""
        return settings.read(cls, values, _unexpected)


def _unexpected(key: str, kind: type | None, value: object, known: list[str]) -> NmError:
    limit = "a known name" if kind is None else f"a number ({kind.__name__})"
    names = f"known parameters: {', '.join(known)}"
    return _bad(key, "is something unexpected", limit, repr(value)[:60], names)


def _bad(name: str, what: str, limit: str, found: str, *help_: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0552",
            message=f"the tracker's parameter {name} {what}",
            where=f"tracker.{name}",
            limit=limit,
            found=found,
            help=help_,
        )
    )
