"""SpikeTrack's loop: one search crop per frame, the box at the best place, templates renewed.

Source: SpikeTrack (arXiv 2602.23963) and its published code. Coordinates are continuous there: a
box's centre is x + w / 2. The networks are behind `MemoryEngine`, so that float, integer and mapped
ones are tracked with by the same loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nmcompile.trackers.crops import crop_square
from nmcompile.trackers.spiketrack.params import SpikeTrackParams

__all__ = ["Found", "MemoryEngine", "SpikeTracker", "hann", "renewed"]

Image = npt.NDArray[np.uint8]
Maps = npt.NDArray[np.float64]
Box = npt.NDArray[np.float64]

SCORE_MIN: Final = 1e-4
"""Scores and sizes keep this distance from 0 and 1."""
BLACK: Final = np.zeros(3)


class MemoryEngine(Protocol):
    """SpikeTrack's networks."""

    def set_templates(self, crops: Image) -> None:
        """Remember template crops, RGB uint8 `(T, R, R, 3)`, instead of those before."""

    def maps(self, crop: Image) -> Maps:
        """`(5, P, P)` of a search crop `(R, R, 3)`.

        Logit of the score, offset x and y in places, logits of width and height.
        """


class Found(NamedTuple):
    """The best place of the maps.

    Attributes:
        box: centre x, y, width, height in parts of the crop.
        confidence: its windowed score.
    """

    box: Box
    confidence: float


def hann(side: int) -> npt.NDArray[np.float64]:
    """Window `(side, side)` of 1/2 (1 - cos(2 pi k / (side + 1))), k = 1 ... side."""
    line = 0.5 * (1.0 - np.cos(2.0 * np.pi * np.arange(1, side + 1) / (side + 1)))
    return np.outer(line, line)


def best(maps: Maps, window: npt.NDArray[np.float64]) -> Found:
    """The box that the place of the highest windowed score tells."""
    score = _sigmoid(maps[0]) * window
    row, column = divmod(int(score.argmax()), score.shape[1])
    x, y = column + maps[1, row, column], row + maps[2, row, column]
    width, height = _sigmoid(maps[3:, row, column])
    side = len(score)
    return Found(np.array([x / side, y / side, width, height]), float(score[row, column]))


def renewed(templates: Sequence[Image], crop: Image) -> tuple[Image, ...]:
    """The list with a new crop at its end: the first stays, the oldest of the others goes."""
    if len(templates) == 1:
        return (crop,)
    return (templates[0], *templates[2:], crop)


def inside(box: Box, frame: tuple[int, int], margin: float) -> Box:
    """x, y, w, h cut to a frame (width, height), of which `margin` pixels at least are covered."""
    limits = np.array(frame, np.float64)
    margin = min(margin, float(limits.min()))
    low = np.clip(box[:2], 0.0, limits - margin)
    high = np.clip(box[:2] + box[2:], margin, limits)
    return np.concatenate([low, np.maximum(high - low, margin)])


class SpikeTracker:
    """State of one track: box, template crops; one `step` per frame.

    Args:
        engine: The networks.
        params: The loop's hyperparameters.
        image: First frame, RGB uint8 (H, W, 3).
        init_box: x, y, w, h in pixels counted from 0.
    """

    def __init__(
        self,
        engine: MemoryEngine,
        params: SpikeTrackParams,
        image: Image,
        init_box: Sequence[float],
    ) -> None:
        self.engine = engine
        self.params = params
        self.confidence = 1.0
        """Of the last box."""
        self.updates = 0
        """Templates taken after the first."""
        self._box = np.array([float(v) for v in init_box])
        self._frames = 0
        self._window = hann(params.map_size)
        self._templates = (self.crop(image),) * params.templates
        engine.set_templates(np.stack(self._templates))

    @property
    def box(self) -> Box:
        """The present box: x, y, w, h in pixels counted from 0."""
        return self._box.copy()

    @property
    def side(self) -> int:
        """Frame pixels along a crop's side."""
        return max(2, math.ceil(self.params.crop_factor * math.sqrt(self._box[2] * self._box[3])))

    def crop(self, image: Image) -> Image:
        """The crop around the present box, black outside the frame."""
        x, y = self._box[:2] + self._box[2:] / 2.0 - 0.5  # pixel indices
        return crop_square(image, (x, y), self.side, self.params.crop_size, BLACK)

    def step(self, image: Image) -> Box:
        """Find the object in the next frame; returns its box."""
        self._frames += 1
        params, side = self.params, self.side
        found = best(self.engine.maps(self.crop(image)), self._window)
        self.confidence = found.confidence
        corner = self._box[:2] + self._box[2:] / 2.0 - side / 2.0
        size = (1.0 - params.size_rate) * self._box[2:] + params.size_rate * found.box[2:] * side
        low = corner + found.box[:2] * side - size / 2.0
        frame = (image.shape[1], image.shape[0])
        self._box = inside(np.concatenate([low, size]), frame, params.margin_px)
        every = params.update_frames
        if every and self._frames % every == 0 and self.confidence > params.update_confidence:
            self._templates = renewed(self._templates, self.crop(image))
            self.engine.set_templates(np.stack(self._templates))
            self.updates += 1
        return self.box


def _sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.clip(0.5 * (1.0 + np.tanh(0.5 * x)), SCORE_MIN, 1.0 - SCORE_MIN))
