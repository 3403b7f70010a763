"""Exploring with builds that cost nothing: what is computed, what is kept, what is told."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nmcompile.diagnostics import Diagnostic, NmError, as_json
from nmcompile.explore import points as work
from nmcompile.explore import run as runner
from nmcompile.explore.grid import axis, grid
from nmcompile.explore.output import check_folder, csv_text
from nmcompile.explore.plot import write_plot
from nmcompile.explore.points import BuildTask, Scored, folder_digest
from nmcompile.explore.run import ExploreRequest, explore
from nmcompile.explore.schema import SCHEMA_FILE, Exploration, schema_text
from nmcompile.explore.tables import best_text, exploration_tables
from nmcompile.passes.recipe import Recipe
from nmcompile.report.terminal import plain_tables

WIDE = Diagnostic(code="NM0311", message="too many axons", where="conv2", found="504 axons")


class Builder:
    """Stands for `run_build`: T = 4 is too wide, `wrong` is what happens to a label."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.wrong: dict[str, BaseException] = {}

    def __call__(self, task: BuildTask, tick: Any) -> dict[str, Any]:
        label = task.point.label
        self.built.append(label)
        if label in self.wrong:
            raise self.wrong[label]
        steps, bits = task.point.recipe.timesteps or 16, task.point.recipe.weight_bits
        if steps == 4:
            return {"built": False, "diagnostics": [as_json(WIDE)]}
        task.folder.mkdir(parents=True, exist_ok=True)
        (task.folder / "manifest.json").touch()
        tick()
        figures = {
            "energy_per_frame_j": 1e-4 * steps,
            "cores": 10.0 * bits,
            "fps": 1000.0 / steps,
            "response_correlation": 0.9 - 1.0 / (steps * bits),
        }
        return {
            "built": True,
            "verdict": "verified",
            "figures": figures,
            "bounds": {"energy_per_frame_j": "at_least"},
            "energy_j": [5e-5 * steps, 2e-4 * steps],
        }


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    model = SimpleNamespace(program=SimpleNamespace(name="net"), sha256="ab" * 32)
    monkeypatch.setattr(runner, "load", lambda _: model)
    made = Builder()
    monkeypatch.setattr(work, "run_build", made)
    return made


def request(out: Path, timesteps: str = "4,8,16", bits: str = "8,4", **more: Any) -> ExploreRequest:
    axes = [axis("timesteps", timesteps, "-"), axis("weight_bits", bits, "-")]
    return ExploreRequest(Path("net.pt"), grid(Recipe(), ("loihi2",), axes), out, **more)


def test_a_grid_is_built_once(builder: Builder, tmp_path: Path) -> None:
    found = explore(request(tmp_path))
    assert len(builder.built) == 6
    assert [r.status for r in found.rows] == ["failed"] * 2 + ["done"] * 4
    assert found.rows[0].failures[0].code == "NM0311"
    assert explore(request(tmp_path)) == found
    assert explore(request(tmp_path, timesteps="16,32")).rows[0] == found.rows[4]
    assert len(builder.built) == 8  # the two points at T = 32


def test_points_outlive_their_builds(builder: Builder, tmp_path: Path) -> None:
    explore(request(tmp_path, "8"))
    for manifest in tmp_path.glob("builds/*/manifest.json"):
        manifest.unlink()
    explore(request(tmp_path, "8"))
    assert len(builder.built) == 2
    for point in tmp_path.glob("points/*.json"):
        point.write_text("{")
    explore(request(tmp_path, "8"))
    assert len(builder.built) == 4


