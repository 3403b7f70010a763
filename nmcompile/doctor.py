"""Independent checks of an installation; each failure names the command that repairs it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal

from nmcompile.data import data_origin, models_dir, targets_dir
from nmcompile.diagnostics import NmError

Status = Literal["ok", "warn", "fail", "skipped"]

TIME_LIMIT_S: Final = 120.0
CORE: Final = (
    "numpy",
    "numba",
    "scipy",
    "networkx",
    "h5py",
    "safetensors",
    "nir",
    "torch",
    "typer",
    "rich",
    "pydantic",
    "jinja2",
    "opencv-python-headless",
    "matplotlib",
    "imageio",
    "imageio-ffmpeg",
)
_LAVA_PROGRAM: Final = """
from nmcompile.backends.loihi.lava.compat import prepare
prepare()
import lava.magma.core.run_configs
"""
_NUMBA_PROGRAM: Final = "import numba; raise SystemExit(numba.njit(lambda x: x + 1)(41) != 42)"


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: what was checked.
        status: ``fail`` only for what nmcompile cannot work without.
        detail: what was found.
        fix: the command that repairs it.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""


def run_checks() -> Iterator[Check]:
    """Run all checks, one after the other; none depends on another."""
    yield _python()
    for name in CORE:
        yield _package(name)
    yield _data()
    yield from _targets()
    yield from _models()
    yield _numba()
    yield _lava()
    yield _temporary()


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    tested = sys.version_info[:2] == (3, 11)
    return Check("python", "ok" if tested else "warn", found if tested else f"{found}, untested")


def _package(name: str) -> Check:
    try:
        return Check(name, "ok", version(name))
    except PackageNotFoundError:
        return Check(name, "fail", "not installed", f"pip install {name}")


def _data() -> Check:
    try:
        folders = f"{targets_dir()}, {models_dir()}"
    except NmError as error:
        missing = error.diagnostics[0].where
        return Check(
            "data", "fail", f"missing: {missing}", "pip install --force-reinstall nmcompile"
        )
    return Check("data", "ok", f"{data_origin()}: {folders}")


def _targets() -> Iterator[Check]:
    from nmcompile.target import load_target, plugin_problems, target_names

    try:
        names = target_names()
    except NmError:
        return  # the data check has said it
    for name in names:
        try:
            yield Check(f"target {name}", "ok", load_target(name).digest[:12])
        except NmError as error:
            yield Check(f"target {name}", "fail", _first(error), "nmcompile targets validate")
    for problem in plugin_problems():
        yield Check(f"plugin {problem.where}", "warn", problem.found, problem.help[0])


def _models() -> Iterator[Check]:
    from nmcompile.models import model_card, model_names

    try:
        names = model_names()
    except NmError:
        return
    for name in names:
        try:
            card = model_card(name)
        except NmError as error:
            yield Check(f"model {name}", "warn", _first(error), f"nmcompile models info {name}")
            continue
        problem = card.problem()
        if problem:
            yield Check(f"model {name}", "warn", problem, "restore models/ or install again")
        else:
            yield Check(f"model {name}", "ok", card.sha256[:12])


def _first(error: NmError) -> str:
    first = error.diagnostics[0]
    return f"{first.where}: {first.message}"


def _numba() -> Check:
    problem = _run(_NUMBA_PROGRAM)
    if problem:
        return Check("numba compiles", "fail", problem, "pip install --force-reinstall numba")
    return Check("numba compiles", "ok", "a function compiled and ran")


def _lava() -> Check:
    from nmcompile.backends.loihi.lava.state import INSTALL, lava_version, require_lava

    found = lava_version() or "without a version"
    try:
        warnings = require_lava()
    except NmError as error:
        first = error.diagnostics[0]
        if first.code == "NM0701":
            detail = "not installed; needed by `run --engine lava` only"
            return Check("lava", "skipped", detail, INSTALL)
        return Check("lava", "warn", f"{found}: {first.message}, needs {first.limit}", INSTALL)
    problem = _run(_LAVA_PROGRAM)
    if problem:
        return Check("lava", "warn", f"{found} does not import: {problem}", INSTALL)
    if warnings:
        first = warnings[0]
        return Check("lava", "warn", f"{found} imports, but {first.message}", INSTALL)
    return Check("lava", "ok", f"{found} imports")


def _run(program: str) -> str:
    """Run a small program in another process; return what went wrong, or an empty string."""
    command = [sys.executable, "-c", program]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"no answer within {TIME_LIMIT_S:.0f} s"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def _temporary() -> Check:
    try:
        with tempfile.TemporaryFile() as stream:
            stream.write(b"nmcompile")
    except OSError as error:
        return Check("temporary folder", "fail", str(error), "set TMPDIR to a writable folder")
    return Check("temporary folder", "ok", tempfile.gettempdir())
