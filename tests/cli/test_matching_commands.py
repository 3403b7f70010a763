"""Matching on cores as a user meets it: recipes, reports, verification that can fail, tracking."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.checkpoints import tiny_checkpoint

from nmcompile.build.deployment import Deployment
from nmcompile.cli.main import run
from nmcompile.mapping.limits import limits_of
from nmcompile.mapping.template import template_words
from nmcompile.target import load_target

pytestmark = pytest.mark.torch

RULES = ("psm", "tsm", "hsm")


class Builds:
    """One build of a tiny tracker with a signed output for every matching rule, when asked for."""

    def __init__(self, folder: Path) -> None:
        relu = [True] * 4 + [False]
        self.folder = folder
        self.model = tiny_checkpoint(folder / "tiny.pt", relu=relu, batch_norm=relu)

    def __getitem__(self, rule: str) -> Path:
        out, recipe = self.folder / rule, self.folder / f"{rule}.toml"
        if not out.exists():
            recipe.write_text(f'timesteps = 8\n[matching]\nrule = "{rule}"\n')
            build = ["build", str(self.model), "-t", "loihi2", "--config", str(recipe)]
            assert run([*build, "-o", str(out), "-q"]) == 0
        return out


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    return Builds(tmp_path_factory.mktemp("matching"))


def host(folder: Path) -> dict[str, dict[str, Any]]:
    steps = json.loads((folder / "host.json").read_text())
    return {step["step"]: step for step in steps}


@pytest.mark.parametrize("rule", RULES)
def test_matching_is_on_cores_verified_and_named(builds: Builds, rule: str) -> None:
    deployment = Deployment.open(builds[rule])
    graph = deployment.graph("search")
    assert graph.slot == "z"
    assert all(row.equal for row in deployment.report.verification)
    assert any(f"matched by {rule}, on cores" in a for a in deployment.report.assumptions)
    (layer,) = [m for m in deployment.report.mapping.networks if m.network == "search"]
    assert "correlate" in [row.layer for row in layer.layers]
    steps = host(builds[rule])
    assert "search_match" not in steps
    assert steps["search_scale"]["operations"] == {"membrane_reads": graph.output_shape[1] ** 2}
    words = template_words(graph, limits_of(load_target("loihi2")))
    load = steps["search_weights"]
    assert load["trigger"] == ("on_init" if rule == "psm" else "every_frame")
    assert load["operations"] == {"synapse_writes": words * (1 if rule == "psm" else 8)}


def test_rules_count_what_only_the_host_can_do(builds: Builds) -> None:
    assert "template_bank" not in host(builds["psm"])
    macs = [host(builds[rule])["template_bank"]["macs"] for rule in ("tsm", "hsm")]
    assert 0 < macs[0] < macs[1]


@pytest.mark.parametrize("rule", RULES)
def test_stored_frames_carry_their_templates(builds: Builds, rule: str) -> None:
    stored = Deployment.open(builds[rule]).stimuli()
    assert [set(given.slots) for given in stored["search"]] == [{"z"}, {"z"}]
    assert [set(given.slots) for given in stored["template"]] == [set(), set()]
    first, second = (given.slots["z"] for given in stored["search"])
    assert first.ndim == (3 if rule == "psm" else 4)
    assert (first != second).any()
    assert run(["run", str(builds[rule]), "-q"]) == 0


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("damage", ["element", "sign", "route"])
def test_one_wrong_word_or_route_exits_5(
    builds: Builds, tmp_path: Path, rule: str, damage: str
) -> None:
    copy = Path(shutil.copytree(builds[rule], tmp_path / "copy"))
    path = copy / "networks" / "search" / "coregraph.safetensors"
    tables = {name: column.copy() for name, column in load_file(path).items()}
    deployment = Deployment.open(copy)
    graph = deployment.graph("search")
    slots = [given.slots["z"] for given in deployment.stimuli()["search"]]
    used = np.sum([np.abs(z.reshape(-1, *z.shape[-3:])).sum(axis=0) for z in slots], axis=0)
    busy = int(np.argmax(used.reshape(-1)))
    mine = tables["slot.element"] == busy
    if damage == "element":
        tables["slot.element"][mine] = int(np.argmin(used.reshape(-1)))
    elif damage == "sign":
        tables["slot.sign"][mine] *= -1
    else:
        last = tables["tile.population"] == len(graph.populations) - 1
        axon0 = np.searchsorted(tables["axon.core"], np.arange(graph.cores))
        axon = axon0[tables["route.core"]] + tables["route.axon"]
        into = last[tables["axon.tile"][axon]]
        spikes = np.where(into, tables["group.traffic"][tables["route.group"]], -1)
        kept = np.arange(len(spikes)) != np.argmax(spikes)
        for column in ("group", "core", "axon", "delay"):
            tables[f"route.{column}"] = tables[f"route.{column}"][kept]
    save_file(dict(sorted(tables.items())), path)
    assert run(["run", str(copy), "--network", "search", "-q"]) == 5


def test_without_its_template_a_build_is_damaged(builds: Builds, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(builds["psm"], tmp_path / "copy"))
    path = copy / "verify" / "stimulus.safetensors"
    save_file({k: v for k, v in load_file(path).items() if "/" not in k}, path)
    assert run(["run", str(copy), "--network", "search", "-q"]) == 1


@pytest.mark.parametrize("rule", RULES)
def test_the_cores_respond_as_the_golden_program(builds: Builds, rule: str) -> None:
    deployment = Deployment.open(builds[rule])
    frames = deployment.stimuli()
    responses = []
    for level in ("golden", "mapped"):
        executor = deployment.executor(level)
        executor.init(frames["template"][0].stimulus)
        crops = np.stack([given.stimulus for given in frames["search"]])
        responses.append(np.stack(executor.frame(crops)))
    np.testing.assert_array_equal(*responses)
    assert np.ptp(responses[0]) > 0


def test_the_api_simulates_stored_and_given_frames(builds: Builds) -> None:
    from nmcompile.api import simulate

    stored = simulate(builds["psm"], "search")["search"]
    frames = [g.stimulus for g in Deployment.open(builds["psm"]).stimuli()["search"]]
    given = simulate(builds["psm"], "search", frames[:1])["search"]
    np.testing.assert_array_equal(stored[0].output, given[0].output)


def test_check_says_where_and_why(builds: Builds, capsys: Any) -> None:
    assert run(["check", str(builds.model), "-t", "loihi2"]) == 0
    assert "psm, on cores" in capsys.readouterr().out
    assert run(["check", str(builds.model), "-t", "example", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)["result"]
    assert "on the host: the template is written at run time" in answer["matching"]["correlate"]
    assert "search_match" in answer["host"]
