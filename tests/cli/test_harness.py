"""The harness that every command runs in."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from nmcompile.cli import text
from nmcompile.cli.harness import Result, Session, command, run_guarded
from nmcompile.diagnostics import Diagnostic, NmError

MISMATCH = Diagnostic(code="NM0401", message="not equal", help=("look",))
WARNING = Diagnostic(code="NM0612", message="odd", severity="warning")


def raising(error: BaseException) -> Callable[[], Result]:
    def body() -> Result:
        raise error

    return body


def test_result_and_warning(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(json=True)

    def body() -> Result:
        session.out("for people")
        session.say("talk")
        session.report(WARNING)
        return {"x": 1}

    assert run_guarded(session, body) == 0
    captured = capsys.readouterr()
    content = json.loads(captured.out)
    assert content["ok"]
    assert content["result"] == {"x": 1}
    assert content["diagnostics"][0]["severity"] == "warning"
    assert captured.err == ""


def test_a_reported_error_fails_but_keeps_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(json=True)

    def body() -> Result:
        session.report(MISMATCH)
        return {"spikes": 3}

    assert run_guarded(session, body) == 5
    content = json.loads(capsys.readouterr().out)
    assert (content["ok"], content["exit_code"]) == (False, 5)
    assert content["result"] == {"spikes": 3}


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied", "/locked/out"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "no/such/page.html"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_a_refused_file_is_the_users_to_mend(
    error: OSError, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_guarded(Session(json=True), raising(error)) == 1
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert found["code"] == "NM0527"
    assert found["found"] == error.strerror


def test_another_oserror_is_our_bug() -> None:
    assert run_guarded(Session(json=True), raising(OSError("socket"))) == 70


def test_quiet_shows_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(quiet=True)
    session.say("talk")
    assert run_guarded(session, raising(NmError(WARNING, MISMATCH))) == 5
    err = capsys.readouterr().err
    assert "NM0401" in err
    assert "NM0612" not in err
    assert "talk" not in err


def test_interrupt_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(Session(json=True), raising(KeyboardInterrupt())) == 130
    assert json.loads(capsys.readouterr().out)["exit_code"] == 130


def test_a_bug_is_70_with_a_crash_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert run_guarded(Session(), raising(ZeroDivisionError("oops"))) == 70
    err = capsys.readouterr().err
    assert "error[NM0901]" in err
    assert "Traceback" not in err
    [report] = tmp_path.glob("crash-*.json")
    content = json.loads(report.read_text(encoding="utf-8"))
    assert "ZeroDivisionError" in "".join(content["traceback"])
    assert str(report) in err


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(Session(debug=True), raising(ZeroDivisionError("oops"))) == 70
    assert "Traceback" in capsys.readouterr().err


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(Session().progress(range(3), "counting")) == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_command_keeps_its_own_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def greet(
        session: Session,
        name: Annotated[str, typer.Argument()],
        times: Annotated[int, typer.Option(min=1)] = 1,
    ) -> dict[str, Any]:
        """Greet someone."""
        session.out(f"hello {name} " * times)
        return {}

    app = typer.Typer()
    app.command()(greet)
    app(["you", "--times", "2"], standalone_mode=False)
    assert capsys.readouterr().out == "hello you hello you \n"


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_colour_obeys_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert text.wants_colour(_Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not text.wants_colour(_Terminal())  # type: ignore[arg-type]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not text.wants_colour(_Terminal())  # type: ignore[arg-type]


def test_colour_changes_no_character() -> None:
    plain = text.diagnostics_text([MISMATCH], colour=False)
    coloured = text.diagnostics_text([MISMATCH], colour=True)
    assert "\033[" in coloured
    for code in ("\033[1;31m", "\033[1;32m", "\033[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain


def test_table_aligns_and_cuts_nothing() -> None:
    rows = [("a", 1), ("long name", 100)]
    assert text.table(rows, ("name", "n"), " r") == "name         n\na            1\nlong name  100"
