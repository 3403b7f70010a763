"""The checks of `nmcompile doctor`, with the slow external ones replaced."""

from __future__ import annotations

import pytest

from nmcompile import doctor


def test_the_installation_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_run", lambda program: "")
    checks = {check.name: check for check in doctor.run_checks()}
    assert {name for name, check in checks.items() if check.status == "fail"} == set()
    assert {"python", "torch", "data", "target loihi2", "lava", "numba compiles"} <= set(checks)


def test_failures_name_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CORE", ("no-such-distribution",))
    monkeypatch.setattr(doctor, "_run", lambda program: "it broke")
    failed = [check for check in doctor.run_checks() if check.status in ("fail", "warn")]
    assert {"no-such-distribution", "numba compiles"} <= {check.name for check in failed}
    assert all(check.fix for check in failed if check.status == "fail")


def test_an_external_check_reports_the_last_line() -> None:
    assert doctor._run("pass") == ""
    assert doctor._run("raise ValueError('because')") == "ValueError: because"


def test_an_external_check_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TIME_LIMIT_S", 0.2)
    assert "no answer" in doctor._run("import time; time.sleep(30)")
