"""Pairs for SiamFC++: rendered once into a folder, then drawn with random cuts and mirroring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import photos
import torch

from nmcompile.architectures.siamfcpp import SiamFCppConfig
from nmcompile.datasets.synthetic import PairRenderer, collage

COLLAGES: Final = 48
MARGIN: Final = 12
"""Search crops are rendered larger by this at every side and cut at random, pixels."""
MAX_SHIFT: Final = 32.0
SCALE_SPREAD: Final = 0.12
CHUNK: Final = 1000
"""Pairs per file."""
FOREIGN: Final = 0.1
"""Share of exemplars taken from another pair: the object is not there."""


@dataclass(frozen=True)
class Batch:
    """Training examples.

    Attributes:
        z: exemplars (N, 3, h, w) uint8. x: search crops (N, 3, H, W) uint8.
        boxes: centre x, y, width, height in search pixels (N, 4); width and height are NaN where
            the object has no outline.
        present: (N,) whether the exemplar's object is in the search crop.
    """

    z: torch.Tensor
    x: torch.Tensor
    boxes: torch.Tensor
    present: torch.Tensor


def render(folder: Path, config: SiamFCppConfig, count: int, seed: int, fetched: Path) -> None:
    """Render pairs from the training photographs into files of `CHUNK` pairs; old ones stay.

    Args:
        folder: for the files. config: sizes of the crops. count: pairs in all.
        seed: of everything. fetched: folder that `fetch_photos.py` wrote.
    """
    cv2.setNumThreads(0)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [folder / f"{k:03d}.npy" for k in range(-(-count // CHUNK))]
    if all(path.exists() for path in wanted):
        return
    pictures = photos.flat(photos.TRAINING, fetched)
    scenes = [collage(pictures, np.random.default_rng((seed, k))) for k in range(COLLAGES)]
    renderer = _renderer(pictures + scenes, config)
    for index, path in enumerate(wanted):
        if not path.exists():
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.save(file, _rendered(renderer, np.random.default_rng((seed, 1, index)), config))
            part.replace(path)


def _renderer(pictures: list[photos.Image], config: SiamFCppConfig) -> PairRenderer:
    size = config.search_size + 2 * MARGIN
    return PairRenderer(pictures, config.exemplar_size, size, MAX_SHIFT, SCALE_SPREAD)


def _record(config: SiamFCppConfig) -> np.dtype[np.void]:
    z, x = config.exemplar_size, config.search_size + 2 * MARGIN
    return np.dtype([("z", "u1", (z, z, 3)), ("x", "u1", (x, x, 3)), ("box", "f4", (4,))])


def _rendered(
    renderer: PairRenderer, rng: np.random.Generator, config: SiamFCppConfig, count: int = CHUNK
) -> npt.NDArray[np.void]:
    """Records; the box's centre is counted from the larger crop's middle."""
    records = np.zeros(count, _record(config))
    for record in records:
        pair = renderer.render(rng)
        size = (np.nan, np.nan) if pair.size is None else pair.size
        record["z"], record["x"], record["box"] = pair.exemplar, pair.search, (*pair.offset, *size)
    return records


class Pool:
    """The rendered pairs of a folder.

    Args:
        folder: that `render` wrote. config: sizes of the crops.
    """

    def __init__(self, folder: Path, config: SiamFCppConfig) -> None:
        self.config = config
        self.files = [np.load(p, mmap_mode="r") for p in sorted(folder.glob("*.npy"))]
        if not self.files:
            raise SystemExit(f"no pairs in {folder}")

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """A batch of random pairs, cut and mirrored at random, some with a foreign exemplar."""
        chosen = [self._record(rng) for _ in range(count)]
        cuts = rng.integers(0, 2 * MARGIN + 1, size=(count, 2))
        batch = cut(chosen, cuts, self.config)
        mirrored = torch.from_numpy(rng.random(count) < 0.5)
        batch.z[mirrored] = batch.z[mirrored].flip(3)
        batch.x[mirrored] = batch.x[mirrored].flip(3)
        batch.boxes[mirrored, 0] = self.config.search_size - 1 - batch.boxes[mirrored, 0]
        foreign = np.nonzero(rng.random(count) < FOREIGN)[0]
        batch.z[foreign] = batch.z.roll(1, 0)[foreign]
        batch.present[foreign] = False
        return batch

    def _record(self, rng: np.random.Generator) -> npt.NDArray[np.void]:
        file = self.files[int(rng.integers(len(self.files)))]
        return np.asarray(file[int(rng.integers(len(file)))])


def cut(
    records: list[npt.NDArray[np.void]], cuts: npt.NDArray[np.int64], config: SiamFCppConfig
) -> Batch:
    """A batch of records whose search crops start at `cuts` (N, 2), x and y."""
    size = config.search_size
    x = [r["x"][b : b + size, a : a + size] for r, (a, b) in zip(records, cuts, strict=True)]
    boxes = np.stack([r["box"] for r in records]).astype(np.float32)
    boxes[:, :2] += (size + 2 * MARGIN - 1) / 2 - cuts
    return Batch(
        torch.from_numpy(np.stack([r["z"] for r in records])).permute(0, 3, 1, 2),
        torch.from_numpy(np.stack(x)).permute(0, 3, 1, 2),
        torch.from_numpy(boxes),
        torch.ones(len(records), dtype=torch.bool),
    )


def held_out(config: SiamFCppConfig, count: int) -> Batch:
    """Pairs from photographs that training never sees, always the same."""
    return _fixed(photos.flat(photos.HELD_OUT), config, count, 1)


def calibration(config: SiamFCppConfig, count: int) -> npt.NDArray[np.uint8]:
    """Search crops (N, H, W, 3) that may be passed on: from photographs free to copy."""
    licences = ("CC0", "public domain", "CC BY ")
    free = [p for p in photos.INSTALLED if p.licence.startswith(licences)]
    crops = _fixed(photos.flat(free), config, count, 2).x
    return np.asarray(crops.permute(0, 2, 3, 1).contiguous().numpy(), np.uint8)


def _fixed(pictures: list[photos.Image], config: SiamFCppConfig, count: int, seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    records = _rendered(_renderer(pictures, config), rng, config, count)
    return cut(list(records), rng.integers(0, 2 * MARGIN + 1, size=(count, 2)), config)
