"""build, run, track, check and report for crossbar cores, as a user calls them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.checkpoints import tiny_checkpoint
from support.videos import otb_folder

from nmcompile.build.deployment import Deployment
from nmcompile.cli.main import run

pytestmark = pytest.mark.torch

TERNARY = {"weight_bits": 2, "weight_step": "channel"}
SMALL = {"groups": [1, 1, 2, 2, 2]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt", recipe=TERNARY, **SMALL)


@pytest.fixture(scope="module")
def built(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("build") / "out"
    assert run(["build", str(model), "--target", "truenorth", "-o", str(out), "-q"]) == 0
    return out


@pytest.fixture(scope="module")
def report(built: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((built / "report.json").read_text())
    return found


def test_the_mapped_cores_equal_the_integer_network(report: dict[str, Any]) -> None:
    assert report["headline"]["verdict"] == "verified"
    rows = {row["name"]: row for row in report["verification"]}
    assert set(rows) == {"template", "search"}
    assert all(row["equal"] and row["compared"]["frames"] == 2 for row in rows.values())
    assert all(row["compared"]["spikes"] > 100 for row in rows.values())


def test_noc_leaves_unknown_what_no_source_states(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["noc", str(built), "--network", "search", "--crossing", "3"]
    assert run(arguments) == 0
    assert "whether the mesh decides is unknown" in capsys.readouterr().out
    assert run([*arguments, "--json"]) == 0
    (network,) = json.loads(capsys.readouterr().out)["result"]["networks"]
    (reading,) = network["readings"]
    assert reading["cycle"]["value"] is None and reading["slowest_timestep_s"] is None
    assert 0 < reading["cycle_that_is_enough_s"] < 1e-3


def test_two_builds_are_byte_identical(built: Path, model: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    assert run(["build", str(model), "--target", "truenorth", "-o", str(again), "-q"]) == 0
    for path in sorted(p for p in built.rglob("*") if p.is_file()):
        assert (again / path.relative_to(built)).read_bytes() == path.read_bytes(), path


def test_networks_have_cores_of_their_own(built: Path) -> None:
    deployment = Deployment.open(built)
    slots = [slot for name in ("template", "search") for slot in deployment.graph(name).slots]
    assert len(set(slots)) == len(slots) == deployment.report.headline.cores


def test_every_limit_stands_in_the_report(report: dict[str, Any]) -> None:
    for network in report["mapping"]["networks"]:
        rows = {row["limit"]: row for row in network["utilisation"]}
        for limit in (
            *("core.axons", "core.neurons", "core.axon_types", "formats.weight_bits"),
            *("formats.threshold_bits", "formats.leak_bits", "formats.membrane_clip"),
            *("formats.delay_ticks_max", "chip.cores", "chip.chips_max", "routing.reach_cores"),
        ):
            assert 0 <= rows[limit]["used"] <= rows[limit]["allowed"], limit
            assert rows[limit]["where"]
            assert rows[limit]["source"].startswith("targets/truenorth.toml: ")
        assert any(layer["copies"] for layer in network["layers"])


def test_the_host_resets_what_is_on_the_cores(built: Path) -> None:
    deployment = Deployment.open(built)
    steps = {step["step"]: step for step in json.loads((built / "host.json").read_text())}
    for name in ("template", "search"):
        graph, reset = deployment.graph(name), steps[f"{name}_reset"]
        assert reset["operations"] == {
            "membrane_writes": graph.neurons,
            "scheduler_clears": graph.cores,
        }
        assert "rewrites every membrane" in reset["reason"]
    assert "pixel value" in steps["search_input"]["reason"]


def test_time_is_ticks_of_the_clock(report: dict[str, Any]) -> None:
    runs = {step["name"]: step["repeat"] for step in report["program"]["schedule"]}
    for step in report["timing"]["steps"]:
        assert step["latency"]["value"] == pytest.approx(step["ticks"] * 1e-3)
        assert step["latency"]["low"] == pytest.approx(step["ticks"] * 47.6e-6)
    (search,) = (s for s in report["timing"]["steps"] if s["step"] == "search")
    network = next(n for n in report["mapping"]["networks"] if n["network"] == "search")
    assert search["ticks"] == report["program"]["networks"][0]["timesteps"] + network["depth_ticks"]
    fps = report["headline"]["fps"]["value"]
    assert fps == pytest.approx(1e3 / (runs["search"] * search["ticks"]))


def test_energy_is_stated_in_every_way(report: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in report["conventions"]}
    parts = {part["name"]: part for part in report["energy"]["components"]}
    sops = report["counters"]["sops_per_frame"]
    assert rows["peak_gsops"]["energy_j"] == pytest.approx(sops / 400e9)
    assert rows["headline"]["energy_j"] == pytest.approx(26e-12 * sops)
    dynamic = sum(parts[n]["figure"]["value"] for n in ("synapse", "routing", "off_chip"))
    assert rows["dynamic_only"]["energy_j"] == pytest.approx(dynamic)
    static = parts["static"]["figure"]
    assert rows["static_and_hops"]["energy_j"] == pytest.approx(dynamic + static["value"])
    frame_s = report["timing"]["frame"]["value"]
    assert static["value"] == pytest.approx(64.43e-3 * report["headline"]["chips"] * frame_s)
    physical = report["counters"]["core_sops_per_frame"]
    assert rows["affine"]["energy_j"] == pytest.approx(static["value"] + 2.297e-12 * physical)
    for name in ("headline", "dynamic_only", "static_and_hops", "affine"):
        assert rows[name]["low_j"] <= rows[name]["energy_j"] <= rows[name]["high_j"]
    assert parts["neuron"]["note"] == "part of the static power"
    assert any("no source states the energy of a neuron update" in a for a in report["assumptions"])
    named = {cost["name"] for cost in report["target"]["costs"]}
    assert {"headline.energy_per_synaptic_op", "energy.synaptic_op_routed"} <= named


def test_copies_repeat_operations(report: dict[str, Any]) -> None:
    counted, runs = report["counters"], report["program"]["schedule"]
    (repeat,) = (step["repeat"] for step in runs if step["name"] == "search")
    (search,) = (step for step in counted["steps"] if step["step"] == "search")
    asked = repeat * sum(layer["sops"] for layer in search["layers"])
    assert counted["core_sops_per_frame"] == repeat * search["cores"]["sops"]
    assert counted["repeated_sops_per_frame"] == counted["core_sops_per_frame"] - asked > 0


def test_run_verifies_again(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["run", str(built), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [n["equal"] for n in answer["result"]["networks"]] == [True, True]
    assert run(["run", str(built), "--engine", "lava", "--json"]) == 6
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["code"] == "NM0706"


@pytest.mark.parametrize(
    "column",
    [
        *("axon.type", "crossbar.word", "neuron.target_core", "neuron.target_axon"),
        *("neuron.target_delay", "neuron.v_init", "parameter.weight0", "parameter.threshold"),
        *("host.axon", "host.delay", "readout.index"),
    ],
)
def test_one_changed_table_entry_fails_verification(
    built: Path, column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "copy"))
    path = copy / "networks" / "search" / "coregraph.safetensors"
    tables = load_file(path)
    tables[column] = changed(tables, column)
    save_file(dict(sorted(tables.items())), path)
    capsys.readouterr()
    code = run(["run", str(copy), "--network", "search", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert code == 5, answer
    assert answer["diagnostics"][0]["code"] in ("NM0401", "NM0309")
    assert run(["run", str(copy), "--network", "template", "-q"]) == 0


def changed(tables: dict[str, np.ndarray[Any, Any]], column: str) -> np.ndarray[Any, Any]:
    """The column with one entry changed, one that carries the most spikes of the stimulus."""
    values, table = tables[column].copy(), column.split(".")[0]
    neuron = int(np.where(tables["neuron.role"] == 0, tables["neuron.traffic"], -1).argmax())
    if table == "neuron":
        at = neuron
    elif table == "parameter":
        at = int(tables["neuron.parameter"][neuron])
    elif table == "host":
        at = int(tables["host.traffic"].argmax())
    elif table == "readout":
        traffic = tables["neuron.traffic"][tables["readout.neuron"]]
        at = int(traffic.argmax())
    else:
        core, axon = tables["neuron.target_core"][neuron], tables["neuron.target_axon"][neuron]
        if table == "axon":
            at = int(tables["core.axon0"][core] + axon)
        else:
            block = tables["core.block"][core]
            words = -(-int(tables["block.neurons"][block]) // 64)
            at = int(tables["block.word0"][block] + axon * words)
    if column == "crossbar.word":
        values[at] ^= np.uint64(1)
    elif column == "readout.index":
        other = int(tables["neuron.traffic"][tables["readout.neuron"]].argmin())
        values[[at, other]] = values[[other, at]]
    elif column == "axon.type":
        values[at] = 3 - values[at]
    else:
        values[at] += -1 if column in ("neuron.target_core", "host.axon") and values[at] else 1
    return values


def test_check_says_what_the_build_takes(
    built: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["check", str(model), "--target", "truenorth", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)["result"]
    report = Deployment.open(built).report
    depth = {n.network: n.depth_ticks for n in report.mapping.networks}
    for network in body["networks"]:
        assert network["mapped"] is True
        assert network["ticks"] == 16 + depth[network["network"]]
        assert network["cores"] <= sum(r["cores"] + r["relay_cores"] for r in network["layers"])
        for row in network["layers"]:
            assert row["encoding"] == "ternary"
            assert row["cores"] > 0
            assert "cores_estimate" not in row
            assert "copies_estimate" not in row


def test_the_report_in_every_form(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, text = tmp_path / "r.html", tmp_path / "r.md"
    capsys.readouterr()
    assert run(["report", str(built), "--html", str(page), "--markdown", str(text)]) == 0
    assert run(["report", str(built), "--details"]) == 0
    shown = capsys.readouterr().out
    assert "the same, as cores do them" in shown
    assert "relay cores" in shown
    assert "part of the static" in shown
    assert not re.search(r"(src|href)=\"?https?:|@import|url\(", page.read_text())
    for words in ("26 pJ per synaptic operation", "dynamic energy only", "static power x chips"):
        assert words in page.read_text()
        assert words in text.read_text()


def test_mapped_and_golden_track_alike(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sequence = otb_folder(tmp_path / "otb", {"moving": 3}) / "moving"
    boxes = []
    for level in ("mapped", "golden"):
        out = tmp_path / level
        arguments = ["track", str(built), "--sequence", str(sequence), "--level", level]
        capsys.readouterr()
        assert run([*arguments, "-o", str(out), "--json"]) == 0
        boxes.append(json.loads(capsys.readouterr().out)["result"]["boxes"])
        rows = json.loads((out / "report.json").read_text())["accuracy"]["tracking"]
        assert [row["level"] for row in rows] == [level, "static box"]
    assert boxes[0] == boxes[1]
