"""What fixes a SpikeTrack's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from nmcompile.architectures import config_values
from nmcompile.architectures.config_values import bad, integers, size
from nmcompile.architectures.spiketrack.attention import HEADS
from nmcompile.architectures.spiketrack.neuron import STEPS

PATCH = 16
"""Pixels per place of the last map, along one axis."""


@dataclass(frozen=True, slots=True)
class SpikeTrackConfig:
    """The defaults are S256-T1; `PUBLISHED` has all six.

    Attributes:
        channels: of the four stages.
        blocks: transformer blocks of the third and the fourth stage.
        head_width: channels of the head's first layer.
        size: side of template and search crop, pixels.
        steps: T, template crops.
    """

    channels: tuple[int, ...] = (32, 64, 128, 192)
    blocks: tuple[int, ...] = (6, 2)
    head_width: int = 192
    size: int = 256
    steps: int = 1

    def __post_init__(self) -> None:
        """Check types, and that maps and channels can be divided as the blocks divide them."""
        object.__setattr__(self, "channels", integers("channels", self.channels, 4))
        object.__setattr__(self, "blocks", integers("blocks", self.blocks, 2))
        for name in ("head_width", "size", "steps"):
            size(name, getattr(self, name))
        for channels in self.channels:
            if channels % HEADS:
                raise bad("channels", f"expected multiples of the {HEADS} heads", channels)
        if self.size % PATCH or self.size < 2 * PATCH:
            raise bad("size", f"expected a multiple of {PATCH}, {2 * PATCH} or more", self.size)
        if self.steps > STEPS:
            raise bad("steps", f"expected {STEPS} template crops or fewer", self.steps)
        if self.head_width % 8:
            raise bad("head_width", "expected a multiple of 8", self.head_width)

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> SpikeTrackConfig:
        """Read a checkpoint's `config`; unknown keys are refused (NM0111)."""
        return config_values.read(cls, config)

    def to_mapping(self) -> dict[str, object]:
        """Return the configuration in JSON types."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @property
    def side(self) -> int:
        """P: side of the last maps, and of the maps that ask a memory."""
        return self.size // PATCH


_BASE = (64, 128, 256, 360)
PUBLISHED = {
    "S256-T1": SpikeTrackConfig(),
    "S256-T3": SpikeTrackConfig(steps=3),
    "B256-T1": SpikeTrackConfig(channels=_BASE, head_width=256),
    "B256-T3": SpikeTrackConfig(channels=_BASE, head_width=256, steps=3),
    "B384-T1": SpikeTrackConfig(channels=_BASE, head_width=256, size=384),
    "B384-T3": SpikeTrackConfig(channels=_BASE, head_width=256, size=384, steps=3),
}
"""The variants of the paper."""
