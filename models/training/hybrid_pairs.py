"""Training examples of both DashNet networks out of filmed scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from nmcompile.trackers.dashnet.attention import attended, jittered
from nmcompile.trackers.dashnet.view import View
from training.hybrid_films import PICTURE_STEP, SUBSTEPS, Record

Box = npt.NDArray[np.float64]
Batch = tuple[torch.Tensor, torch.Tensor]

WHITE: Final = 255.0


@dataclass(frozen=True)
class Shape:
    """What the networks take.

    Attributes:
        size: side of the input, pixels. timesteps: T. sigma: of the attention mask, pixels.
    """

    size: int
    timesteps: int
    sigma: float


class Examples:
    """Draws examples from records.

    Args:
        records: filmed scenes. shape: of the networks' inputs. seed: of every choice.
    """

    def __init__(self, records: Sequence[Record], shape: Shape, seed: int) -> None:
        self._records = records
        self._shape = shape
        self._rng = np.random.default_rng([seed, 0xE8])

    def frame(self) -> tuple[npt.NDArray[np.uint8], Box]:
        """One input of the ANN, (2, S, S) of 0..255, and its box."""
        # Half as in the hybrid tracker, whose last box is one event window old, half older: up to
        # a whole frame, as when the ANN tracks alone.
        oldest = PICTURE_STEP if self._rng.random() < 0.5 else SUBSTEPS
        record, now, view, last = self._place(PICTURE_STEP, oldest, PICTURE_STEP)
        image = view.look(record.pictures[now // PICTURE_STEP], self._shape.size)
        image = attended(image, view.inward(last), self._shape.sigma)
        return image, view.inward(record.boxes[now])

    def window(self) -> tuple[npt.NDArray[np.uint8], Box]:
        """One input of the SNN, (T, 2, S, S) of 0 and 1, and its box."""
        steps = self._shape.timesteps
        record, now, view, _ = self._place(steps, 2, 1)
        train = view.spikes(record.window(now, steps), now, steps, steps, self._shape.size)
        return train, view.inward(record.boxes[now])

    def _place(self, first: int, oldest: int, step: int) -> tuple[Record, int, View, Box]:
        """A record, a substep, the view of the jittered last box, and that box (eq. 12)."""
        rng = self._rng
        while True:
            record = self._records[int(rng.integers(len(self._records)))]
            now = int(rng.integers(first, len(record.boxes) - 1)) // step * step
            before = max(0, now - int(rng.integers(1, oldest + 1)))
            known = np.isfinite(record.boxes[[now, before]]).all()
            if known and now >= first:
                break
        true = View.around(record.boxes[before])
        last = true.outward(jittered(true.inward(record.boxes[before]), rng))
        return record, now, View.around(last), last


class Pool:
    """Examples of both networks, drawn once and then used in ever new variations.

    Args:
        examples: where they come from. frames: how many for the ANN. windows: for the SNN.
        seed: of order and variations.
    """

    def __init__(self, examples: Examples, frames: int, windows: int, seed: int) -> None:
        drawn = [examples.frame() for _ in range(frames)]
        if drawn:
            self._images = torch.from_numpy(np.stack([image for image, _ in drawn]))
            self._image_boxes = _boxes([box for _, box in drawn])
        trains, boxes = [], []
        for _ in range(windows):
            train, box = examples.window()
            pooled = _pooled(train)
            trains.append(np.packbits(pooled))
            boxes.append(box)
            self._pooled_shape = pooled.shape
        if trains:
            self._trains, self._train_boxes = np.stack(trains), _boxes(boxes)
        self._random = torch.Generator().manual_seed(seed)

    def frames(self, count: int) -> Batch:
        """Mirrored, lightened, noisy images (B, 2, S, S) of 0..1 and their boxes (B, 4)."""
        chosen = self._choice(len(self._images), count)
        images = self._images[chosen] / WHITE
        gain = self._between(0.6, 1.3, (count, 1, 1, 1))
        noise = torch.randn(images.shape, generator=self._random)
        noise *= self._between(0.0, 0.025, (count, 1, 1, 1)) * (images > 0)
        images = (images * gain + noise).clamp_(0.0, 1.0)
        return self._mirrored(images, self._image_boxes[chosen])

    def windows(self, count: int) -> Batch:
        """Pooled windows (T, B, 2, S / 2, S / 2) of 0 and 1, varied likewise, and boxes (B, 4)."""
        chosen = self._choice(len(self._trains), count)
        trains = self._unpacked(chosen)
        if self._coin():
            trains = trains.flip(2)
        kept = self._between(0.6, 1.0, (1, count, 1, 1, 1))
        added = self._between(0.0, 0.008, (1, count, 1, 1, 1))
        random = torch.rand(trains.shape, generator=self._random)
        trains = torch.where(trains > 0, random < kept, random < added).float()
        return self._mirrored(trains, self._train_boxes[chosen])

    def all_frames(self) -> Batch:
        """Every image as drawn."""
        return self._images / WHITE, self._image_boxes

    def all_windows(self) -> Batch:
        """Every pooled window as drawn."""
        return self._unpacked(torch.arange(len(self._trains))), self._train_boxes

    def _unpacked(self, chosen: torch.Tensor) -> torch.Tensor:
        bits = np.unpackbits(self._trains[chosen.numpy()], axis=1)
        size = int(np.prod(self._pooled_shape))
        trains = bits[:, :size].reshape(-1, *self._pooled_shape).swapaxes(0, 1)
        return torch.from_numpy(np.ascontiguousarray(trains)).float()

    def _mirrored(self, planes: torch.Tensor, boxes: torch.Tensor) -> Batch:
        boxes = boxes.clone()
        for axis in (0, 1):
            if self._coin():
                planes = planes.flip(-1 - axis)
                boxes[:, axis] = 1.0 - boxes[:, axis]
        return planes, boxes

    def _choice(self, size: int, count: int) -> torch.Tensor:
        return torch.randint(size, (count,), generator=self._random)

    def _coin(self) -> bool:
        return bool(torch.rand((), generator=self._random) < 0.5)

    def _between(self, low: float, high: float, shape: tuple[int, ...]) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=self._random)


def _pooled(train: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The SNN's first layer, an OR over 2 x 2, which needs no gradient."""
    steps, polarities, height, width = train.shape
    blocks = train.reshape(steps, polarities, height // 2, 2, width // 2, 2)
    return np.asarray(blocks.max(axis=(3, 5)))


def _boxes(boxes: Sequence[Box]) -> torch.Tensor:
    return torch.from_numpy(np.stack(boxes)).float()
