"""Where the files that come with nmcompile lie: ``targets/`` and ``models/``.

In a checkout they lie beside the package; in an installed wheel they are package data under
``nmcompile/_data``. Nothing else may compute these paths.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from nmcompile.diagnostics import Diagnostic, NmError

_PACKAGE: Final = Path(__file__).resolve().parent


def data_origin() -> Literal["checkout", "wheel"]:
    """Whether nmcompile runs from a checkout or from an installed wheel."""
    return "wheel" if (_PACKAGE / "_data").is_dir() else "checkout"


def _folder(name: str) -> Path:
    root = _PACKAGE / "_data" if data_origin() == "wheel" else _PACKAGE.parent
    folder = root / name
    if not folder.is_dir():
        raise NmError(
            Diagnostic(
                code="NM0601",
                message=f"the folder `{name}` that comes with nmcompile is missing",
                where=str(folder),
                help=("install nmcompile again, or run it from a complete checkout",),
            )
        )
    return folder


def targets_dir() -> Path:
    """The folder of the built-in target files.

    Raises:
        NmError: NM0601, the installation is incomplete.
    """
    return _folder("targets")


def models_dir() -> Path:
    """The folder of the shipped models, one sub-folder with a ``card.toml`` each.

    Raises:
        NmError: NM0601, the installation is incomplete.
    """
    return _folder("models")
