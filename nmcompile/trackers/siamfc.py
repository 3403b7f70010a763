"""The SiamFC loop: crop a scale pyramid, find the response's peak, move and scale the box.

Source: Bertinetto et al., "Fully-convolutional siamese networks for object tracking" (arXiv
1606.09549), the 3-scale variant; details as in its common PyTorch ports. The network is behind
`ResponseEngine`, so that float, integer and mapped networks are tracked with by the same loop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.trackers import settings
from nmcompile.trackers.crops import crop_square
from nmcompile.trackers.following import follow

__all__ = ["ResponseEngine", "SiamFCParams", "SiamFCTracker", "context_side", "track"]

Image = npt.NDArray[np.uint8]
Responses = npt.NDArray[np.float64]
Box = npt.NDArray[np.float64]


class ResponseEngine(Protocol):
    """A siamese network that answers with response maps."""

    def set_template(self, crop: Image) -> None:
        """Take the exemplar: RGB uint8 (127, 127, 3)."""

    def respond(self, crops: npt.NDArray[np.uint8]) -> Responses:
        """Responses (S, 17, 17) of search crops, RGB uint8 (S, 255, 255, 3)."""


@dataclass(frozen=True, slots=True)
class SiamFCParams:
    """Hyperparameters of the loop; the defaults are those of SiamFC-3s.

    Attributes:
        scale_count: Scales searched per frame, odd.
        scale_step: Ratio of neighbouring scales.
        scale_penalty: Factor on the responses of all scales but the middle one.
        scale_rate: How far the box follows the best scale, 0..1.
        window_influence: Weight of the cosine window, 0..1.
        context: Margin around the box, in parts of width + height.
        upsampled_size: Side of the bicubically enlarged response.
        exemplar_size: Side of the exemplar crop, pixels.
        search_size: Side of the search crop, pixels.
        response_size: Side of the response map.
        total_stride: Crop pixels per step of the response.
    """

    scale_count: int = 3
    scale_step: float = 1.0375
    scale_penalty: float = 0.9745
    scale_rate: float = 0.59
    window_influence: float = 0.176
    context: float = 0.5
    upsampled_size: int = 272
    exemplar_size: int = 127
    search_size: int = 255
    response_size: int = 17
    total_stride: int = 8

    def __post_init__(self) -> None:
        """Refuse values that make no tracker (NM0517)."""
        checks = (
            ("scale_count", self.scale_count >= 1 and self.scale_count % 2 == 1, "odd, at least 1"),
            ("scale_step", self.scale_step > 1.0, "above 1"),
            ("scale_penalty", 0.0 < self.scale_penalty <= 1.0, "in (0, 1]"),
            ("scale_rate", 0.0 <= self.scale_rate <= 1.0, "in [0, 1]"),
            ("window_influence", 0.0 <= self.window_influence <= 1.0, "in [0, 1]"),
            ("context", self.context >= 0.0, "not negative"),
            ("upsampled_size", self.upsampled_size >= self.response_size, "at least the response"),
            ("exemplar_size", 0 < self.exemplar_size <= self.search_size, "within the search crop"),
            ("response_size", self.response_size > 0, "positive"),
            ("total_stride", self.total_stride > 0, "positive"),
        )
        for name, good, rule in checks:
            if not good:
                raise NmError(
                    Diagnostic(
                        code="NM0517",
                        message=f"the tracker's parameter {name} is out of range",
                        where=f"tracker.{name}",
                        limit=rule,
                        found=str(getattr(self, name)),
                    )
                )

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> SiamFCParams:
        """Read a checkpoint's `tracker`; missing keys keep their default (NM0517 for others)."""
        return settings.read(cls, values, _unexpected)

    @property
    def scales(self) -> tuple[float, ...]:
        """The scales searched, smallest first."""
        half = self.scale_count // 2
        return tuple(self.scale_step**k for k in range(-half, half + 1))


def _unexpected(key: str, kind: type | None, value: object, known: list[str]) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0517",
            message="the tracker's parameters hold something unexpected",
            where=f"tracker.{key}",
            found=repr(value)[:60],
            help=(f"known parameters: {', '.join(known)}",),
        )
    )


def context_side(width: float, height: float, context: float) -> float:
    """Side of the square around a box that the exemplar shows, frame pixels."""
    margin = context * (width + height)
    return math.sqrt((width + margin) * (height + margin))


