"""HDF5 files are walked before anything is read: no links, no other files, bounded sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from nmcompile.frontends import refusals

MAX_OBJECTS: Final = 100_000
MAX_BYTES: Final = 4 * 2**30
MAX_RATIO: Final = 1000
"""gzip shrinks constant neuron parameters about as far."""
RATIO_FREE_BYTES: Final = 256 * 2**20


def judge(path: Path) -> None:
    """Walk the HDF5 objects without reading data; refuse what leaves the file or explodes.

    Raises:
        NmError: NM0105 (damaged), NM0106 (too much, links, or data in another file).
    """
    import h5py

    visited: set[int] = set()
    objects, total, limit = 0, 0, max(RATIO_FREE_BYTES, MAX_RATIO * path.stat().st_size)
    try:
        with h5py.File(path, "r") as file:
            visited.add(h5py.h5o.get_info(file["/"].id).addr)
            pending: list[tuple[str, Any]] = [("", file)]
            while pending:
                name, group = pending.pop()
                for key in group:
                    where = f"{name}/{key}"
                    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                        raise refusals.bomb(path, "no links", f"`{where}` is a link")
                    item = group[key]
                    objects += 1
                    if objects > MAX_OBJECTS:
                        raise refusals.bomb(path, f"{MAX_OBJECTS} objects", "more")
                    if isinstance(item, h5py.Group):
                        address = h5py.h5o.get_info(item.id).addr
                        if address in visited:
                            raise refusals.bomb(path, "a tree", f"`{where}` leads back")
                        visited.add(address)
                        pending.append((where, item))
                        continue
                    total += _bytes_of(path, where, item)
                    if total > min(limit, MAX_BYTES):
                        found = f"{total} bytes up to `{where}`"
                        raise refusals.bomb(path, f"{min(limit, MAX_BYTES)} bytes", found)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise refusals.damaged(path, f"HDF5: {error}") from None


def _bytes_of(path: Path, where: str, item: Any) -> int:
    if not hasattr(item, "nbytes"):
        raise refusals.bomb(path, "groups and arrays", f"`{where}` is neither")
    if item.is_virtual or item.external:
        raise refusals.bomb(path, "data inside the file", f"`{where}` lies in another file")
    return int(item.nbytes)
