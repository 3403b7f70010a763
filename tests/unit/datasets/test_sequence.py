"""Sequence readers: the layouts, and what is said about broken folders."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.data import DATA

from nmcompile.datasets.boxes import polygon_to_box, read_boxes
from nmcompile.datasets.sequence import check_init_box, open_sequence
from nmcompile.diagnostics import NmError


def make_frames(folder: Path, count: int, pattern: str = "{:04d}.png") -> None:
    """Frames whose red channel is 10 x their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        picture = np.zeros((24, 32, 3), np.uint8)
        picture[..., 2] = 10 * number  # OpenCV writes BGR
        cv2.imwrite(str(folder / pattern.format(number)), picture)


@pytest.mark.parametrize("separator", [",", "\t", " ", ", "])
def test_otb_boxes_count_from_one_in_the_file(tmp_path: Path, separator: str) -> None:
    """Any separator; the corner is shifted to count from 0; frames are RGB."""
    make_frames(tmp_path / "img", 2)
    text = "\n".join(separator.join(row) for row in (("5", "6", "7", "8"), ("6", "7", "7", "8")))
    (tmp_path / "groundtruth_rect.txt").write_text(text + "\n")
    sequence = open_sequence(tmp_path)
    assert sequence.boxes is not None
    np.testing.assert_array_equal(sequence.boxes, [[4, 5, 7, 8], [5, 6, 7, 8]])
    assert len(sequence) == 2
    assert sequence.frames[1].shape == (24, 32, 3)
    assert sequence.frames[1][0, 0].tolist() == [20, 0, 0]
    assert [int(frame[0, 0, 0]) for frame in sequence] == [10, 20]


def test_got10k_counts_from_zero_in_the_folder_itself(tmp_path: Path) -> None:
    """Eight-digit names beside groundtruth.txt with commas."""
    make_frames(tmp_path, 3, "{:08d}.png")
    (tmp_path / "groundtruth.txt").write_text("1.5,2,3,4\n2,2,3,4\n0,0,0,0\n")
    boxes = open_sequence(tmp_path).boxes
    assert boxes is not None
    np.testing.assert_array_equal(boxes[:2], [[1.5, 2, 3, 4], [2, 2, 3, 4]])
    assert np.isnan(boxes[2]).all()


def test_frames_are_ordered_by_number(tmp_path: Path) -> None:
    """10.png comes after 9.png."""
    make_frames(tmp_path, 11, "{}.png")
    assert [int(f[0, 0, 0]) // 10 for f in open_sequence(tmp_path)] == list(range(1, 12))


def test_boxes_that_end_early_or_start_late(tmp_path: Path) -> None:
    """Frames without a line have no box; `annotated` is the part that has them."""
    make_frames(tmp_path / "img", 5)
    (tmp_path / "groundtruth_rect.txt").write_text("1,1,4,4\n2,1,4,4\n")
    (tmp_path / "cfg.json").write_text('{"startFrame": 3}')
    sequence = open_sequence(tmp_path)
    assert sequence.first_box == 2
    part = sequence.annotated()
    assert len(part) == 2
    assert int(part.frames[0][0, 0, 0]) == 30
    assert part.boxes is not None
    np.testing.assert_array_equal(part.boxes, [[0, 0, 4, 4], [1, 0, 4, 4]])


def test_polygon_keeps_centre_and_area() -> None:
    """A square turned by 45 degrees: bounds of side 2 shrink to the square's own area."""
    box = polygon_to_box(np.array([1.0, 0, 2, 1, 1, 2, 0, 1]))
    side = np.sqrt(2.0)
    np.testing.assert_allclose(box, [1 - side / 2, 1 - side / 2, side, side])


def test_upright_polygon_is_its_own_box() -> None:
    """Nothing is lost when the corners are an upright rectangle."""
    box = polygon_to_box(np.array([3.0, 4, 8, 4, 8, 6, 3, 6]))
    np.testing.assert_allclose(box, [3, 4, 5, 2])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"1,2,3,4\n1,2,x,4\n", 2),
        (b"1,2,3\n", 1),
        (b"1,2,3,4\n\n1,2,3,4\n", 2),
        (b"\xff\xfe\x00", 1),
    ],
)
def test_bad_ground_truth_names_file_and_line(tmp_path: Path, content: bytes, line: int) -> None:
    """The diagnostic points at the line."""
    path = tmp_path / "groundtruth.txt"
    path.write_bytes(content)
    with pytest.raises(NmError) as error:
        read_boxes(path)
    assert error.value.codes == ("NM0513",)
    assert error.value.diagnostics[0].where == f"{path}:{line}"


