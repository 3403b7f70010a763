"""Hyperparameters of SpikeTrack's tracker, as a checkpoint's `tracker` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.trackers import settings

__all__ = ["CROP_FACTOR", "SpikeTrackParams", "completed"]

CROP_FACTOR: Final = 4.0
"""Side of template and search crop, in parts of the square root of the box's area."""


@dataclass(frozen=True, slots=True)
class SpikeTrackParams:
    """What the loop needs to know beside the networks; the defaults are the published ones.

    Attributes:
        crop_size: R, side of template and search crop, pixels.
        map_size: P, side of the maps.
        templates: T, template crops that the networks remember.
        crop_factor: side of what a crop shows, in parts of the square root of the box's area.
        size_rate: how far the box's sides follow the network's, 0..1; the published loop takes 1.
        update_frames: every how many frames the newest template may be replaced; 0 never.
        update_confidence: windowed score above which it is, 0..1.
        margin_px: how far inside the frame a box's sides stay, pixels.
    """

    crop_size: int = 256
    map_size: int = 16
    templates: int = 1
    crop_factor: float = CROP_FACTOR
    size_rate: float = 1.0
    update_frames: int = 25
    update_confidence: float = 0.7
    margin_px: float = 10.0

    def __post_init__(self) -> None:
        """Refuse values that make no tracker (NM0554)."""
        checks = (
            ("crop_size", self.crop_size >= self.map_size, "at least the maps' side"),
            ("map_size", self.map_size > 0, "positive"),
            ("templates", self.templates > 0, "positive"),
            ("crop_factor", 1.0 <= self.crop_factor < 100.0, "1 ... 100"),
            ("size_rate", 0.0 <= self.size_rate <= 1.0, "in [0, 1]"),
            ("update_frames", self.update_frames >= 0, "not negative"),
            ("update_confidence", 0.0 <= self.update_confidence <= 1.0, "in [0, 1]"),
            ("margin_px", 0.0 <= self.margin_px < 1e6, "not negative"),
        )
        for name, good, rule in checks:
            if not good:
                raise _bad(name, rule, str(getattr(self, name)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> SpikeTrackParams:
        """Read a checkpoint's `tracker`; missing keys keep their default (NM0554 for others)."""
        return settings.read(cls, values, _unexpected)


def completed(
    tracker: Mapping[str, object], crop_size: int, map_size: int, templates: int
) -> SpikeTrackParams:
    """A checkpoint's `tracker` with the sizes of its networks (NM0554 for what does not fit).

    As published, a single template stays unless `update_frames` says otherwise.
    """
    defaults = {"update_frames": 0} if templates == 1 else {}
    sizes = {"crop_size": crop_size, "map_size": map_size, "templates": templates}
    return SpikeTrackParams.from_mapping({**defaults, **tracker, **sizes})


def _unexpected(key: str, kind: type | None, value: object, known: list[str]) -> NmError:
    if kind is None:
        return _bad(key, f"one of {', '.join(known)}", "an unknown parameter")
    return _bad(key, f"a number ({kind.__name__})", repr(value)[:60])


def _bad(name: str, limit: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0554",
            message=f"the tracker's parameter {name} is not what SpikeTrack's loop takes",
            where=f"tracker.{name}",
            limit=limit,
            found=found,
        )
    )