def _cosine_window(size: int) -> npt.NDArray[np.float64]:
    """Hann window (size, size) of sum 1."""
    line = np.hanning(size)
    window = np.outer(line, line)
    normalised: npt.NDArray[np.float64] = window / window.sum()
    return normalised


class SiamFCTracker:
    """State of one track: centre, size, template; one `step` per frame.

    Args:
        engine: The network.
        params: The loop's hyperparameters.
        image: First frame, RGB uint8 (H, W, 3).
        init_box: x, y, w, h in pixels counted from 0.
    """

    def __init__(
        self, engine: ResponseEngine, params: SiamFCParams, image: Image, init_box: Sequence[float]
    ) -> None:
        self.engine = engine
        self.params = params
        x, y, width, height = (float(v) for v in init_box)
        self._center = np.array([x + (width - 1.0) / 2.0, y + (height - 1.0) / 2.0])
        self._size = np.array([width, height])
        self._window = _cosine_window(params.upsampled_size)
        self._exemplar_side = context_side(width, height, params.context)
        self._search_side = self._exemplar_side * params.search_size / params.exemplar_size
        engine.set_template(
            self._crop(image, self._exemplar_side, params.exemplar_size, image.mean(axis=(0, 1)))
        )

    @property
    def box(self) -> Box:
        """The present box: x, y, w, h in pixels counted from 0."""
        corner = self._center - (self._size - 1.0) / 2.0
        return np.concatenate([corner, self._size])

    def _crop(
        self, image: Image, side: float, out_size: int, fill: npt.NDArray[np.float64]
    ) -> Image:
        return crop_square(image, (self._center[0], self._center[1]), side, out_size, fill)

    def search_crops(self, image: Image) -> npt.NDArray[np.uint8]:
        """The scale pyramid (S, 255, 255, 3) around the present position."""
        fill = image.mean(axis=(0, 1))
        size = self.params.search_size
        return np.stack(
            [self._crop(image, self._search_side * s, size, fill) for s in self.params.scales]
        )

    def step(self, image: Image) -> Box:
        """Find the object in the next frame; returns its box."""
        self._update(self.engine.respond(self.search_crops(image)))
        return self.box

    def _update(self, responses: Responses) -> None:
        """Move to the windowed peak of the best scale's response; follow its scale."""
        params = self.params
        best, peak = self._peak(responses)
        middle = (params.upsampled_size - 1) / 2.0
        per_pixel = params.total_stride * params.response_size / params.upsampled_size
        in_crop = (np.array(peak, np.float64) - middle) * per_pixel
        scale = params.scales[best]
        self._center = self._center + in_crop * self._search_side * scale / params.search_size
        change = (1.0 - params.scale_rate) + params.scale_rate * scale
        self._size = self._size * change
        self._search_side *= change

    def _peak(self, responses: Responses) -> tuple[int, tuple[int, int]]:
        """Index of the best scale, and x, y of the windowed peak in its enlarged response."""
        params = self.params
        side = params.upsampled_size
        large = np.stack(
            [cv2.resize(r, (side, side), interpolation=cv2.INTER_CUBIC) for r in responses]
        )
        middle = params.scale_count // 2
        penalty = np.full(params.scale_count, params.scale_penalty)
        penalty[middle] = 1.0
        best = int((large.max(axis=(1, 2)) * penalty).argmax())
        chosen = large[best] * penalty[best]
        chosen = chosen - chosen.min()
        chosen = chosen / (chosen.sum() + 1e-16)
        weight = params.window_influence
        row, column = divmod(int(((1 - weight) * chosen + weight * self._window).argmax()), side)
        return best, (column, row)


def track(
    engine: ResponseEngine, params: SiamFCParams, frames: Iterable[Image], init_box: Sequence[float]
) -> Iterator[Box]:
    """Follow an object through a sequence.

    Args:
        engine: The network.
        params: The loop's hyperparameters.
        frames: A `VideoSequence` or anything that yields RGB frames; `init_box` is in the first.
        init_box: x, y, w, h in pixels counted from 0.

    Returns:
        One box per frame, as soon as it is known; the first is `init_box`.
    """
    return follow(lambda image: SiamFCTracker(engine, params, image, init_box), frames, init_box)
