"""The checks of `nmcompile doctor`, with the slow external ones replaced."""

from __future__ import annotations

import pytest

from nmcompile import doctor
from nmcompile.backends.loihi.lava import state as lava_state


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


@pytest.mark.parametrize(
    ("version", "status", "words"),
    [
        ("0.10.0", "ok", "0.10.0 imports"),
        ("0.8.0", "warn", "too old"),
        ("0.11.0", "warn", "nobody has compared"),
        ("", "warn", "nobody has compared"),
    ],
)
def test_the_state_of_lava(
    monkeypatch: pytest.MonkeyPatch, version: str, status: str, words: str
) -> None:
    monkeypatch.setattr(doctor, "_run", lambda program: "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(lava_state, "lava_version", lambda: version)
    check = doctor._lava()
    assert (check.status, words in check.detail) == (status, True)
    assert status == "ok" or "lava-nc==0.10.0" in check.fix


def test_lava_may_be_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert doctor._lava().status == "skipped"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(lava_state, "lava_version", lambda: "0.10.0")
    monkeypatch.setattr(doctor, "_run", lambda program: "ImportError: it broke")
    assert doctor._lava().status == "warn"
    assert "ImportError: it broke" in doctor._lava().detail


def test_an_external_check_reports_the_last_line() -> None:
    assert doctor._run("pass") == ""
    assert doctor._run("raise ValueError('because')") == "ValueError: because"


def test_an_external_check_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TIME_LIMIT_S", 0.2)
    assert "no answer" in doctor._run("import time; time.sleep(30)")
