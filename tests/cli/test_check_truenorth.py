"""`nmcompile check --target truenorth`: what fits, what does not, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.checkpoints import tiny_checkpoint
from support.data import DATA

from nmcompile.cli.main import run
from nmcompile.data import models_dir

pytestmark = pytest.mark.torch

TERNARY = {"weight_bits": 2, "weight_step": "channel"}
SMALL = {"groups": [1, 1, 2, 2, 2]}


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    code = run(["check", *arguments, "--target", "truenorth", "--json"])
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert body["exit_code"] == code
    return body


@pytest.mark.slow
def test_the_shipped_model_fits(capsys: pytest.CaptureFixture[str]) -> None:
    body = checked(capsys, str(models_dir() / "siamsnn-truenorth" / "siamsnn-truenorth.pt"))
    assert body["exit_code"] == 0, body["diagnostics"]
    search = next(n for n in body["result"]["networks"] if n["network"] == "search")
    rows = search["layers"]
    assert [row["inputs"] for row in rows] == [128, 36, 96, 36, 96, 36, 96]
    assert {row["encoding"] for row in rows} == {"ternary"}
    assert max(row["axons"] for row in rows) == 256


def test_a_grouped_ternary_model_fits_without_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_checkpoint(tmp_path / "tiny.pt", recipe=TERNARY, **SMALL)
    body = checked(capsys, str(model))
    assert body["exit_code"] == 0, body["diagnostics"]
    search = next(n for n in body["result"]["networks"] if n["network"] == "search")
    layers = {row["layer"]: row for row in search["layers"]}
    assert set(layers) == {f"backbone.conv{i}.0" for i in (2, 3, 4, 5)}  # conv1 is on the host
    for name, inputs in (("2", 4 * 9), ("3", 4 * 9), ("4", 4 * 9), ("5", 4 * 9)):
        row = layers[f"backbone.conv{name}.0"]
        assert (row["inputs"], row["encoding"], row["axons"]) == (inputs, "ternary", 2 * inputs)
    assert search["mapped"]
    assert search["cores"] >= max(row["cores"] for row in search["layers"])
    limits = {row["limit"]: row for row in search["limits"]}
    assert limits["core.axons"]["allowed"] == 256
    assert all("targets/truenorth.toml" in row["source"] for row in search["limits"])
    assert all(row["used"] <= row["allowed"] for row in search["limits"])
    host = body["result"]["host"]
    assert "pixel value" in host["search_input"]
    assert "up to 16 take 5 bits" in host["search_match"]
    assert "rewrites every membrane" in host["search_reset"]


def test_an_option_wins_over_the_models_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_checkpoint(tmp_path / "tiny.pt", recipe=TERNARY, **SMALL)
    body = checked(capsys, str(model), "--weight-bits", "8")
    assert body["exit_code"] == 3
    found = body["diagnostics"]
    assert {d["code"] for d in found} == {"NM0311"}
    assert [d["where"] for d in found] == [f"backbone.conv{i}.0" for i in (2, 3, 4, 5)]
    assert "x 14 axons" in found[0]["found"]


def test_a_wide_layer_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = {"channels": [4, 64, 8, 8, 4], "groups": [1] * 5}
    model = tiny_checkpoint(tmp_path / "wide.pt", recipe=TERNARY, **wide)
    body = checked(capsys, str(model))
    assert body["exit_code"] == 3
    (problem,) = body["diagnostics"]
    assert (problem["code"], problem["where"]) == ("NM0311", "backbone.conv3.0")
    assert problem["found"].startswith("576 inputs x 2 axons (ternary")
    assert "256 axons (targets/truenorth.toml" in problem["limit"]
    assert body["result"]["networks"][0]["layers"]  # the table stands beside the refusal


def test_people_see_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_checkpoint(tmp_path / "tiny.pt", recipe=TERNARY, **SMALL)
    capsys.readouterr()
    assert run(["check", str(model), "--target", "truenorth"]) == 0
    out = capsys.readouterr().out
    assert "axons per input" in out
    assert "relay cores" in out
    assert "on the host" in out
    assert "tiny.pt fits truenorth" in out


def test_a_build_stops_with_a_code_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_checkpoint(tmp_path / "tiny.pt", recipe=TERNARY, **SMALL)
    capsys.readouterr()
    command = ["build", str(model), "-t", "truenorth", "-o", str(tmp_path / "out"), "--json"]
    assert run([*command, "--weight-bits", "8"]) == 3
    body = json.loads(capsys.readouterr().out)
    assert {d["code"] for d in body["diagnostics"]} == {"NM0311"}
    assert not (tmp_path / "out").exists()


def test_a_wrong_recipe_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_checkpoint(tmp_path / "tiny.pt", recipe={"weight_bit": 2})
    body = checked(capsys, str(model))
    assert body["exit_code"] == 1
    assert body["diagnostics"][0]["code"] == "NM0115"
    assert "recipe.weight_bit" in body["diagnostics"][0]["message"]


@pytest.mark.data
def test_fdsiamfc_is_refused_layer_by_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "fdsiamfc_15.pt"
    weights = DATA / "weights" / "FDSiamfc_15.pth"
    assert run(["wrap", str(weights), "-o", str(model), "-q"]) == 0
    body = checked(capsys, str(model), "--calibrate", "synthetic")
    assert body["exit_code"] == 3
    found = {d["where"]: d for d in body["diagnostics"]}
    assert set(found) == {f"backbone.conv{i}.0" for i in (2, 3, 4, 5)}
    assert all(d["code"] == "NM0311" for d in found.values())
    assert "OR" in str(body["result"]["pooling"]) or "or" in str(body["result"]["pooling"])
