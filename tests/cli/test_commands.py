"""The commands that need no model: output, exit codes, --json on success and on failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nmcompile.cli.main import COMMANDS, run

ROOT = Path(__file__).resolve().parents[2]


def json_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    decoded: dict[str, Any] = json.loads(out)
    assert set(decoded) == {"schema", "ok", "exit_code", "diagnostics", "result"}
    return decoded


def program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nmcompile", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_version_and_help() -> None:
    done = program("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("nmcompile ")
    assert program("--help").returncode == 0


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_and_the_common_options(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*name.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert all(option in out for option in ("--json", "--quiet", "--debug"))


def test_targets_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["targets", "list"]) == 0
    captured = capsys.readouterr()
    assert "loihi2" in captured.out
    assert captured.err == ""
    assert run(["targets", "list", "--json"]) == 0
    content = json_of(capsys)
    assert content["ok"]
    assert {t["name"] for t in content["result"]["targets"]} >= {"loihi1", "loihi2"}


def test_targets_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["targets", "show", "loihi"]) == 0
    out = capsys.readouterr().out
    assert "energy.synaptic_op" in out
    assert "assumed" in out
    assert run(["targets", "show", "loihi", "--json"]) == 0
    assert json_of(capsys)["result"]["core"]["neurons"]["value"] == 8192


def test_targets_show_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["targets", "show", "lohi1"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "did you mean `loihi1`?" in captured.err
    assert "nmcompile explain NM0607" in captured.err
    assert run(["targets", "show", "lohi1", "--json"]) == 1
    content = json_of(capsys)
    assert (content["ok"], content["exit_code"], content["result"]) == (False, 1, None)
    assert content["diagnostics"][0]["code"] == "NM0607"


def test_targets_validate_reports_all_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('extends = "loihi2"\nname = "bad"\n[cor]\nx = 1\n', encoding="utf-8")
    assert run(["targets", "validate", "loihi1", str(bad)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "loihi1: ok\n"
    assert f"{bad}:3:2" in captured.err
    assert "did you mean `core`?" in captured.err


def test_targets_validate_looks_at_the_second_opinion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('extends = "loihi1"\nsecond_opinion = "truenorth"\n', encoding="utf-8")
    assert run(["targets", "validate", str(bad)]) == 1
    assert "NM0613" in capsys.readouterr().err


def test_targets_show_names_second_opinion_and_measurements(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["targets", "show", "loihi1"]) == 0
    shown = capsys.readouterr().out
    assert "loihi1-sanafe" in shown
    assert "1.33 mJ" in shown


def test_targets_show_toml_is_a_target_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["targets", "show", "example", "--toml"]) == 0
    (tmp_path / "copy.toml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert run(["targets", "validate", str(tmp_path / "copy.toml")]) == 0


def test_models_list_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--json"]) == 0
    assert isinstance(json_of(capsys)["result"]["models"], list)
    assert run(["models", "info", "no-such-model"]) == 1
    assert "NM0611" in capsys.readouterr().err


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "nm0603"]) == 0
    assert capsys.readouterr().out.startswith("# NM0603: ")
    assert run(["explain", "--list"]) == 0
    assert "NM0901" in capsys.readouterr().out
    assert run(["explain", "NM9999"]) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_targets(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert "doctor" in out
    assert "loihi1" in out


def test_bash_accepts_and_uses_the_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    probe = "COMP_WORDS=(nmcompile targets sh); COMP_CWORD=2; _nmcompile; echo ${COMPREPLY[0]}"
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{probe}"], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.strip() == "show", done.stderr


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["targets", "show"], ["targets", "list", "--nonsense"]]
)
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error[NM0001]" in captured.err
    assert run([*arguments, "--json"]) == 2
    assert json_of(capsys)["diagnostics"][0]["code"] == "NM0001"


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m nmcompile targets show loihi | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