def test_an_interrupt_keeps_what_is_finished(builder: Builder, tmp_path: Path) -> None:
    builder.wrong["loihi2 timesteps=16 weight_bits=8"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        explore(request(tmp_path))
    kept = Exploration.model_validate_json((tmp_path / "explore.json").read_text())
    assert [r.status for r in kept.rows] == ["failed"] * 2 + ["done"] * 2 + ["open"] * 2
    builder.wrong.clear()
    done = len(builder.built)
    assert {r.status for r in explore(request(tmp_path)).rows} == {"failed", "done"}
    assert len(builder.built) == done + 2


def test_a_crash_is_a_row_and_is_tried_again(builder: Builder, tmp_path: Path) -> None:
    builder.wrong["loihi2 timesteps=8 weight_bits=8"] = ZeroDivisionError("1 / 0")
    rows = explore(request(tmp_path)).rows
    assert [r.status for r in rows].count("done") == 3
    assert rows[2].status == "crashed"
    assert rows[2].failures[0].text.endswith("(ZeroDivisionError: 1 / 0)")
    builder.wrong.clear()
    assert explore(request(tmp_path)).rows[2].status == "done"
    assert len(builder.built) == 7


def test_what_makes_a_point_another(tmp_path: Path) -> None:
    point, other = grid(Recipe(), ("loihi2", "loihi1"), [])
    wide = grid(Recipe(weight_bits=4), ("loihi2",), [])[0]
    plain = (point, Path("/a/net.pt"), "ab", Path("/out"))
    same = Scored(BuildTask(point, Path("/b/copy.pt"), "ab", Path("/elsewhere")), {})
    assert same.digest == Scored(BuildTask(*plain), {}).digest
    digests = {
        Scored(BuildTask(*plain), {}).digest,
        Scored(BuildTask(*plain), {"level": "golden"}).digest,
        Scored(BuildTask(*plain, verify=False), {}).digest,
        Scored(BuildTask(*plain, calibrate="synthetic"), {}).digest,
        Scored(BuildTask(*plain, images="cd"), {}).digest,
        Scored(BuildTask(*plain, schedule="folded"), {}).digest,
        Scored(BuildTask(point, Path("/a/net.pt"), "cd", Path("/out")), {}).digest,
        Scored(BuildTask(other, *plain[1:]), {}).digest,
        Scored(BuildTask(wide, *plain[1:]), {}).digest,
    }
    assert len(digests) == 9
    (tmp_path / "a.png").write_bytes(b"1")
    before = folder_digest(str(tmp_path))
    (tmp_path / "a.png").write_bytes(b"2")
    assert before != folder_digest(str(tmp_path))


def test_fronts_and_best(builder: Builder, tmp_path: Path) -> None:
    found = explore(request(tmp_path))
    labels = {row.point: row.label for row in found.rows}
    assert [labels[p] for p in found.fronts.energy_accuracy] == [
        "loihi2 timesteps=8 weight_bits=8",
        "loihi2 timesteps=16 weight_bits=8",
    ]
    assert [labels[p] for p in found.fronts.cores_fps] == ["loihi2 timesteps=8 weight_bits=4"]
    assert found.best is not None
    assert labels[found.best.point or ""] == "loihi2 timesteps=16 weight_bits=8"


def test_tables(builder: Builder, tmp_path: Path) -> None:
    found = explore(request(tmp_path, by="fps"))
    text = plain_tables(exploration_tables(found), width=160)
    assert ">= 800 uJ" in text
    car = found.model_copy(update={"model": ":car: [red]"})
    assert ":car: [red] on the build's own frames" in plain_tables(exploration_tables(car))
    assert "NM0311 conv2: too many axons (504 axons)" in text
    assert best_text(found).startswith("best by fps: loihi2 timesteps=8 weight_bits=4 (125 FPS)")
    lines = list(csv.DictReader(StringIO(csv_text(found))))
    assert [line["code"] for line in lines] == ["NM0311"] * 2 + [""] * 4
    assert lines[2]["energy_per_frame_j"] == "0.0008"
    assert lines[2]["energy_per_frame_j_bound"] == "at_least"
    assert [line["front_energy_accuracy"] for line in lines] == ["0", "0", "1", "0", "1", "0"]
    assert json.loads((tmp_path / "explore.json").read_text())["rows"][2]["verdict"] == "verified"


def test_the_plot_is_the_same_each_time(builder: Builder, tmp_path: Path) -> None:
    found = explore(request(tmp_path))
    _, svg = write_plot(found, tmp_path)
    first = svg.read_bytes()
    assert b"energy per frame (arrow: parts have no figure)" in first
    assert b"T = 8, 8 bit" in first
    write_plot(found, tmp_path)
    assert svg.read_bytes() == first
    assert write_plot(explore(request(tmp_path, "4")), tmp_path) == ()
    assert not svg.exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(NmError) as refused:
        check_folder(tmp_path)
    assert refused.value.codes == ("NM0560",)


def test_the_published_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text() == schema_text()
