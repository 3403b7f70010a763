"""``nmcompile evaluate`` as a user calls it: outputs, resuming, processes, refusals."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkpoints import tiny_checkpoint
from support.videos import otb_folder

from nmcompile.cli.main import run
from nmcompile.evaluation import run as work

pytestmark = pytest.mark.torch

QUICK = ("--protocol", "ope", "--protocol", "fidelity", "--crops", "4")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    model = tiny_checkpoint(folder / "tiny.pt")
    arguments = ["build", str(model), "--target", "loihi2", "--timesteps", "4", "-q"]
    assert run([*arguments, "-o", str(folder / "short")]) == 0
    return folder / "short"


@pytest.fixture(scope="module")
def longer(built: Path) -> Path:
    """The same model at twice as many timesteps."""
    folder = built.parent / "long"
    arguments = ["build", str(built.parent / "tiny.pt"), "--target", "loihi2", "--timesteps", "8"]
    assert run([*arguments, "-q", "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return otb_folder(tmp_path_factory.mktemp("videos") / "data", {"One": 8, "Two": 10})


@pytest.fixture(scope="module")
def scored(built: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scored") / "out"
    ways = ("ope", "restart", "fidelity", "vot", "latency", "latency-restart")
    arguments = [option for way in ways for option in ("--protocol", way)]
    code = run(
        [
            *("evaluate", str(built), "--dataset", f"otb:{data}", "-o", str(out), "-q"),
            *(*arguments, "--crops", "4", "--latency", "2", "--latency", "4"),
        ]
    )
    assert code == 0
    return out


def call(built: Path, data: Path, out: Path, *options: str) -> int:
    return run(["evaluate", str(built), "--dataset", f"otb:{data}", "-o", str(out), *options])


def results(out: Path) -> bytes:
    return (out / "results.json").read_bytes()


def test_every_protocol_has_its_table(scored: Path) -> None:
    found = json.loads(results(scored))
    assert found["schema_version"] == 1
    protocols = found["protocols"]
    labels = [row["label"] for row in protocols["ope"]["rows"]]
    assert labels == ["float", "integer", "shuffled weights", "static box"]
    assert {s["name"]: s["boxes"] for s in found["dataset"]["sequences"]} == {"One": 8, "Two": 10}
    first = protocols["ope"]["rows"][0]
    assert len(first["success_curve"]) == 21
    assert len(first["precision_curve"]) == 51
    assert first["auc"]["mean"] == pytest.approx(np.mean(first["success_curve"]), abs=1e-5)
    assert first["precision_20px"]["mean"] == pytest.approx(first["precision_curve"][20], abs=1e-6)
    assert first["attributes"]["SV"]["mean_iou"] == first["mean_iou"]
    assert protocols["restart"]["paired"][0]["mean_iou"]["pairs"] == 2
    timed = [row for row in protocols["latency"]["rows"] if "timesteps" in row]
    assert [row["timesteps"] for row in timed] == [2, 4]
    own = next(r for r in protocols["fidelity"]["rows"] if r["level"] == "integer")
    assert timed[1]["correlation"] == own["correlation"]  # T = 4 is the build's own
    assert timed[1]["sops_per_crop"] == own["sops_per_crop"] > timed[0]["sops_per_crop"]
    assert protocols["fidelity"]["rows"][0]["correlation"]["mean"] == 1.0
    assert protocols["vot"]["rows"][0]["eao_interval_published"] is False


def test_plots_and_boxes_are_there(scored: Path) -> None:
    for name in ("success", "precision", "latency"):
        assert (scored / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (scored / f"{name}.svg").read_text()
    lines = (scored / "results" / "OTB" / "short-integer" / "One.txt").read_text().splitlines()
    assert len(lines) == 8
    assert lines[0] == "21.000,21.000,16.000,14.000"  # counted from 1, as in the ground truth
    supervised = (
        scored / "results" / "VOT" / "short-static-box" / "baseline" / "One" / "One_001.txt"
    )
    assert supervised.read_text().splitlines()[0] == "1"
    assert "± " in (scored / "summary.md").read_text()


def test_every_table_states_errors(scored: Path) -> None:
    found = json.loads(results(scored))["protocols"]
    for name in ("ope", "restart"):
        for row in found[name]["rows"]:
            assert row["mean_iou"]["between"] is not None
        assert all(p["mean_iou"]["standard_error"] is not None for p in found[name]["paired"])


def test_an_interrupted_run_resumes_to_the_same_bytes(
    built: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert call(built, data, whole, *QUICK, "-q") == 0
    real, done = work.run_part, []

    def stops(part: object, tick: object) -> object:
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(part)
        return real(part, tick)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "run_part", stops)
    assert call(built, data, broken, *QUICK, "-q") == 130
    assert len(list((broken / "parts").iterdir())) == 5
    assert not (broken / "results.json").exists()
    monkeypatch.setattr(work, "run_part", lambda p, t: (done.append(p), real(p, t))[1])
    assert call(built, data, broken, *QUICK, "-q") == 0
    assert results(broken) == results(whole)
    assert (broken / "success.svg").read_bytes() == (whole / "success.svg").read_bytes()
    count = len(done)
    assert count == len(list((broken / "parts").iterdir()))  # nothing was done twice
    assert call(built, data, broken, *QUICK, "-q") == 0
    assert len(done) == count


def test_a_changed_build_is_evaluated_again(
    built: Path, longer: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--protocol", "ope", "--no-baselines", "--level", "integer", "--only", "One", "-q")
    out, done = tmp_path / "out", []
    assert call(built, data, out, *options) == 0
    real = work.run_part
    monkeypatch.setattr(work, "run_part", lambda p, t: (done.append(p), real(p, t))[1])
    assert call(longer, data, out, *options) == 0
    assert len(done) == 1
    (data / "One" / "groundtruth_rect.txt").write_text("21,21,16,14\n" * 8)
    try:
        assert call(longer, data, out, *options) == 0
    finally:
        otb_folder(data, {"One": 8, "Two": 10})
    assert len(done) == 2


def test_two_builds_are_compared_in_pairs(
    built: Path, longer: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    options = ("--against", str(longer), "--protocol", "restart", "--protocol", "fidelity")
    code = call(built, data, tmp_path / "out", *options, "--crops", "4", "--no-baselines", "--json")
    assert code == 0
    found = json.loads(capsys.readouterr().out)["result"]["protocols"]
    pairs = [(p["reference"], p["other"]) for p in found["restart"]["paired"]]
    assert ("short: integer", "long: integer") in pairs
    assert ("short: float", "short: integer") in pairs
    fidelity = found["fidelity"]["paired"]
    assert [(p["reference"], p["other"]) for p in fidelity] == [("short: integer", "long: integer")]
    assert fidelity[0]["correlation"]["difference"] > 0.0


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(
    built: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask
    from distributed import LocalCluster

    from nmcompile.evaluation.tasks import ResultStore

    # floats: the numbers that a worker could most easily get wrong
    few = ("--protocol", "ope", "--protocol", "vot", "--level", "float", "--no-baselines", "-q")
    assert call(built, data, tmp_path / "one", *few) == 0
    real, saved = ResultStore.save, []
    with (
        # the scheduler asks a dead worker for its results as long as that
        dask.config.set({"distributed.comm.timeouts.connect": "5s"}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
    ):

        def save(store: ResultStore, part: Any, result: Any) -> None:
            real(store, part, result)
            saved.append(part)
            if len(saved) == 2:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)

        monkeypatch.setattr(ResultStore, "save", save)
        options = ("--scheduler", cluster.scheduler_address)
        assert call(built, data, tmp_path / "two", *few, *options) == 0
    assert len(saved) == len(list((tmp_path / "one" / "parts").iterdir())) == 4
    assert results(tmp_path / "one") == results(tmp_path / "two")


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_signal_leaves_whole_parts(built: Path, data: Path, tmp_path: Path, jobs: str) -> None:
    out = tmp_path / "out"
    arguments = ["evaluate", str(built), "--dataset", f"otb:{data}", "-o", str(out), "-j", jobs]
    process = subprocess.Popen(
        [sys.executable, "-m", "nmcompile", *arguments], stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not list(out.glob("parts/*.json")):
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, talk = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, talk
    assert not (out / "results.json").exists()
    for path in (out / "parts").glob("*.json"):
        assert set(json.loads(path.read_text())) == {"key", "result"}
    assert call(built, data, out, "-q") == 0


def test_refusals(built: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call(built, data, out, "--level", "spiking") == 2
    assert call(built, data, out, "--protocol", "vat") == 2
    assert call(built, data, out, "--only", "Three") == 1
    assert run(["evaluate", str(built), "--dataset", f"otv:{data}", "-o", str(out)]) == 1
    assert call(data, data, out) == 1  # not a build
    assert not out.exists()
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "letter.txt").write_text("mine")
    assert call(built, data, taken) == 1
    assert [p.name for p in taken.iterdir()] == ["letter.txt"]
    short = otb_folder(tmp_path / "short", {"Brief": 4})
    assert call(built, short, out, "--protocol", "restart") == 1
