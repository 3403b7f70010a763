"""nmcompile takes a trained tracker and puts it on a neuromorphic chip.

The public names are resolved on first use, so that ``import nmcompile`` stays light: torch, numba
and the other heavy libraries load only when something needs them.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

__version__: Final = "0.1.0"

# public name -> "module:attribute"; the one place to edit when the public API moves
_PUBLIC: Final[dict[str, str]] = {
    "load": "nmcompile.frontends:load",
    "compile": "nmcompile.api:compile",
    "simulate": "nmcompile.api:simulate",
    "Target": "nmcompile.target:Target",
    "load_target": "nmcompile.target:load_target",
    "Deployment": "nmcompile.build.deployment:Deployment",
    "Report": "nmcompile.report:Report",
    "Diagnostic": "nmcompile.diagnostics:Diagnostic",
    "NmError": "nmcompile.diagnostics:NmError",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name from the module that defines it (PEP 562)."""
    try:
        module, attribute = _PUBLIC[name].split(":")
    except KeyError:
        raise AttributeError(f"module 'nmcompile' has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
