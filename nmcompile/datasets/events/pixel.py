"""A DVS pixel as circuits are: logarithmic, slow in the dark, uneven, leaking and noisy.

After the model that Hu, Liu and Delbruck describe (v2e, CVPR Workshops 2021), written anew:
logarithm that is linear in the dark; first-order low pass whose bandwidth grows with intensity;
thresholds that differ from pixel to pixel; a memorised brightness that leaks towards ON events;
shot noise that is stronger in the dark. What a pixel has not yet reported stays in its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.interpolation import Grey
from nmcompile.datasets.events.keyed import keyed_normal, keyed_uniform
from nmcompile.datasets.events.placing import numbered, placed
from nmcompile.datasets.events.stream import EventStream, concatenated

__all__ = ["CLEAN", "NOISY", "PixelOptions", "log_response", "pixel_events"]

_LINEAR_BELOW: Final = 20.0
"""Grey level under which the response is linear."""
_BRIGHT_NOISE: Final = 0.25
"""Shot noise at full brightness, in parts of that in the dark."""
_SMALLEST_THRESHOLD: Final = 0.01
_NOISE_KEY, _TIME_KEY, _THRESHOLD_KEY, _START_KEY = range(4)


@dataclass(frozen=True, slots=True)
class PixelOptions:
    """Properties of the sensor.

    Attributes:
        on_threshold: mean threshold of ON events, change of the natural logarithm of intensity.
        off_threshold: the same of OFF events.
        mismatch: standard deviation of thresholds between pixels, in the same unit.
        bandwidth_hz: cut-off frequency at full brightness, 0 for none.
        leak_hz: ON events per second and pixel that leakage causes.
        shot_noise_hz: noise events per second and pixel in the dark, both polarities.
        seed: of mismatch and noise.
    """

    on_threshold: float = 0.2
    off_threshold: float = 0.2
    mismatch: float = 0.02
    bandwidth_hz: float = 0.0
    leak_hz: float = 0.0
    shot_noise_hz: float = 0.0
    seed: int = 0


CLEAN: Final = PixelOptions()
"""v2e's own `clean` setting."""
NOISY: Final = PixelOptions(mismatch=0.05, bandwidth_hz=30.0, leak_hz=0.1, shot_noise_hz=5.0)
"""v2e's own `noisy` setting: a DVS in little light."""


def log_response(picture: Grey) -> npt.NDArray[np.float64]:
    """Natural logarithm of grey levels 0..255, linear from 0 up to level 20."""
    levels = picture.astype(np.float64)
    slope = np.log(_LINEAR_BELOW) / _LINEAR_BELOW
    return np.where(
        levels <= _LINEAR_BELOW, slope * levels, np.log(np.maximum(levels, _LINEAR_BELOW))
    )


def pixel_events(
    pictures: Iterable[Grey], times_us: Sequence[int], options: PixelOptions = CLEAN
) -> EventStream:
    """The events of a film: one picture for every time, at least one.

    Args:
        pictures: (H, W) grey levels 0..255 each; the finer the film, the truer the events.
        times_us: increasing.
        options: the sensor.
    """
    film = iter(pictures)
    first = next(film)
    state = _Pixels(first, options)
    parts = [
        state.step(picture, start_us, end_us)
        for (start_us, end_us), picture in zip(pairwise(times_us), film, strict=True)
    ]
    height, width = first.shape
    return concatenated(parts, width, height)


class _Pixels:
    """The state of all pixels: low-passed and memorised brightness."""

    def __init__(self, first: Grey, options: PixelOptions) -> None:
        self.options = options
        self.height, self.width = first.shape
        y, x = np.mgrid[: self.height, : self.width]
        self._place = (y << 16) | x  # a pixel's key, whatever the size of the sensor
        self._on = self._thresholds(options.on_threshold, 1)
        self._off = self._thresholds(options.off_threshold, 0)
        self._seen = log_response(first)
        self._memory = self._seen.copy()
        if options.leak_hz > 0.0:  # otherwise all pixels would leak into an event at once
            self._memory -= self._on * keyed_uniform(options.seed, _START_KEY, self._place)

    def _thresholds(self, mean: float, polarity: int) -> npt.NDArray[np.float64]:
        if not self.options.mismatch:
            return np.full((self.height, self.width), mean)
        spread = keyed_normal(self.options.seed, _THRESHOLD_KEY, polarity, self._place)
        return np.maximum(mean + self.options.mismatch * spread, _SMALLEST_THRESHOLD)

    def step(self, picture: Grey, start_us: int, end_us: int) -> EventStream:
        """Events from the last picture, at `start_us`, to this one."""
        options, seconds = self.options, (end_us - start_us) * 1e-6
        target = log_response(picture)
        if options.bandwidth_hz > 0.0:
            share = 2.0 * np.pi * options.bandwidth_hz * seconds * (picture + 20.0) / 275.0
            self._seen += np.minimum(share, 1.0) * (target - self._seen)
        else:
            self._seen = target
        if options.leak_hz > 0.0:
            self._memory -= options.leak_hz * seconds * self._on
        change = self._seen - self._memory
        brighter = np.floor(np.maximum(change, 0.0) / self._on)
        darker = np.floor(np.maximum(-change, 0.0) / self._off)
        self._memory += brighter * self._on - darker * self._off
        counts = brighter + darker  # one of them is 0
        pixel, number = numbered(counts)
        # evenly spaced inside the interval
        position = (number + 1.0) / (counts.ravel()[pixel] + 1.0)
        on = change.ravel()[pixel] > 0.0
        noisy, noisy_on, noisy_position = self._noise(picture, start_us, seconds)
        position = np.concatenate([position, noisy_position])
        t_us = start_us + (position * (end_us - start_us)).astype(np.int64)
        return placed(
            t_us,
            np.concatenate([pixel, noisy]),
            np.concatenate([on, noisy_on]),
            self.width,
            self.height,
        )

    def _noise(
        self, picture: Grey, start_us: int, seconds: float
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """Pixels, polarities and positions in the interval of noise events."""
        options = self.options
        if options.shot_noise_hz <= 0.0:
            return np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0)
        rate = options.shot_noise_hz * (1.0 + (_BRIGHT_NOISE - 1.0) * picture / 255.0)
        chance = 0.5 * rate * seconds
        draw = keyed_uniform(options.seed, _NOISE_KEY, start_us, self._place)
        on, off = draw < chance, draw > 1.0 - chance
        pixel = np.flatnonzero(on | off)
        # such a pixel memorises what it sees at that moment, as after any other event
        self._memory.ravel()[pixel] = self._seen.ravel()[pixel]
        place = self._place.ravel()[pixel]
        position = keyed_uniform(options.seed, _TIME_KEY, start_us, place)
        return pixel, on.ravel()[pixel], position[: len(pixel)]
