"""`nmcompile check` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmcompile.cli.main import run

pytestmark = pytest.mark.torch


def test_check_prints_every_limit(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(model), "--target", "loihi2"]) == 0
    text = capsys.readouterr().out
    for limit in ("neurons", "in_axons", "out_axons", "synapse_memory_bytes", "cores"):
        assert limit in text
    assert "search_weights" in text
    assert "psm, on cores" in text
    lines = text.splitlines()
    networks = [line.split(":")[0] for line in lines if line.endswith("ticks an inference")]
    assert networks == ["search", "template"]
    # The template runs once: a build spreads only what every frame waits for.
    spread = [n for n, line in enumerate(lines) if line.startswith("the fewest cores")]
    assert [lines[n - 1].split(":")[0] for n in spread] == ["search"]


def test_check_counts_the_cores_of_a_clocked_chip(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(model), "--target", "tianjic"]) == 0
    assert "the fewest cores" not in capsys.readouterr().out


def test_check_says_how_loihi_1_stores_synapses(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(model), "--target", "loihi1", "--json"]) == 0
    for network in json.loads(capsys.readouterr().out)["result"]["networks"]:
        rows = {row["limit"]: row for row in network["limits"]}
        for limit in (
            *("neurons", "in_axons", "out_axons", "synapse_memory_bytes", "words_per_axon"),
            *("synapse_formats", "compartment_configs", "threshold_configs", "input_buffer"),
            *("destination_groups", "weight_bits", "threshold_bits", "membrane_bits"),
        ):
            assert 0 <= rows[limit]["used"] <= rows[limit]["allowed"], limit
            assert rows[limit]["where"]
            assert rows[limit]["source"].startswith("targets/loihi1.toml: ")
        assert " words of 16,384" in rows["synapse_memory_bytes"]["where"]
        assert "total_memory_bytes" not in rows
        assert network["layers"]
        for layer in network["layers"]:
            assert layer["synapse_format"].split(",")[0] in ("dense", "sparse", "run-length")
            assert layer["synapse_words"] > 0


def test_check_knows_boards(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(model), "--target", "loihi2-kapoho-point", "--json"]) == 0
    (first, *_) = json.loads(capsys.readouterr().out)["result"]["networks"]
    (row,) = (row for row in first["limits"] if row["limit"] == "chips_max")
    assert (row["used"], row["allowed"]) == (1, 8)


@pytest.mark.parametrize(
    "wrong", [["--nir-reset", "never"], ["--nir-dt", "0"], ["--timesteps", "0"]]
)
def test_wrong_words_and_numbers_are_usage_errors(
    model: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(model), "-t", "loihi", *wrong, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["code"] == "NM0001"


def test_check_shows_one_network(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(model), "-t", "loihi2", "--network", "template"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("template: ")
    assert "search: " not in text
    assert run(["check", str(model), "-t", "loihi2", "--network", "templat"]) == 2
    assert "did you mean `template`?" in capsys.readouterr().err
