"""Small models and hostile objects that several frontend tests share."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.data import DATA


class Evil:
    """Unpickling this creates the marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.marker}'",)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """The file that exists if hostile code ran."""
    return tmp_path / "it-ran"


@pytest.fixture
def evil(marker: Path) -> Evil:
    """An object whose unpickling runs a command."""
    return Evil(marker)


@pytest.fixture
def small_config() -> dict[str, object]:
    """A SiamFC of a few hundred weights: exemplar 79 -> 2x2, search 111 -> 6x6 features."""
    return {
        "channels": [4, 6, 6, 6, 4],
        "kernels": [7, 5, 3, 3, 3],
        "strides": [4, 2, 1, 1, 1],
        "groups": [1, 2, 1, 2, 2],
        "batch_norm": [True, True, False, True, False],
        "relu": [True, True, True, True, False],
        "exemplar_size": 79,
        "search_size": 111,
        "response_scale": 0.5,
        "response_bias": -0.25,
    }


@pytest.fixture
def model_data() -> Path:
    """The folder of third-party models; tests that need it are marked `data`."""
    return DATA


@pytest.fixture
def rewrite() -> Callable[[Path, Path, Mapping[str, bytes | None]], None]:
    """Copy a zip archive with members (by the end of their names) replaced, added or dropped."""

    def copy(source: Path, target: Path, changes: Mapping[str, bytes | None]) -> None:
        done = set()
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
            top = old.namelist()[0].split("/")[0]
            for name in old.namelist():
                end = name.removeprefix(top + "/")
                done.add(end)
                data = changes.get(end, old.read(name)) if end in changes else old.read(name)
                if data is not None:
                    new.writestr(name, data)
            for end, data in changes.items():
                if end not in done and data is not None:
                    new.writestr(f"{top}/{end}", data)

    return copy
