"""What nmcompile says to its user when something is wrong, and how it says it.

Raise ``NmError(Diagnostic(code=..., message=..., where=..., limit=..., found=..., help=(...,)))``.
To report several independent errors together, collect them in a :class:`DiagnosticBag`.
Every code has an explanation page in ``pages/NMxxxx.md``; see :mod:`nmcompile.diagnostics.explain`.
"""

from __future__ import annotations

from nmcompile.diagnostics.diagnostic import Diagnostic, DiagnosticBag, NmError, Severity
from nmcompile.diagnostics.exit_codes import ExitCode, exit_code_of
from nmcompile.diagnostics.explain import explain, explained_codes
from nmcompile.diagnostics.render import as_json, as_text, render_text
from nmcompile.diagnostics.suggest import did_you_mean, nearest

__all__ = [
    "Diagnostic",
    "DiagnosticBag",
    "ExitCode",
    "NmError",
    "Severity",
    "as_json",
    "as_text",
    "did_you_mean",
    "exit_code_of",
    "explain",
    "explained_codes",
    "nearest",
    "render_text",
]
