"""Render the demonstration sequence from photographs that the tracker never saw in training.

    python models/siamsnn/make_sequence.py --out models/siamsnn/sequence

A cup (from "coffee") moves over a cat (from "chelsea"); two similar objects are in the scene and
one passes in front. OTB layout: `img/0001.jpg` ... and `groundtruth_rect.txt`, counted from 1.
Needs scikit-image, for the two photographs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import photos

from nmcompile.datasets.film import FilmOptions, render_film
from nmcompile.datasets.sprites import SPRITE_SIZE, Sprite

OPTIONS: Final = FilmOptions(
    frames=60, width=320, height=240, object_size=46.0, speed=3.2, noise=2.0, quality=0
)
SEED: Final = 11
JPEG_QUALITY: Final = 62
CUP: Final = (172, 20, 205, 205)  # x, y, w, h of cup and handle in the photograph


def cup() -> Sprite:
    """The cup, cut out with an oval mask."""
    x, y, width, height = CUP
    (photo,) = photos.load(photos.HELD_OUT)["skimage/coffee.png"]
    cut = photo[y : y + height, x : x + width]
    image = cv2.resize(cut, (SPRITE_SIZE, SPRITE_SIZE), interpolation=cv2.INTER_AREA)
    mask = np.zeros((SPRITE_SIZE, SPRITE_SIZE), np.uint8)
    middle = SPRITE_SIZE // 2
    cv2.ellipse(mask, (middle, middle), (middle - 1, middle - 1), 0, 0, 360, (255,), -1)
    alpha = cv2.GaussianBlur(mask, (0, 0), 1.0).astype(np.float32) / np.float32(255.0)
    return Sprite(np.asarray(image, np.uint8), alpha)


def main() -> None:
    """Write the sequence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    held = photos.load(photos.HELD_OUT)
    objects = [*held["skimage/rocket.jpg"], *held["skimage/coffee.png"]]
    (background,) = held["skimage/chelsea.png"]
    images = args.out / "img"
    images.mkdir(parents=True, exist_ok=True)
    lines = []
    film = render_film(objects, background, np.random.default_rng(SEED), OPTIONS, cup())
    for number, (frame, box) in enumerate(film, start=1):
        path = images / f"{number:04d}.jpg"
        picture = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        x, y, width, height = box
        lines.append(f"{x + 1:.2f},{y + 1:.2f},{width:.2f},{height:.2f}\n")
    (args.out / "groundtruth_rect.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
