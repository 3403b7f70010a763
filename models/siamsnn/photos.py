"""The freely licensed photographs that the shipped tracker is trained on, and who made them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

# file -> (package that brings it, folder in it, licence and origin as stated by that package)
_SKIMAGE: Final = ("skimage", "data")
_SKLEARN: Final = ("sklearn", "datasets/images")
_MATPLOTLIB: Final = ("matplotlib", "mpl-data/sample_data")

TRAINING: Final[Mapping[str, tuple[tuple[str, str], str]]] = {
    "astronaut.png": (_SKIMAGE, "public domain, NASA"),
    "brick.png": (_SKIMAGE, "CC0, CC0Textures"),
    "camera.png": (_SKIMAGE, "CC0, Lav Varshney"),
    "cell.png": (_SKIMAGE, "CC0, Paul Mueller et al."),
    "coins.png": (_SKIMAGE, "no known copyright restrictions, Brooklyn Museum"),
    "grass.png": (_SKIMAGE, "CC0, linolafett on DeviantArt"),
    "gravel.png": (_SKIMAGE, "CC0, CC0Textures"),
    "horse.png": (_SKIMAGE, "CC0, Andreas Preuss"),
    "hubble_deep_field.jpg": (_SKIMAGE, "public domain, NASA"),
    "ihc.png": (_SKIMAGE, "no known copyright restrictions, CMM Karolinska"),
    "logo.png": (_SKIMAGE, "BSD-3-Clause, scikit-image"),
    "retina.jpg": (_SKIMAGE, "CC0, Mikael Haggstrom"),
    "text.png": (_SKIMAGE, "public domain, Wikipedia"),
    "china.jpg": (_SKLEARN, "CC BY 2.0, danielbuechele on Flickr"),
    "flower.jpg": (_SKLEARN, "CC BY 2.0, vultilion on Flickr"),
    "grace_hopper.jpg": (_MATPLOTLIB, "public domain, United States Navy"),
}

# Never trained on: validation pairs and the demonstration sequence come from these.
HELD_OUT: Final[Mapping[str, tuple[tuple[str, str], str]]] = {
    "chelsea.png": (_SKIMAGE, "CC0, Stefan van der Walt"),
    "coffee.png": (_SKIMAGE, "CC0, Rachel Michetti"),
    "rocket.jpg": (_SKIMAGE, "public domain, SpaceX"),
}

LONGEST_SIDE: Final = 720


def load(photos: Mapping[str, tuple[tuple[str, str], str]]) -> dict[str, npt.NDArray[np.uint8]]:
    """Read photographs as RGB, shrunk to at most 720 pixels; needs the packages that bring them."""
    return {name: _read(name, place) for name, (place, _) in photos.items()}


def _read(name: str, place: tuple[str, str]) -> npt.NDArray[np.uint8]:
    package, folder = place
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            f"{name} comes with {package}: pip install scikit-image scikit-learn matplotlib"
        )
    path = Path(spec.submodule_search_locations[0]) / folder / name
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"cannot read {name} from the installed {package}")
    factor = LONGEST_SIDE / max(image.shape[:2])
    if factor < 1.0:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
