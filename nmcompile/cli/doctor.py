"""``nmcompile doctor``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nmcompile.cli.harness import Session, command
from nmcompile.cli.text import table


@command
def doctor(session: Session) -> dict[str, Any]:
    """Check the installation: packages, data, targets, numba, Lava, temporary folder."""
    from nmcompile.diagnostics import Diagnostic
    from nmcompile.doctor import run_checks

    session.say("checking the installation")
    checks = list(session.progress(run_checks(), "checking"))
    session.out(table([(c.status, c.name, c.detail) for c in checks]))
    for check in checks:
        if check.status in ("fail", "warn"):
            session.report(
                Diagnostic(
                    code="NM0704" if check.status == "fail" else "NM0705",
                    message=f"check `{check.name}`: {check.detail}",
                    help=(check.fix,) if check.fix else (),
                    severity="error" if check.status == "fail" else "warning",
                )
            )
    return {"checks": [asdict(check) for check in checks]}
