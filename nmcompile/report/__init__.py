"""The report: one versioned report.json, and the renderers that read nothing else."""

from __future__ import annotations

import importlib
from typing import Any, Final

_PUBLIC: Final[dict[str, str]] = {
    "Report": "nmcompile.report.schema:Report",
    "assemble": "nmcompile.report.assemble:assemble",
    "report_from_json": "nmcompile.report.serialise:report_from_json",
    "report_to_json": "nmcompile.report.serialise:report_to_json",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that the package itself stays light (PEP 562)."""
    try:
        module, attribute = _PUBLIC[name].split(":")
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), attribute)
