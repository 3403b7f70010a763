"""The report of an unexpected error: versions, arguments and traceback, never a weight."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import tempfile
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from nmcompile import __version__
from nmcompile.diagnostics import Diagnostic

_LIBRARIES: Final = ("numpy", "numba", "torch", "nir", "pydantic", "typer", "lava-nc")


def crash_diagnostic(error: BaseException) -> Diagnostic:
    """Save a crash report in the temporary folder and return the apology."""
    first = (str(error).splitlines() or [""])[0]
    return Diagnostic(
        code="NM0901",
        message="nmcompile made a mistake; sorry",
        found=f"{type(error).__name__}: {first[:200]}",
        notes=(f"a crash report without model data is in {_saved(error)}",),
        help=("please report it with that file; --debug shows the traceback",),
    )


def _saved(error: BaseException) -> str:
    lines = traceback.format_exception(error)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()[:12]
    content = {
        "nmcompile": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "arguments": sys.argv[1:],
        "traceback": lines,
    }
    path = Path(tempfile.gettempdir()) / f"crash-{digest}.json"
    try:
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    except OSError as reason:
        return f"no file ({reason.strerror})"
    return str(path)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
