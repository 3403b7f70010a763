"""Reading a NIR file into nir's node objects, with limits on what HDF5 may refer to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends import refusals

if TYPE_CHECKING:
    import nir

MAX_OBJECTS: Final = 100_000
MAX_BYTES: Final = 4 * 2**30
MAX_RATIO: Final = 1000
"""gzip shrinks constant neuron parameters about as far."""
RATIO_FREE_BYTES: Final = 256 * 2**20


def read_nir(path: Path) -> nir.NIRGraph:
    """The graph in the file.

    Raises:
        NmError: NM0105 (damaged), NM0106 (too much, or links out of the file), NM0130 when the
            nir library does not accept the graph.
    """
    import nir

    _judge(path)
    try:
        graph = nir.read(str(path))
    except refusals.READ_ERRORS as error:
        raise _refused(path, error) from None
    if not isinstance(graph, nir.NIRGraph):
        raise refusals.foreign_hdf5(path, f"a single {type(graph).__name__} node, no graph")
    return graph


def _refused(path: Path, error: Exception) -> NmError:
    reason = (str(error) or type(error).__name__).split("\n", 1)[0]
    return NmError(
        Diagnostic(
            code="NM0130",
            message="the nir library does not accept the graph in this file",
            where=str(path),
            found=reason[:300],
            help=(
                "write the file again with nir 1.0.8 and the present version of its framework",
                "check it there: `nir.read(path)` must succeed",
            ),
        )
    )


def _judge(path: Path) -> None:
    """Walk the HDF5 objects without reading data; refuse what leaves the file or explodes."""
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
