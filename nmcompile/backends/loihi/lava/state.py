"""Whether the installed Lava is one that is known to work, without importing it."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from nmcompile.diagnostics import Diagnostic, NmError

KNOWN: Final = "0.10.0"
"""The version of lava-nc that everything was compared with."""
OLDEST: Final = (0, 9)
"""Versions before this one lack process models that emitted packages use."""
NEWEST_NUMPY: Final = (2, 4)
"""The newest numpy with which emitted networks were seen to compute the same."""
INSTALL: Final = f"pip install --ignore-requires-python --only-binary :all: lava-nc=={KNOWN}"


def require_lava() -> tuple[Diagnostic, ...]:
    """Refuse a Lava that cannot work; return warnings about one that nobody tried.

    Raises:
        NmError: NM0701 when it is not installed, NM0707 when it is too old.
    """
    if importlib.util.find_spec("lava") is None:
        raise NmError(
            Diagnostic(
                code="NM0701",
                message="Lava is not installed",
                limit=f"lava-nc {KNOWN}",
                help=(f"install it: {INSTALL}", "or run without `--engine lava`"),
            )
        )
    found = lava_version()
    if found and release(found) < OLDEST:
        raise NmError(
            Diagnostic(
                code="NM0707",
                message="this Lava is too old",
                limit=f"lava-nc {'.'.join(map(str, OLDEST))} or newer, known to work: {KNOWN}",
                found=found,
                help=(f"install another one: {INSTALL}",),
            )
        )
    return (*_other_version(found), *_new_numpy())


def lava_version() -> str:
    """Version of the distribution lava-nc, "" when the package does not come from one."""
    try:
        return version("lava-nc")
    except PackageNotFoundError:
        return ""


def release(text: str) -> tuple[int, ...]:
    """The leading numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])


def _other_version(found: str) -> tuple[Diagnostic, ...]:
    if found == KNOWN:
        return ()
    return (
        Diagnostic(
            code="NM0708",
            message="nobody has compared this version of Lava with nmcompile",
            limit=f"lava-nc {KNOWN}",
            found=found or "no version: it was not installed as lava-nc",
            help=(f"if it fails, install the known one: {INSTALL}",),
            severity="warning",
        ),
    )


def _new_numpy() -> tuple[Diagnostic, ...]:
    found = version("numpy")
    if release(found)[:2] <= NEWEST_NUMPY:
        return ()
    return (
        Diagnostic(
            code="NM0709",
            message=f"Lava {KNOWN} is older than this numpy, and nobody has tried both together",
            limit="numpy " + ".".join(map(str, NEWEST_NUMPY)),
            found=found,
            help=("if Lava fails or hangs: pip install 'numpy<2.5'",),
            severity="warning",
        ),
    )
