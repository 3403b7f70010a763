"""What a file is, by content and never by running it or trusting its name."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from nmcompile.diagnostics import NmError
from nmcompile.frontends import pickles, refusals
from nmcompile.frontends.archive import Archive, open_archive

Kind = Literal["checkpoint", "state_dict", "safetensors", "pt2", "nir", "net"]

HEAD_BYTES: Final = 4096
ZIP_MAGIC: Final = b"PK\x03\x04"
ZIP_END_MAGIC: Final = b"PK\x05\x06"
HDF5_MAGIC: Final = b"\x89HDF\r\n\x1a\n"
LEGACY_PICKLES: Final = 4
"""A file of old torch starts with four pickles: magic, protocol, system, the object."""


@dataclass(frozen=True)
class Sniffed:
    """What was found.

    Attributes:
        path: the file.
        kind: its format.
        archive: the table of contents, for zip-based formats.
    """

    path: Path
    kind: Kind
    archive: Archive | None = None


def sniff(path: Path) -> Sniffed:
    """Decide what the file at `path` is.

    Raises:
        NmError: NM0101 ... NM0109, NM0114, NM0118, one code per kind of refusal.
    """
    head = _head(path)
    if head.startswith(ZIP_MAGIC):
        return _zip(path)
    if head.startswith(ZIP_END_MAGIC):
        raise refusals.unknown(path, "an empty zip archive")
    if head.startswith(HDF5_MAGIC):
        return _hdf5(path)
    if pickles.is_legacy_torch(head):
        return Sniffed(path, _torch_object(path, _read(path), LEGACY_PICKLES))
    if _is_safetensors(path, head):
        return Sniffed(path, "safetensors")
    raise _other(path, head)


def _head(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise refusals.not_a_file(path, "a folder")
        if not stat.S_ISREG(mode):
            raise refusals.not_a_file(path, "a special file")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise refusals.missing(path) from None
    except (OSError, ValueError) as error:
        raise refusals.not_a_file(path, str(error)) from None
    if not head:
        raise refusals.empty(path)
    return head


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(pickles.SCAN_BYTES)


def _zip(path: Path) -> Sniffed:
    archive = open_archive(path)
    names = archive.sizes
    if "archive_format" in names or any(n.startswith("models/") for n in names):
        return Sniffed(path, "pt2", archive)
    if "serialized_exported_program.json" in names:
        raise refusals.unsafe_export(path, "the layout of torch before 2.8")
    if "constants.pkl" in names or any(n.startswith("code/") for n in names):
        raise refusals.torchscript(path)
    if "data.pkl" in names:
        data = archive.read("data.pkl", pickles.SCAN_BYTES)
        return Sniffed(path, _torch_object(path, data, 1), archive)
    if any(n.endswith(".npy") for n in names):
        raise refusals.unknown(path, "a numpy archive (.npz)")
    raise refusals.unknown(path, f"a zip archive with `{next(iter(names), '')}`")


def _torch_object(path: Path, data: bytes, count: int) -> Kind:
    """Checkpoint or state dict, or NM0107 / NM0105."""
    scan = pickles.scan(data, count)
    if scan.foreign is not None:
        raise refusals.pickled(path, scan.foreign)
    if not scan.complete:
        raise refusals.damaged(path, "the pickle inside ends early")
    pairs = zip(scan.texts, scan.texts[1:], strict=False)
    return "checkpoint" if ("format", "nmcompile") in pairs else "state_dict"


def _hdf5(path: Path) -> Sniffed:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            names = sorted(str(n) for n in file)
    except (OSError, RuntimeError, KeyError) as error:
        raise refusals.damaged(path, f"HDF5: {error}") from None
    if "node" in names:
        return Sniffed(path, "nir")
    if "layer" in names:
        return Sniffed(path, "net")
    raise refusals.foreign_hdf5(path, "entries " + ", ".join(f"`{n}`" for n in names[:5]))


def _is_safetensors(path: Path, head: bytes) -> bool:
    """Eight bytes of header length, then a JSON object of that length."""
    if len(head) < 10 or head[8:9] != b"{":
        return False
    (length,) = struct.unpack("<Q", head[:8])
    size = path.stat().st_size
    if length + 8 > size:
        # Text could look like this only with a length beyond any file.
        if length < 2**40 and not _is_text(head):
            raise refusals.damaged(path, f"safetensors header of {length} bytes in {size} bytes")
        return False
    return True


def _other(path: Path, head: bytes) -> NmError:
    if head[0] == 0x80:
        scan = pickles.scan(_read(path))
        wanted = scan.foreign or next(iter(scan.names), None)
        if wanted is not None:
            return refusals.pickled(path, wanted)
        if scan.complete:
            return refusals.unknown(path, "a pickle without tensors")
    if _is_text(head):
        return refusals.text(path, head.decode("utf-8", "replace").split("\n", 1)[0])
    if head[257:262] == b"ustar":
        return refusals.unknown(path, "a tar archive")
    if head[:2] == b"\x1f\x8b":
        return refusals.unknown(path, "gzip-compressed data")
    return refusals.unknown(path, f"bytes {head[:8].hex(' ')}")


def _is_text(head: bytes) -> bool:
    try:
        # The head may end inside a character.
        text = head.decode("utf-8") if len(head) < HEAD_BYTES else head[:-4].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\t\n\r\f" for c in text)