def test_missing_empty_and_mismatched_folders(tmp_path: Path) -> None:
    """Each gets its own code."""
    with pytest.raises(NmError) as missing:
        open_sequence(tmp_path / "nowhere")
    with pytest.raises(NmError) as empty:
        open_sequence(tmp_path)
    make_frames(tmp_path / "img", 1)
    (tmp_path / "groundtruth_rect.txt").write_text("1,1,4,4\n1,1,4,4\n")
    with pytest.raises(NmError) as surplus:
        open_sequence(tmp_path)
    codes = [e.value.codes for e in (missing, empty, surplus)]
    assert codes == [("NM0510",), ("NM0511",), ("NM0514",)]


def test_a_broken_frame_is_reported_when_it_is_read(tmp_path: Path) -> None:
    """Opening is lazy; the frame's path is in the message."""
    make_frames(tmp_path, 2)
    (tmp_path / "0002.png").write_bytes(b"not a picture")
    sequence = open_sequence(tmp_path)
    assert sequence.boxes is None
    with pytest.raises(NmError) as error:
        sequence.frames[1]
    assert error.value.codes == ("NM0512",)
    assert error.value.diagnostics[0].where.endswith("0002.png")


def test_video_file_forwards_backwards_and_length(tmp_path: Path) -> None:
    """A video is a sequence without boxes; going back decodes again."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for level in (20, 90, 160, 230):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    sequence = open_sequence(path)
    assert sequence.boxes is None
    assert len(sequence) == 4
    levels = [int(sequence.frames[i].mean()) for i in (3, 0, 2, -1)]
    np.testing.assert_allclose(levels, [230, 20, 160, 230], atol=4)
    np.testing.assert_allclose([f.mean() for f in sequence], [20, 90, 160, 230], atol=4)
    with pytest.raises(IndexError):
        sequence.frames[4]


def test_a_text_file_is_no_video(tmp_path: Path) -> None:
    """OpenCV's silence becomes a diagnostic."""
    path = tmp_path / "clip.mp4"
    path.write_text("hello")
    with pytest.raises(NmError) as error:
        open_sequence(path)
    assert error.value.codes == ("NM0515",)


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (40, 0, 5, 5), (0, 0, 5), (0, 0, 5, float("nan"))])
def test_first_box_outside_the_frame(box: tuple[float, ...]) -> None:
    """An empty or outside box is refused, a partly visible one is not."""
    frame = np.zeros((24, 32, 3), np.uint8)
    assert check_init_box((-2, -2, 5, 5), frame) == (-2.0, -2.0, 5.0, 5.0)
    with pytest.raises(NmError) as error:
        check_init_box(box, frame)
    assert error.value.codes == ("NM0516",)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "frames", "boxes"),
    [("Crossing", 120, 120), ("Football1", 81, 74), ("vot15_bag", 196, 196)],
)
def test_real_sequences_open(name: str, frames: int, boxes: int) -> None:
    """Frame and box counts as the data's README states them."""
    sequence = open_sequence(DATA / "sequences" / name)
    assert len(sequence) == frames
    assert sequence.boxes is not None
    assert len(sequence.annotated()) == boxes
    assert sequence.frames[0].dtype == np.uint8
