"""Zip archives from strangers: the table of contents is judged before anything is unpacked."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nmcompile.frontends import refusals

MAX_ENTRIES: Final = 20_000
MAX_TOTAL_BYTES: Final = 8 * 2**30
MAX_RATIO: Final = 100
RATIO_FREE_BYTES: Final = 64 * 2**20
"""Below this total the ratio does not matter: small archives of zeros are harmless."""

ENCRYPTED: Final = 0x1


@dataclass(frozen=True)
class Archive:
    """The table of contents of an accepted zip archive.

    Attributes:
        path: the file.
        top: name of its single top folder with a slash, or "" without one.
        sizes: unpacked size in bytes of each member, names without `top`.
    """

    path: Path
    top: str
    sizes: dict[str, int]

    def read(self, name: str, limit_bytes: int = MAX_TOTAL_BYTES) -> bytes:
        """The bytes of one member.

        Raises:
            NmError: NM0105 when it is missing or damaged, NM0106 when it exceeds `limit_bytes`.
        """
        if name not in self.sizes:
            raise refusals.damaged(self.path, f"the archive has no member `{name}`")
        if self.sizes[name] > limit_bytes:
            found = f"`{name}` unpacks to {self.sizes[name]} bytes"
            raise refusals.bomb(self.path, f"{limit_bytes} bytes for this member", found)
        try:
            with zipfile.ZipFile(self.path) as file:
                return file.read(self.top + name)
        except refusals.READ_ERRORS as error:
            raise refusals.damaged(self.path, f"member `{name}`: {error}") from None


def open_archive(path: Path) -> Archive:
    """Judge the table of contents of the zip archive at `path`.

    Raises:
        NmError: NM0105 without a readable table of contents; NM0106 when it promises too
            much data or too many entries, or names a member twice.
    """
    try:
        with zipfile.ZipFile(path) as file:
            entries = file.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refusals.damaged(path, f"no readable zip directory ({error})") from None
    _judge(path, entries)
    names = [e.filename for e in entries]
    tops = {n.split("/", 1)[0] + "/" if "/" in n else "" for n in names}
    top = tops.pop() if len(tops) == 1 else ""
    return Archive(path, top, {e.filename[len(top) :]: e.file_size for e in entries})


def _judge(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise refusals.bomb(path, f"{MAX_ENTRIES} entries", f"{len(entries)} entries")
    total = sum(e.file_size for e in entries)
    if total > MAX_TOTAL_BYTES:
        raise refusals.bomb(path, f"{MAX_TOTAL_BYTES} bytes unpacked", f"{total} bytes unpacked")
    size = path.stat().st_size
    if total > RATIO_FREE_BYTES and total > MAX_RATIO * size:
        raise refusals.bomb(path, f"{MAX_RATIO} times its size", f"{total // size} times its size")
    seen: set[str] = set()
    for entry in entries:
        # Two programs may pick different ones of two equal names: what is checked is not loaded.
        if entry.filename in seen:
            raise refusals.bomb(path, "one member per name", f"two called `{entry.filename}`")
        seen.add(entry.filename)
        if entry.flag_bits & ENCRYPTED:
            raise refusals.damaged(path, f"member `{entry.filename}` is encrypted")
