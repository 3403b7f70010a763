"""Builds for functional cores: spiking, ANN and hybrid programs, mapped, verified, reported."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.hybrid import FRAME_RATE_HZ, PERIOD_S, SIDE, TIMESTEPS, hybrid_program
from support.nets import tiny_siamese

from nmcompile.build.compiled import Compiled, Options, compile_model
from nmcompile.build.concerns import level_concerns, rate_concerns
from nmcompile.build.deployment import Deployment
from nmcompile.build.execute import reference_executor
from nmcompile.build.feasibility import feasibility
from nmcompile.build.pipeline import write
from nmcompile.build.reporting import make_report
from nmcompile.diagnostics import NmError
from nmcompile.frontends import LoadedModel
from nmcompile.ir.neurons import ReLU8
from nmcompile.ir.program import Step
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.metrics import placement_metrics
from nmcompile.passes.presets import PRESETS
from nmcompile.passes.recipe import Recipe
from nmcompile.report.markdown import render_markdown
from nmcompile.target import load_target

pytestmark = pytest.mark.torch
PHASE_S = 16.8e-6


def images(count: int, side: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (count, -(-side // 4), -(-side // 4), 3))
    return coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :side, :side].astype(np.uint8)


def siamese() -> LoadedModel:
    base = tiny_siamese(pool=True, relu_last=False)
    schedule = (
        base.schedule[0],
        Step("crop_search", "every_frame", "host", repeat=3),
        base.schedule[1],
    )
    program = dataclasses.replace(base, schedule=schedule)
    return LoadedModel(program, images(2, 47), (), "0" * 64, "checkpoint")


def hybrid(ann: tuple[str, ...] = ("ann",)) -> LoadedModel:
    recipe = {"ann": list(ann)}
    return LoadedModel(hybrid_program(), images(2, SIDE), (), "0" * 64, "checkpoint", recipe)


def compiled(model: LoadedModel, recipe: Recipe, schedule: str = "") -> Compiled:
    options = Options(recipe, frames=2, schedule=schedule)
    return compile_model(model, load_target("tianjic"), options, lambda _: None)


@pytest.mark.parametrize(
    ("recipe", "schedule"),
    [
        (Recipe(timesteps=4), ""),
        (PRESETS["ann-8bit"], "semi-folded"),
        (Recipe(timesteps=3, weight_levels=9), "folded"),
    ],
    ids=["spiking", "8-bit ANN", "folded"],
)
def test_a_siamese_network_runs_whole_on_cores(recipe: Recipe, schedule: str) -> None:
    build = compiled(siamese(), recipe, schedule)
    assert [v.first_mismatch for v in build.verifications] == ["", ""]
    assert all(v.spikes for v in build.verifications)
    search = build.golden.network("search")
    ann = recipe.stays_ann("search")
    assert search.timesteps == (1 if ann else recipe.timesteps)
    counts = build.counters["search"][0]
    assert (counts.sops == 0) == ann
    assert all(layer.macs for layer in counts.layers[:1])
    report = make_report(build, "")
    assert report.headline.on_chip_share == pytest.approx(1.0, abs=0.01)
    graph = build.graphs["search"]
    assert isinstance(graph, FCoreGraph)
    assert report.timing.fps.value == pytest.approx(1 / (3 * graph.phases * PHASE_S), rel=1e-3)
    assert report.headline.latency.value == pytest.approx(
        (graph.ticks + 2 * graph.phases) * PHASE_S, rel=1e-3
    )


def _asks_for_jin2023(build: Compiled) -> None:
    """The same build for a target with `cost_model`: two further rows, all else unchanged."""
    chip = build.target.model_copy(update={"cost_model": "jin2023"})
    plain, asked = (
        make_report(dataclasses.replace(build, target=target), "")
        for target in (build.target, chip)
    )
    assert "Jin et al." not in render_markdown(plain, max_bytes=10**6)
    assert "Jin et al." in render_markdown(asked, max_bytes=10**6)
    for before, after in zip(plain.mapping.networks, asked.mapping.networks, strict=True):
        assert before.jin2023 is None and after.jin2023 is not None
        assert after.model_copy(update={"jin2023": None}) == before
        metrics = placement_metrics(build.graphs[after.network])
        # a routing at every stop, 0.1 for every hop
        energy = metrics.packets + 1.1 * metrics.hops
        assert after.jin2023.energy == pytest.approx(energy)
        assert after.busiest_link == metrics.link_load_max > 0


def test_a_hybrid_program_runs_both_networks_and_shares_their_cost(tmp_path: Path) -> None:
    build = compiled(hybrid(), Recipe())
    assert [v.first_mismatch for v in build.verifications] == ["", ""]
    models = [n.op.model for n in build.golden.network("ann").nodes if hasattr(n.op, "model")]
    assert models and all(isinstance(m, ReLU8) for m in models)
    ann, snn = (build.counters[name][0] for name in ("ann", "snn"))
    assert ann.sops == snn.macs == 0
    windows = 1 / (PERIOD_S * FRAME_RATE_HZ)
    report = make_report(build, "")
    _asks_for_jin2023(build)
    assert report.counters.sops_per_frame == pytest.approx(
        np.mean([c.sops for c in build.counters["snn"]]), rel=1e-3
    )
    # the read-out's four products are the host's
    per_ann = np.mean([c.macs for c in build.counters["ann"]]) + 4
    assert report.counters.macs_per_frame == pytest.approx(per_ann / windows + 4, rel=1e-3)
    assert "every window of events" in render_markdown(report, max_bytes=10**6)
    write(build, tmp_path)
    kept = Deployment.open(tmp_path)
    rng = np.random.default_rng(0)
    view = rng.integers(0, 256, (2, SIDE, SIDE)).astype(np.uint8)
    events = (rng.random((TIMESTEPS, 2, SIDE, SIDE)) < 0.2).astype(np.uint8)
    mapped, golden = kept.executor("mapped"), kept.executor("golden")
    for _ in range(2):
        np.testing.assert_array_equal(mapped.window(events), golden.window(events))
        np.testing.assert_array_equal(*(e.frame(view[None])[0] for e in (mapped, golden)))


def test_a_schedule_for_one_network_and_what_is_too_slow_for_its_windows() -> None:
    build = compiled(hybrid(), Recipe(), "snn=folded,ann=semi-folded:4")
    assert [build.graphs[n].schedule for n in ("ann", "snn")] == ["semi-folded:4", "folded"]
    assert rate_concerns(build) == []
    quicker = tuple(
        dataclasses.replace(step, period_s=1e-4) if step.trigger == "on_event" else step
        for step in build.golden.schedule
    )
    build.programs["golden"] = dataclasses.replace(build.golden, schedule=quicker)
    (found,) = rate_concerns(build)
    assert (found.code, found.where) == ("NM0343", "snn")


def test_an_ann_that_runs_on_every_third_frame() -> None:
    program = hybrid_program()
    steps = tuple(
        dataclasses.replace(s, every=3) if s.name == "ann" else s for s in program.schedule
    )
    slower = dataclasses.replace(program, schedule=steps)
    runner = reference_executor(slower)
    frame = np.zeros((1, 2, SIDE, SIDE))
    assert [len(runner.frame(frame)) for _ in range(5)] == [1, 0, 0, 1, 0]


@pytest.mark.parametrize("levels", [None, 32])
def test_a_check_says_which_cores_store_indices(levels: int | None) -> None:
    recipe = Recipe(weight_levels=levels)
    fit = feasibility(hybrid(), load_target("tianjic"), Options(recipe, verify=False))
    for network in fit.networks:
        used = {row.limit: row for row in network.limits}.get("core.weight_indices")
        cores = sum(int(str(row["indexed_cores"])) for row in network.layers)
        # blocks of few weights are smaller as they are
        assert (used is not None) == (cores > 0)
        assert used is None or used.used <= used.allowed == 32
        if levels:
            assert used is not None and f"{cores} of {network.cores} cores" in used.where


def test_levels_are_warned_of_where_no_core_stores_a_table() -> None:
    build = compiled(siamese(), Recipe(timesteps=2, weight_levels=9))
    assert level_concerns(build) == []
    build.target = load_target("loihi2")
    (found,) = level_concerns(build)
    assert (found.code, found.severity) == ("NM0219", "warning")
    assert "9 levels" in found.found


def test_a_check_shows_the_curve_and_other_chips_refuse() -> None:
    fit = feasibility(hybrid(), load_target("tianjic"), Options(verify=False))
    assert sorted(fit.pooling) == [("pool", "or"), ("pool1", "maximum")]
    curve = fit.networks[0].as_json()["curve"]
    assert len(curve) > 3
    cores = [row["cores"] for row in curve if row["cores"] is not None]
    assert cores == sorted(cores, reverse=True)
    for target, schedule, code in (
        ("loihi2", "", "NM0301"),
        ("truenorth", "semi-folded", "NM0342"),
        ("tianjic", "sideways", "NM0348"),
    ):
        with pytest.raises(NmError) as error:
            feasibility(hybrid(), load_target(target), Options(verify=False, schedule=schedule))
        assert set(error.value.codes) == {code}
