"""The backends: built in, and installed under the entry point group `nmcompile.backends`.

An entry point names a class without arguments that satisfies `Backend`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from nmcompile.backends.base import Backend
from nmcompile.backends.example import ExampleBackend
from nmcompile.backends.loihi.backend import LoihiBackend
from nmcompile.backends.tianjic.backend import TianjicBackend
from nmcompile.backends.truenorth.backend import TrueNorthBackend
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.target import Target

GROUP = "nmcompile.backends"
BUILT_IN: tuple[Backend, ...] = (
    *(LoihiBackend(), ExampleBackend(), TrueNorthBackend()),
    TianjicBackend(),
)


@cache
def backends() -> dict[str, Backend]:
    """All backends by name; a built-in one is never replaced by an installed one."""
    found: dict[str, Backend] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        backend: Backend = point.load()()
        found[backend.name] = backend
    return found | {backend.name: backend for backend in BUILT_IN}


def backend_named(name: str) -> Backend:
    """The backend called `name`.

    Raises:
        NmError: NM0310 when there is none.
    """
    known = backends()
    if name not in known:
        raise NmError(
            Diagnostic(
                code="NM0310",
                message=f"there is no backend `{name}`",
                found=name,
                limit=", ".join(sorted(known)),
                help=("install the package that provides it, or correct the target's `backend`",),
            )
        )
    return known[name]


def backend_of(target: Target) -> Backend:
    """The backend of a target.

    Raises:
        NmError: NM0310 when it is not installed.
    """
    return backend_named(target.backend)
