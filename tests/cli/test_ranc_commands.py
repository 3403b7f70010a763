"""`nmcompile ranc run`: RANC's files in, counters and RANC's own output file out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.ranc import Json, PlainRanc, config_of, random_input

from nmcompile.cli.main import run

TICKS = 12


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> tuple[str, str]:
    network, config = network_of()
    paths = tmp_path / "input.json", tmp_path / "config.json"
    for path, content in zip(paths, (network, config), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    return str(paths[0]), str(paths[1])


def network_of() -> tuple[Json, Json]:
    config = config_of()
    return random_input(np.random.default_rng(11), config), config


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    code = run(["ranc", "run", *arguments, "--json"])
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert body["exit_code"] == code
    return body


def test_counters_and_output(
    capsys: pytest.CaptureFixture[str], files: tuple[str, str], tmp_path: Path
) -> None:
    network, config = network_of()
    output, spikes = PlainRanc(network, config).run(TICKS)
    assert output.any()
    saved = tmp_path / "output.txt"
    body = ran(capsys, *files, "--ticks", str(TICKS), "--save", str(saved))
    result = body["result"]
    assert (body["exit_code"], result["ticks"]) == (0, TICKS)
    assert result["cores"] == len(network["cores"])
    assert result["neurons"] == sum(len(core["neurons"]) for core in network["cores"])
    assert result["spikes"] == len(spikes)
    assert result["output_spikes"] == int(output.sum())
    tick, number = output.nonzero()
    events = [[int(t) + 1, int(n)] for t, n in zip(tick, number, strict=True)]
    assert result["output"] == events
    # the bus of tick n is written when tick n + 1 begins
    lines = [list(map(int, line.split())) for line in saved.read_text().splitlines()]
    assert lines[0] == [0] * output.shape[1]
    assert lines[1:] == output[:-1].tolist()


def test_ticks_default_to_the_lists_of_packets(
    capsys: pytest.CaptureFixture[str], files: tuple[str, str]
) -> None:
    assert ran(capsys, *files)["result"]["ticks"] == len(network_of()[0]["packets"])


@pytest.mark.parametrize("cores", [0, 1])
def test_networks_of_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, cores: int
) -> None:
    """No packets, no outputs, no neurons, no cores at all."""
    core: Json = {"coordinates": [1, 0], "axons": [], "neurons": [], "connections": []}
    bus = {"coordinates": [0, 0], "num_outputs": 0}
    network = {"packets": [], "output_bus": bus, "cores": [core] * cores}
    (tmp_path / "i.json").write_text(json.dumps(network), encoding="utf-8")
    (tmp_path / "c.json").write_text(json.dumps(config_of()), encoding="utf-8")
    result = ran(capsys, str(tmp_path / "i.json"), str(tmp_path / "c.json"))["result"]
    assert (result["cores"], result["ticks"], result["spikes"]) == (cores, 1, 0)


def test_a_table_for_people(capsys: pytest.CaptureFixture[str], files: tuple[str, str]) -> None:
    assert run(["ranc", "run", *files]) == 0
    text = capsys.readouterr().out
    assert "synaptic operations" in text
    assert "fits TrueNorth" in text


def test_what_does_not_fit_the_chip_is_said_and_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = config_of(num_axons=300)
    network = random_input(np.random.default_rng(3), config)
    (tmp_path / "i.json").write_text(json.dumps(network), encoding="utf-8")
    (tmp_path / "c.json").write_text(json.dumps(config), encoding="utf-8")
    body = ran(capsys, str(tmp_path / "i.json"), str(tmp_path / "c.json"))
    assert body["ok"]
    assert "axons of a core: 300 (limit 256)" in body["result"]["beyond_truenorth"]


def test_files_in_the_wrong_order(
    capsys: pytest.CaptureFixture[str], files: tuple[str, str]
) -> None:
    body = ran(capsys, files[1], files[0])
    assert body["exit_code"] == 1
    assert body["diagnostics"][0]["code"] == "NM0147"


@pytest.mark.torch
def test_a_build_is_exported_and_runs_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The files of a mapped network give the counts of the golden network in their window."""
    from support.checkpoints import tiny_checkpoint

    from nmcompile.build.deployment import Deployment
    from nmcompile.reference.integer import IntegerRunner

    recipe = {"weight_bits": 2, "weight_step": "channel"}
    model = tiny_checkpoint(tmp_path / "tiny.pt", recipe=recipe, groups=[1, 1, 2, 2, 2])
    build, folder = tmp_path / "build", tmp_path / "ranc"
    assert run(["build", str(model), "-t", "truenorth", "-o", str(build), "-q", "--no-verify"]) == 0
    capsys.readouterr()
    command = ["ranc", "export", str(build), str(folder), "--network", "search", "--json"]
    assert run(command) == 0
    exported = json.loads(capsys.readouterr().out)["result"]["networks"]["search"]
    first, last = exported["output_ticks"]
    files = folder / "search" / "input.json", folder / "search" / "config.json"
    body = ran(capsys, *map(str, files))
    assert body["result"]["ticks"] == exported["ticks"]
    deployment = Deployment.open(build)
    stimulus = deployment.stimuli()["search"][0]
    golden = IntegerRunner(deployment.golden.network("search")).run(stimulus.stimulus)
    graph = deployment.graph("search")
    counts = np.zeros(graph.output_shape, np.int64)
    for tick, output in body["result"]["output"]:
        if first <= tick <= last and output < counts.size:
            counts.flat[output] += 1
    assert counts.any()
    np.testing.assert_array_equal(counts, golden.output)
    inputs = json.loads((folder / "search" / "inputs.json").read_text(encoding="utf-8"))
    assert inputs["columns"] == ["element", "x", "y", "axon", "tick"]
    assert len(inputs["rows"]) == graph.size("host")
