"""The diagnostics of files that are not loaded, one code per kind of file."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from nmcompile.diagnostics import Diagnostic, NmError, nearest

LOADABLE = (
    "a checkpoint (.pt), a torch.export archive (.pt2), a NIR graph (.nir) or a lava-dl network "
    "(.net)"
)
READ_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the libraries that read a format raise on malformed input, between them."""

SAVE_STATE_DICT = "save the weights alone: `torch.save(model.state_dict(), 'weights.pt')`"
WRAP = "then make a checkpoint of them: `nmcompile wrap weights.pt --architecture NAME`"


def missing(path: Path) -> NmError:
    """NM0101: nothing there."""
    return _refusal("NM0101", "the model file does not exist", path, help_=_nearby(path))


def not_a_file(path: Path, found: str) -> NmError:
    """NM0102: a folder, a device, or a file that cannot be opened."""
    help_ = (f"name the model file itself: {LOADABLE}",)
    return _refusal("NM0102", "the model path is not a readable file", path, found, help_=help_)


def empty(path: Path) -> NmError:
    """NM0103: zero bytes."""
    help_ = ("the download or the save was probably interrupted: fetch or save it again",)
    return _refusal("NM0103", "the model file is empty", path, "0 bytes", help_=help_)


def text(path: Path, first_line: str) -> NmError:
    """NM0104: readable text, which no model format is."""
    help_: tuple[str, ...] = (f"give {LOADABLE}",)
    if first_line.startswith("version https://git-lfs"):
        help_ = ("this is a Git LFS pointer: fetch the real file with `git lfs pull`",)
    elif first_line.lstrip().lower().startswith(("<!doctype", "<html")):
        help_ = ("this is a web page: download the file itself, not the page about it",)
    found = f"text that begins with {first_line[:40]!r}"
    return _refusal("NM0104", "the model file is a text file", path, found, help_=help_)


def damaged(path: Path, found: str) -> NmError:
    """NM0105: the format is recognised, but the file ends early or contradicts itself."""
    help_ = ("copy or download it again and compare its checksum",)
    message = "the model file is truncated or damaged"
    return _refusal("NM0105", message, path, found, help_=help_)


def bomb(path: Path, limit: str, found: str) -> NmError:
    """NM0106: an archive that would unpack to far more than it holds, or plays tricks."""
    message = "the archive is not unpacked: its table of contents is suspicious"
    help_ = ("save the model again with the program that made it",)
    return _refusal("NM0106", message, path, found, limit=limit, help_=help_)


def pickled(path: Path, wanted: str) -> NmError:
    """NM0107: a pickle that names classes or functions; loading it would run code."""
    return _refusal(
        "NM0107",
        "the file is a pickled Python object, and loading one would run code from it",
        path,
        f"it asks for `{wanted}`",
        help_=(
            "where the model's classes are defined and the file is trusted, " + SAVE_STATE_DICT,
            WRAP,
            "or export the model: `torch.export.save(torch.export.export(model, args), 'm.pt2')`",
        ),
    )


def torchscript(path: Path) -> NmError:
    """NM0108: a TorchScript archive."""
    return _refusal(
        "NM0108",
        "the file is a TorchScript archive, which holds code",
        path,
        help_=(
            "where the file is trusted, " + SAVE_STATE_DICT,
            "or export the original model with `torch.export.export`, not `torch.jit`",
        ),
    )


def unknown(path: Path, found: str) -> NmError:
    """NM0109: none of the known formats."""
    help_ = (f"give {LOADABLE}",)
    return _refusal("NM0109", "the format of the model file is not known", path, found, help_=help_)


def bare_weights(path: Path, found: str) -> NmError:
    """NM0112: weights without an architecture."""
    return _refusal(
        "NM0112",
        "the file holds weights, but not the architecture that they belong to",
        path,
        found,
        help_=(f"name it: `nmcompile wrap {path.name} --architecture NAME -o model.pt`",),
    )


def foreign_hdf5(path: Path, found: str) -> NmError:
    """NM0114: HDF5, but neither NIR nor lava-dl."""
    message = "the file is HDF5, but neither a NIR graph nor a lava-dl network"
    help_ = (
        "a NIR graph has the entries `version` and `node`; write one with `nir.write`",
        "a lava-dl network has the entry `layer`; write one with `export_hdf5`",
    )
    return _refusal("NM0114", message, path, found, help_=help_)


def unsafe_export(path: Path, found: str, *help_: str) -> NmError:
    """NM0118: a torch.export archive of an old layout, or with a part that would be unpickled."""
    again = "export again with a current torch: `torch.export.save(program, 'model.pt2')`"
    message = "this torch.export archive cannot be read as data alone"
    return _refusal("NM0118", message, path, found, help_=help_ or (again,))


def unwritable(path: Path, found: str) -> NmError:
    """NM0123: the checkpoint cannot be written."""
    return _refusal("NM0123", "the checkpoint cannot be written", path, found)


def _refusal(
    code: str,
    message: str,
    path: Path,
    found: str = "",
    *,
    limit: str = "",
    help_: tuple[str, ...] = (),
) -> NmError:
    return NmError(
        Diagnostic(
            code=code, message=message, where=str(path), limit=limit, found=found, help=help_
        )
    )


def _nearby(path: Path) -> tuple[str, ...]:
    """Names in the same folder that differ by a typing mistake."""
    if not path.parent.is_dir():
        return (f"the folder `{path.parent}` does not exist either",)
    near = nearest(path.name, (p.name for p in path.parent.iterdir() if p.is_file()))
    return (f"did you mean `{path.parent / near}`?",) if near else ()
