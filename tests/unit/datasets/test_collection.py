"""Readers of benchmark folders: each layout, and what is said about broken ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.data import DATA
from support.videos import counted_from_one, moving_patch, otb_folder, write_frames, write_lines

from nmcompile.datasets.collection import Collection, open_collection
from nmcompile.diagnostics import NmError


def refused(text: str) -> NmError:
    with pytest.raises(NmError) as caught:
        open_collection(text)
    return caught.value


def test_otb_attributes_and_origin(tmp_path: Path) -> None:
    otb_folder(tmp_path, {"B": 3, "A": 4})
    found = open_collection(f"otb:{tmp_path}")
    assert [e.name for e in found.entries] == ["A", "B"]
    assert found.attributes == ("BC", "SV")
    np.testing.assert_array_equal(found.entries[0].boxes, moving_patch(4, 1)[1])
    assert found.entries[0].origin == 1.0


def test_otb_with_two_targets_and_with_start_frames(tmp_path: Path) -> None:
    frames, boxes = moving_patch(6)
    for name in ("Jogging", "David", "Late"):
        write_frames(tmp_path / name / "img", frames)
    for target in "12":
        write_lines(tmp_path / "Jogging" / f"groundtruth_rect.{target}.txt", boxes + int(target))
    write_lines(tmp_path / "Late" / "groundtruth_rect.txt", boxes[:3])
    (tmp_path / "Late" / "frames.txt").write_text("3,5\n")
    found = {e.name: e for e in open_collection(f"otb:{tmp_path}").entries}
    assert sorted(found) == ["Jogging-1", "Jogging-2", "Late"]  # David has no ground truth
    assert found["Jogging-2"].boxes[0, 0] == found["Jogging-1"].boxes[0, 0] + 1
    assert found["Late"].sequence.first_box == 2
    assert len(found["Late"].annotated_boxes) == 3


def test_the_david_of_otb_begins_at_frame_300(tmp_path: Path) -> None:
    frames, boxes = moving_patch(2)
    write_frames(tmp_path / "David" / "img", frames * 151)
    write_lines(tmp_path / "David" / "groundtruth_rect.txt", boxes)
    assert open_collection(f"otb:{tmp_path}").entries[0].sequence.first_box == 299


def vot_sequence(root: Path, name: str, frames: int = 4) -> Path:
    pictures, boxes = moving_patch(frames)
    write_frames(root / name / "color", pictures, "{:08d}.png")
    x, y, w, h = boxes.T
    corners = np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1)
    write_lines(root / name / "groundtruth.txt", corners)
    return root / name


def test_vot_polygons_tags_and_list(tmp_path: Path) -> None:
    folder = vot_sequence(tmp_path, "bag")
    vot_sequence(tmp_path, "unlisted")
    (tmp_path / "list.txt").write_text("bag\n")
    (folder / "camera_motion.tag").write_text("0\n1\n1\n")
    (folder / "occlusion.tag").write_text("0\n0\n0\n0\n")
    (entry,) = open_collection(f"vot:{tmp_path}").entries
    assert entry.attributes == ("camera_motion",)
    assert entry.tags["camera_motion"].tolist() == [False, True, True, False]
    np.testing.assert_allclose(entry.boxes, moving_patch(4)[1])
    assert entry.corners[0].tolist() == [20, 20, 36, 20, 36, 34, 20, 34]


def test_got10k_leaves_out_absent_frames(tmp_path: Path) -> None:
    frames, boxes = moving_patch(4)
    folder = tmp_path / "GOT-10k_Val_000001"
    write_frames(folder, frames, "{:08d}.png")
    write_lines(folder / "groundtruth.txt", boxes)
    (folder / "absence.label").write_text("0\n0\n1\n0\n")
    (folder / "meta_info.ini").write_text("[METAINFO]\nmotion_class: running\nother: x\n")
    (entry,) = open_collection(f"got10k:{tmp_path}").entries
    assert np.isnan(entry.boxes[2]).all()
    assert np.isfinite(entry.boxes[[0, 1, 3]]).all()
    assert entry.attributes == ("motion_class=running",)


def uav_folder(root: Path) -> Path:
    frames, boxes = moving_patch(6)
    write_frames(root / "data_seq" / "UAV123" / "car1", frames, "{:06d}.png")
    boxes[1] = np.nan
    write_lines(root / "anno" / "UAV123" / "car1_2.txt", counted_from_one(boxes[2:5]))
    write_lines(root / "anno" / "UAV123" / "car1_1.txt", counted_from_one(boxes[:2]))
    return root


def test_uav_parts_of_one_video(tmp_path: Path) -> None:
    uav_folder(tmp_path)
    line = (
        r"struct('name','car1_{}','path','..\data_seq\UAV123\car1\','startFrame',{},'endFrame',{},"
    )
    (tmp_path / "configSeqs.m").write_text(line.format(1, 1, 2) + "\n" + line.format(2, 3, 5))
    (tmp_path / "anno" / "UAV123" / "att").mkdir()
    (tmp_path / "anno" / "UAV123" / "att" / "car1_2.txt").write_text("1,0,0,0,0,0,0,0,0,0,0,1")
    first, second = open_collection(f"uav:{tmp_path}").entries
    assert (len(first.sequence), len(second.sequence)) == (2, 3)
    assert np.isnan(first.boxes[1]).all()
    np.testing.assert_array_equal(second.boxes, moving_patch(6)[1][2:5])
    np.testing.assert_array_equal(second.sequence.frames[0], moving_patch(6)[0][2])
    assert second.attributes == ("SOB", "SV")


def test_uav_without_its_config_says_what_is_missing(tmp_path: Path) -> None:
    uav_folder(tmp_path)
    error = refused(f"uav:{tmp_path}")
    assert error.codes == ("NM0535",)
    assert any("configSeqs.m" in line for line in error.diagnostics[0].help)


def test_unknown_kind_gets_a_suggestion(tmp_path: Path) -> None:
    error = refused(f"ob:{tmp_path}")
    assert error.codes == ("NM0532",)
    assert error.diagnostics[0].help == ("did you mean `otb`?",)
    assert refused(str(tmp_path)).codes == ("NM0532",)


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for kind in ("otb", "vot", "got10k", "uav"):
        assert refused(f"{kind}:{tmp_path}").codes == ("NM0533",)
        assert refused(f"{kind}:{tmp_path / 'none'}").codes == ("NM0533",)


@pytest.mark.parametrize(
    ("labels", "code"), [("0\n1\n", "NM0534"), ("0\n0\n0\n0\n0\n", "NM0534"), ("0\n?\n", "NM0536")]
)
def test_absence_labels_that_do_not_fit(tmp_path: Path, labels: str, code: str) -> None:
    frames, boxes = moving_patch(4)
    write_frames(tmp_path / "a", frames)
    write_lines(tmp_path / "a" / "groundtruth.txt", boxes)
    (tmp_path / "a" / "absence.label").write_text(labels)
    assert refused(f"got10k:{tmp_path}").codes == (code,)


def test_other_broken_files(tmp_path: Path) -> None:
    folder = vot_sequence(tmp_path, "a")
    (tmp_path / "list.txt").write_text("a gone\n")
    assert refused(f"vot:{tmp_path}").codes == ("NM0535",)
    (tmp_path / "list.txt").unlink()
    (folder / "frames.txt").write_text("none")
    assert refused(f"otb:{tmp_path}").codes == ("NM0536",)
    (folder / "meta_info.ini").write_text("no section")
    assert refused(f"got10k:{tmp_path}").codes == ("NM0536",)
    (folder / "groundtruth.txt").write_text("1,2,3,4\n" * 9)
    assert refused(f"vot:{tmp_path}").codes == ("NM0514",)


def test_only_some_sequences(tmp_path: Path) -> None:
    found = open_collection(f"otb:{otb_folder(tmp_path, {'A': 2, 'B': 2})}")
    assert [e.name for e in found.only(("B",)).entries] == ["B"]
    assert found.only(()) is found
    with pytest.raises(NmError) as caught:
        found.only(("b",))
    assert caught.value.codes == ("NM0537",)


def test_only_the_first_frames(tmp_path: Path) -> None:
    folder = tmp_path / "vot" / "ball"
    frames, boxes = moving_patch(6)
    write_frames(folder, frames)
    boxes[0] = np.nan
    write_lines(folder / "groundtruth.txt", boxes)
    (folder / "occlusion.tag").write_text("0\n0\n0\n1\n0\n1\n")
    whole = open_collection(f"vot:{tmp_path / 'vot'}")
    short = whole.shortened(3).entries[0]
    assert whole.shortened(None) is whole
    assert len(short.sequence) == 4  # the first box is in the second frame
    assert short.sequence.first_box == 1
    assert len(short.annotated_boxes) == 3
    assert len(short.corners) == 4
    assert short.tags["occlusion"].tolist() == [False, False, False, True]
    assert short.digest != whole.entries[0].digest
    assert short.digest == open_collection(f"vot:{tmp_path / 'vot'}").shortened(3).entries[0].digest


@pytest.mark.data
def test_the_real_sequences() -> None:
    found: Collection = open_collection(f"otb:{DATA / 'sequences'}")
    frames = {e.name: len(e.annotated_boxes) for e in found.entries}
    assert frames["Football1"] == 74
    assert (frames["Crossing"], frames["Couple"], frames["Dog"], frames["vot15_bag"]) == (
        *(120, 140, 127),
        196,
    )
    assert "IPR" in next(e.attributes for e in found.entries if e.name == "Football1")
    bag = open_collection(f"vot:{DATA / 'sequences'}").only(("vot15_bag",)).entries[0]
    assert bag.polygons is not None
