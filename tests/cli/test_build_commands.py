"""build, run, noc and report as a user calls them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from support.checkpoints import tiny_checkpoint

from nmcompile.build.deployment import Deployment
from nmcompile.cli.main import run
from nmcompile.diagnostics import NmError

pytestmark = pytest.mark.torch


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def change_column(folder: Path, network: str, column: str, index: int, by: int) -> None:
    path = folder / "networks" / network / "coregraph.safetensors"
    tables = load_file(path)
    tables[column] = tables[column].copy()
    tables[column][index] += by
    save_file(dict(sorted(tables.items())), path)


def test_a_build_is_a_complete_folder(built: Path) -> None:
    files = files_of(built)
    for name in (
        "manifest.json",
        "report.json",
        "host.json",
        "target.json",
        "program/float.json",
        "program/integer.json",
        "program/golden.safetensors",
        "networks/search/coregraph.json",
        "networks/template/coregraph.safetensors",
        "verify/stimulus.safetensors",
        "emit/lava/search/network.py",
    ):
        assert name in files
    report = json.loads(files["report.json"])
    assert report["headline"]["verdict"] == "verified"
    assert report["headline"]["on_chip_share"] > 0.9
    assert {row["name"] for row in report["verification"]} == {"template", "search"}
    assert all(row["compared"]["spikes"] > 100 for row in report["verification"])
    text = b"".join(files.values())
    assert str(built.parent).encode() not in text


def test_two_builds_are_byte_identical(built: Path, model: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    assert run(["build", str(model), "--target", "loihi2", "-o", str(again), "-q"]) == 0
    assert files_of(again) == files_of(built)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_manifest_is_verified_on_any_number_of_threads(
    built: Path, model: Path, tmp_path: Path, threads: str
) -> None:
    kept, again = tmp_path / "manifest.json", tmp_path / "again"
    kept.write_bytes((built / "manifest.json").read_bytes())
    command = ["build", str(model), "--target", "loihi2", "-o", str(again), "-q"]
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-m", "nmcompile", *command, "--verify-manifest", str(kept)],
        env={**os.environ, **dict.fromkeys(names, threads)},
        timeout=300,
    )
    assert done.returncode == 0
    assert files_of(again) == files_of(built)


def test_another_build_is_not_the_one_of_the_manifest(
    built: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["build", str(model), "--target", "loihi2", "-o", str(tmp_path / "other")]
    kept = str(built / "manifest.json")
    assert run([*command, "--timesteps", "3", "--verify-manifest", kept]) == 5
    shown = capsys.readouterr().err
    assert "NM0404" in shown
    assert "options.recipe.timesteps" in shown
    assert run([*command, "--verify-manifest", str(built / "report.json")]) == 1


def test_a_build_replaces_an_earlier_one_but_nothing_else(model: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("keep me")
    assert run(["build", str(model), "--target", "loihi", "-o", str(mine), "-q"]) == 1
    assert files_of(mine) == {"thesis.txt": b"keep me"}
    assert list(tmp_path.iterdir()) == [mine]


def test_a_strangers_manifest_does_not_make_a_build(model: Path, tmp_path: Path) -> None:
    mine = tmp_path / "extension"
    mine.mkdir()
    (mine / "manifest.json").write_text('{"manifest_version": 3, "name": "mine"}')
    before = files_of(mine)
    assert run(["build", str(model), "--target", "loihi", "-o", str(mine), "-q"]) == 1
    assert files_of(mine) == before


def test_the_current_folder_is_not_replaced(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert run(["build", str(model), "--target", "loihi", "-o", ".", "-q"]) == 1
    assert list(tmp_path.iterdir()) == [here]
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("manifest.json", "[1]", "NM0523"),
        ("manifest.json", '{"schema": 1}', "NM0523"),
        ("verify/stimulus.safetensors", "", "NM0528"),
        ("program/golden.json", '{"format": "nmcompile program"}', "NM0524"),
        ("networks/search/coregraph.safetensors", "cut", "NM0504"),
    ],
)
def test_a_damaged_folder_is_bad_input(
    copy: Path, name: str, content: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / name).write_text(content)
    capsys.readouterr()
    assert run(["run", str(copy), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["code"] == code


def test_a_damaged_target_is_bad_input(copy: Path) -> None:
    (copy / "target.json").write_text("{}")
    with pytest.raises(NmError) as error:
        _ = Deployment.open(copy).target
    assert error.value.codes == ("NM0528",)


def test_an_output_that_cannot_be_made_is_bad_input(
    model: Path, built: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    build = ["build", str(model), "--target", "loihi", "-o", str(file / "out"), "-q"]
    assert run(build) == 1
    assert run(["report", str(built), "--html", str(tmp_path / "no" / "page.html"), "-q"]) == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing_behind(
    model: Path, tmp_path: Path, how: signal.Signals
) -> None:
    command = [sys.executable, "-m", "nmcompile", "build", str(model), "-t", "loihi"]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("measure"):
            process.send_signal(how)
            break
    process.stderr.read()
    assert process.wait(timeout=60) == 130
    for _ in range(20):
        if not list(tmp_path.iterdir()):
            break
        time.sleep(0.1)
    assert list(tmp_path.iterdir()) == []


def test_run_verifies_again(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", str(built), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [n["equal"] for n in answer["result"]["networks"]] == [True, True]


def test_noc_sets_the_mesh_beside_the_cores(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["noc", str(built), "--network", "search", "--links", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["diagnostics"] == []
    (network,) = answer["result"]["networks"]
    packets = next(
        step["cores"]["packets"]
        for step in json.loads((built / "report.json").read_text())["counters"]["steps"]
        if step["step"] == "search"
    )
    assert network["packets"] == pytest.approx(packets * network["inferences"])
    fast, slow = network["readings"]
    assert fast["hop_cycles"] > slow["hop_cycles"] == 1
    for reading in (fast, slow):
        ends = zip(reading["cycles_by_timestep"], reading["bound_by_timestep"], strict=True)
        assert all(cycles >= bound for cycles, bound in ends)
        assert reading["inference_s"] >= reading["inference_without_mesh_s"] > 0
        assert reading["cycles"]["p50"] <= reading["cycles"]["p95"] <= reading["cycles"]["p100"]
    assert fast["slowest_timestep_s"] <= slow["slowest_timestep_s"]
    assert run(["noc", str(built)]) == 0
    shown = capsys.readouterr().out
    assert "template: " in shown and "search: " in shown and "the mesh decides" in shown


def test_noc_says_when_the_cores_were_not_verified(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((copy / "report.json").read_text())
    report["headline"]["verdict"] = "not verified"
    (copy / "report.json").write_text(json.dumps(report))
    assert run(["noc", str(copy), "--frames", "1", "--json"]) == 0
    (warning,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert warning["code"] == "NM0355"


@pytest.mark.parametrize(
    ("column", "by"), [("weight.value", 3), ("route.axon", 1), ("neuron.v_init", 1_000_000)]
)
def test_one_changed_table_entry_fails_verification(
    copy: Path, column: str, by: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = load_file(copy / "networks" / "search" / "coregraph.safetensors")
    # An entry in the middle carries spikes; the last axon of a core has no neighbour above.
    index = len(tables[column]) // 2
    change_column(copy, "search", column, index, by)
    code = run(["run", str(copy), "--network", "search", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert code == 5, answer
    assert answer["diagnostics"][0]["code"] in ("NM0401", "NM0309")
    assert run(["run", str(copy), "--network", "template", "-q"]) == 0


def test_what_does_not_fit_exits_3_and_names_the_layer(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small.toml"
    small.write_text(
        'name = "small"\nextends = "loihi2"\n[core.synapse_memory_bytes]\n'
        'value = 64\nunit = "byte"\nkind = "assumed"\nsource = "davies2018"\nwhere = "a test"\n'
    )
    code = run(["build", str(model), "-t", str(small), "-o", str(tmp_path / "o"), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert code == 3, answer
    assert any("backbone.conv" in d["where"] for d in answer["diagnostics"])
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("config", "step", "reason"),
    [("", "search_pixels", "bias"), ('input_coding = "real"', "search_input", "'real'")],
)
def test_binary_input_lines_build_with_pixel_neurons_or_a_host_layer(
    model: Path, tmp_path: Path, config: str, step: str, reason: str
) -> None:
    out, recipe = tmp_path / "loihi1", tmp_path / "recipe.toml"
    recipe.write_text(config)
    arguments = ["-t", "loihi1", "--config", str(recipe), "-o", str(out), "-q"]
    assert run(["build", str(model), *arguments]) == 0
    host = {s["step"]: s["reason"] for s in json.loads((out / "host.json").read_text())}
    assert reason in host[step]
    assert {"search_pixels", "search_input"} & set(host) == {step}
    assert all(host.values())


def test_pooling_and_signed_features_build(tmp_path: Path) -> None:
    pooled = tiny_checkpoint(
        tmp_path / "pooled.pt",
        strides=[2, 1, 1, 1, 1],
        pools=[True, False, False, False, False],
        relu=[True, True, True, True, False],
        search_size=79,
    )
    out = tmp_path / "out"
    assert run(["build", str(pooled), "-t", "loihi2", "-o", str(out), "-q"]) == 0
    report = json.loads((out / "report.json").read_text())
    schemes = {row["pooling"] for n in report["mapping"]["networks"] for row in n["layers"]}
    assert schemes == {"", "microcode"}
    assert any("max pooling" in text for text in report["assumptions"])


def test_bad_models_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "model.pt"
    text.write_text("not a model")
    assert run(["build", str(text), "-t", "loihi", "-o", str(tmp_path / "o"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["code"].startswith("NM01")
    assert list(tmp_path.iterdir()) == [text]


def test_report_renders_without_the_model(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, text = tmp_path / "r.html", tmp_path / "r.md"
    arguments = ["report", str(built), "--html", str(page), "--markdown", str(text)]
    assert run(arguments) == 0
    assert not re.search(r"(src|href)=\"?https?:|@import|url\(", page.read_text())
    assert text.read_text().startswith("<!-- nmcompile-report -->")
    versions = json.loads((built / "manifest.json").read_text())["versions"]
    assert re.search(rf">numpy</th>\s*<td[^>]*>{versions['numpy']}<", page.read_text())
    assert run(["report", str(built / "report.json"), "--html", str(page)]) == 0
    assert ">numpy</th>" not in page.read_text()
    capsys.readouterr()
    assert run(["report", str(built)]) == 0
    assert "energy per frame" in capsys.readouterr().out
    assert run(["report", str(tmp_path)]) == 1


def test_a_useless_build_warns(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", str(model), "-t", "loihi", "-o", str(tmp_path / "o"), "--json"]
    assert run([*arguments, "--timesteps", "1", "--weight-bits", "2"]) == 0
    answer = json.loads(capsys.readouterr().out)
    warned = {d["code"] for d in answer["diagnostics"]}
    assert "NM0211" in warned
    stored = json.loads((tmp_path / "o" / "report.json").read_text())["diagnostics"]
    assert {d["code"] for d in stored} == warned - {"NM0323"}
