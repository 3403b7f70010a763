"""SiamFC++'s loop: one search crop per frame, the best place of its maps, the box that it says.

Source: Xu et al., "SiamFC++" (arXiv 1911.06188): the score of a place is class times centre-ness,
lowered where size or shape of the box change, and mixed with a cosine window. The network is behind
`MapsEngine`, so that float, integer and mapped networks are tracked with by the same loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nmcompile.trackers.crops import crop_square
from nmcompile.trackers.siamfc import context_side
from nmcompile.trackers.siamfcpp.params import SiamFCppParams

__all__ = ["MapsEngine", "Places", "SiamFCppTracker", "read"]

Image = npt.NDArray[np.uint8]
Maps = npt.NDArray[np.float64]
Box = npt.NDArray[np.float64]

SMALLEST_SIDE: Final = 10.0
"""A box never gets smaller than this, frame pixels."""
LARGEST_LOG: Final = 10.0
"""Of a distance in strides: a box that large is wrong, and exp stays finite."""


class MapsEngine(Protocol):
    """SiamFC++'s networks."""

    def set_template(self, crop: Image) -> None:
        """Take the exemplar, RGB uint8 `(H, W, 3)`."""

    def maps(self, crop: Image) -> Maps:
        """`(6, S, S)` of a search crop `(H, W, 3)`.

        Logits of score and centre, and the logarithms of the distances to the left, top, right and
        bottom side, in strides.
        """


class Places(NamedTuple):
    """What the maps say, place by place.

    Attributes:
        score: `(S, S)` class times centre-ness, 0..1.
        distances: `(4, S, S)` from a place to the sides of its box, search pixels.
        places: `(S,)` of columns and rows, search pixels from the middle of the crop.
    """

    score: Maps
    distances: Maps
    places: Maps

    def centre(self, row: int, column: int) -> Maps:
        """x, y of a place's box, search pixels from the middle of the crop."""
        left, top, right, bottom = self.distances[:, row, column]
        place = np.array([self.places[column], self.places[row]])
        return np.asarray(place + np.array([right - left, bottom - top]) / 2.0)


def read(maps: Maps, stride: int) -> Places:
    """Scores and distances of what a `MapsEngine` answered."""
    size = maps.shape[-1]
    return Places(
        _sigmoid(maps[0]) * _sigmoid(maps[1]),
        np.asarray(np.exp(np.minimum(maps[2:], LARGEST_LOG)) * stride),
        (np.arange(size) - (size - 1) / 2.0) * stride,
    )


class SiamFCppTracker:
    """State of one track: centre, size, template; one `step` per frame.

    Args:
        engine: The networks.
        params: The loop's hyperparameters.
        image: First frame, RGB uint8 (H, W, 3).
        init_box: x, y, w, h in pixels counted from 0.
    """

    def __init__(
        self, engine: MapsEngine, params: SiamFCppParams, image: Image, init_box: Sequence[float]
    ) -> None:
        self.engine = engine
        self.params = params
        x, y, width, height = (float(v) for v in init_box)
        self._centre = np.array([x + (width - 1.0) / 2.0, y + (height - 1.0) / 2.0])
        self._size = np.array([width, height])
        self._fill = image.mean(axis=(0, 1))
        line = np.hanning(params.score_size)
        self._window = np.outer(line, line)
        engine.set_template(self._crop(image, params.exemplar_size))

    @property
    def box(self) -> Box:
        """The present box: x, y, w, h in pixels counted from 0."""
        corner = self._centre - (self._size - 1.0) / 2.0
        return np.concatenate([corner, self._size])

    @property
    def _scale(self) -> float:
        """Crop pixels per frame pixel."""
        width, height = self._size
        return self.params.exemplar_size / context_side(width, height, self.params.context)

    def _crop(self, image: Image, out_size: int) -> Image:
        centre = (float(self._centre[0]), float(self._centre[1]))
        return crop_square(image, centre, out_size / self._scale, out_size, self._fill)

    def search_crop(self, image: Image) -> Image:
        """The crop around the present position."""
        return self._crop(image, self.params.search_size)

    def step(self, image: Image) -> Box:
        """Find the object in the next frame; returns its box."""
        maps = self.engine.maps(self.search_crop(image))
        self._update(maps, (image.shape[1], image.shape[0]))
        return self.box

    def _update(self, maps: Maps, frame: tuple[int, int]) -> None:
        """Take the box of the best place: its centre at once, its sides in part."""
        params, scale = self.params, self._scale
        found = read(maps, params.total_stride)
        score = found.score
        sizes = found.distances[:2] + found.distances[2:]
        penalty = self._penalty(sizes / scale)
        weight = params.window_influence
        mixed = (1.0 - weight) * penalty * score + weight * self._window
        row, column = divmod(int(mixed.argmax()), params.score_size)
        moved = found.centre(row, column)
        rate = params.size_rate * penalty[row, column] * score[row, column]
        limits = np.array(frame, np.float64)
        self._centre = np.clip(self._centre + moved / scale, 0.0, limits - 1.0)
        size = (1.0 - rate) * self._size + rate * sizes[:, row, column] / scale
        self._size = np.clip(size, np.minimum(SMALLEST_SIDE, limits), limits)

    def _penalty(self, sizes: Maps) -> npt.NDArray[np.float64]:
        """exp(-k (change of size x change of shape - 1)) of boxes `(2, S, S)`, frame pixels."""
        size = _change(_side(sizes) / _side(self._size))
        shape = _change(sizes[0] / sizes[1] / (self._size[0] / self._size[1]))
        penalty: npt.NDArray[np.float64] = np.exp(-self.params.change_penalty * (size * shape - 1))
        return penalty


def _side(sizes: Maps) -> npt.NDArray[np.float64]:
    """Side of the square around boxes of width `sizes[0]` and height `sizes[1]`, with context."""
    margin = (sizes[0] + sizes[1]) / 2.0
    return np.asarray(np.sqrt((sizes[0] + margin) * (sizes[1] + margin)))


def _change(ratio: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The ratio or its inverse, whichever is larger."""
    return np.maximum(ratio, 1.0 / ratio)


def _sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))
