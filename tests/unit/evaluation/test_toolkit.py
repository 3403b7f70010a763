"""Parts, and boxes in the formats of other toolkits; the static baseline needs no build."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.videos import moving_patch, otb_folder, write_frames, write_lines

from nmcompile.datasets.collection import Collection, open_collection
from nmcompile.evaluation.parts import Part, run_part
from nmcompile.evaluation.run import Plan, Request, Row
from nmcompile.evaluation.tasks import ResultStore
from nmcompile.evaluation.toolkit import write_toolkit_results
from nmcompile.evaluation.variants import STATIC, Variant

STILL = Variant("", "", "", STATIC)


def written(collection: Collection, protocol: str, folder: Path) -> dict[str, list[str]]:
    parts = tuple((Part(STILL, protocol, e),) for e in collection.entries)  # type: ignore[arg-type]
    plan = Plan(Request((folder / "b",)), collection, (Row(protocol, STILL, parts),))
    results = {part.digest: run_part(part) for part in plan.parts}
    write_toolkit_results(plan, results, folder)
    found = {}
    for path in sorted(p for p in folder.rglob("*.txt") if p.is_file()):
        found[path.relative_to(folder).as_posix()] = path.read_text().splitlines()
    return found


def got10k(root: Path) -> Collection:
    frames, boxes = moving_patch(5)
    write_frames(root / "GOT-10k_Val_000001", frames, "{:08d}.png")
    write_lines(root / "GOT-10k_Val_000001" / "groundtruth.txt", boxes)
    (root / "GOT-10k_Val_000001" / "absence.label").write_text("0\n0\n0\n1\n1\n")
    return open_collection(f"got10k:{root}")


def test_got10k_has_a_line_for_every_frame(tmp_path: Path) -> None:
    """The object is absent from the last two frames: they repeat the last box."""
    found = written(got10k(tmp_path / "data"), "ope", tmp_path / "out")
    (path,) = found
    assert path == "GOT-10k/b-static-box/GOT-10k_Val_000001/GOT-10k_Val_000001_001.txt"
    assert found[path] == ["20.000,20.000,16.000,14.000"] * 5


def test_otb_has_a_line_for_every_annotated_frame(tmp_path: Path) -> None:
    data = otb_folder(tmp_path / "data", {"A": 4})
    frames, _ = moving_patch(6)
    write_frames(data / "A" / "img", frames)  # two frames more than boxes
    found = written(open_collection(f"otb:{data}"), "ope", tmp_path / "out")
    assert found == {"OTB/b-static-box/A.txt": ["21.000,21.000,16.000,14.000"] * 4}


def test_vot_marks_starts_failures_and_skipped_frames(tmp_path: Path) -> None:
    data = otb_folder(tmp_path / "data", {"A": 16})
    found = written(open_collection(f"vot:{data}"), "vot", tmp_path / "out")
    lines = found["VOT/b-static-box/baseline/A/A_001.txt"]
    # the patch moves 2 pixels right per frame and is 16 wide: frame 8 no longer overlaps
    assert lines[0] == "1"
    assert lines[1] == lines[7] == "20.000,20.000,16.000,14.000"
    assert lines[8:14] == ["2", "0", "0", "0", "0", "1"]


def test_a_damaged_or_foreign_part_is_done_again(tmp_path: Path) -> None:
    entry = got10k(tmp_path / "data").entries[0]
    store, part = ResultStore(tmp_path / "parts"), Part(STILL, "ope", entry)
    assert store.load(part) is None
    result = run_part(part)
    store.save(part, result)
    assert store.load(part) == result
    assert [p.suffix for p in store.folder.iterdir()] == [".json"]
    path = store.path(part)
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    assert store.load(part) is None
    content = json.loads(whole)
    content["key"]["nmcompile"] = "0"
    path.write_text(json.dumps(content))
    assert store.load(part) is None


@pytest.mark.parametrize("protocol", ["ope", "restart", "vot"])
def test_a_part_ticks_once_per_step(tmp_path: Path, protocol: str) -> None:
    entry = open_collection(f"otb:{otb_folder(tmp_path, {'A': 30})}").entries[0]
    part = Part(STILL, protocol, entry)  # type: ignore[arg-type]
    ticks: list[int] = []
    run_part(part, lambda: ticks.append(1))
    assert len(ticks) == part.steps


def test_the_data_decide_the_digest(tmp_path: Path) -> None:
    data = otb_folder(tmp_path, {"A": 4})
    first = Part(STILL, "ope", open_collection(f"otb:{data}").entries[0]).digest
    again = Part(STILL, "ope", open_collection(f"otb:{data}").entries[0]).digest
    _, boxes = moving_patch(4)
    write_lines(data / "A" / "groundtruth_rect.txt", boxes + np.array([2.0, 1.0, 0.0, 0.0]))
    other = Part(STILL, "ope", open_collection(f"otb:{data}").entries[0]).digest
    assert first == again != other
