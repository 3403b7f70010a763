"""Event files: this project's archives, N-MNIST, AEDAT4; and damaged ones."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from support.data import DATA

from nmcompile.datasets.events.archive import open_hybrid, save_archive, save_hybrid, with_frames
from nmcompile.datasets.events.generated import GeneratedOptions, generated_hybrid
from nmcompile.datasets.events.readers import open_events
from nmcompile.datasets.sequence import open_sequence
from nmcompile.diagnostics import Diagnostic, NmError

SMALL = GeneratedOptions(frames=3, substeps=4, width=40, height=32, object_size=12)
MAGIC = b"#!AER-DAT4.0\r\n"


def refused(path: Path) -> Diagnostic:
    with pytest.raises(NmError) as caught:
        open_events(path)
    return caught.value.diagnostics[0]


def nmnist(*records: tuple[int, int, int, int]) -> bytes:
    """Five bytes for every (x, y, on, t)."""
    return b"".join(
        bytes([x, y, on << 7 | t >> 16, t >> 8 & 255, t & 255]) for x, y, on, t in records
    )


def test_archives_and_folders_keep_everything(tmp_path: Path) -> None:
    film = generated_hybrid(3, SMALL)
    archive, folder = tmp_path / "a.npz", tmp_path / "film"
    save_archive(archive, film)
    save_hybrid(folder, film)
    for found in (open_events(archive), open_events(folder), open_hybrid(folder)):
        assert found.events.digest() == film.events.digest()
        np.testing.assert_array_equal(found.boxes, film.boxes)
        np.testing.assert_array_equal(found.box_times_us, film.box_times_us)
        np.testing.assert_array_equal(found.frame_times_us, film.frame_times_us)
    for found_frame, frame in zip(open_hybrid(folder).frames, film.frames, strict=True):
        np.testing.assert_array_equal(found_frame, frame)
    first = archive.read_bytes()
    save_archive(archive, film)
    assert archive.read_bytes() == first


def test_a_hybrid_folder_is_an_ordinary_sequence(tmp_path: Path) -> None:
    film = generated_hybrid(4, SMALL)
    save_hybrid(tmp_path / "film", film)
    sequence = open_sequence(tmp_path / "film")
    assert len(sequence) == len(film)
    np.testing.assert_allclose(sequence.boxes, film.frame_boxes, atol=1e-3)


def test_a_hybrid_folder_is_replaced_and_others_are_not(tmp_path: Path) -> None:
    """Frames of two sequences are never mixed."""
    folder = tmp_path / "film"
    save_hybrid(folder, generated_hybrid(4, SMALL))
    shorter = generated_hybrid(5, GeneratedOptions(frames=2, substeps=2, width=40, height=32))
    save_hybrid(folder, shorter)
    assert len(open_hybrid(folder)) == 2
    (folder / "events.npz").unlink()
    before = sorted(folder.rglob("*"))
    with pytest.raises(NmError) as caught:
        save_hybrid(folder, shorter)
    assert caught.value.diagnostics[0].code == "NM0551"
    assert sorted(folder.rglob("*")) == before


def test_frames_and_times_must_match(tmp_path: Path) -> None:
    film = generated_hybrid(4, SMALL)
    save_archive(tmp_path / "a.npz", film)
    recording = open_events(tmp_path / "a.npz")
    assert len(with_frames(recording, film.frames, "film")) == len(film)
    with pytest.raises(NmError) as caught:
        with_frames(recording, film.frames[:-1], "film")
    assert caught.value.diagnostics[0].code == "NM0549"
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty").code == "NM0549"


def test_archives_that_are_cut_off_or_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_archive(path, generated_hybrid(3, SMALL))
    content = path.read_bytes()
    for damaged in (b"", b"hello", content[:-40], content[: len(content) // 2]):
        path.write_bytes(damaged)
        found = refused(path)
        assert (found.code, found.where) == ("NM0543", f"{path}:{len(damaged)}")
    for change in (slice(60, 70), slice(len(content) // 2, len(content) // 2 + 9)):
        flipped = bytearray(content)
        flipped[change] = bytes(255 - b for b in flipped[change])
        path.write_bytes(bytes(flipped))
        assert refused(path).code == "NM0543"
    np.savez(path, t=np.arange(3))
    assert refused(path).code == "NM0543"
    np.savez(path, np.array([{"pickled": 1}], object))
    assert refused(path).code == "NM0543"


def test_nmnist_records(tmp_path: Path) -> None:
    """Bits of every field; a record with y = 240 moves the clock by 2**13 us."""
    path = tmp_path / "digit.bin"
    path.write_bytes(nmnist((1, 2, 1, 5), (33, 0, 0, 70000), (7, 240, 0, 70000), (4, 33, 1, 70001)))
    events = open_events(path).events
    assert (events.width, events.height) == (34, 34)
    assert events.t_us.tolist() == [5, 70000, 70001 + 8192]
    assert events.x.tolist() == [1, 33, 4]
    assert events.y.tolist() == [2, 0, 33]
    assert events.p.tolist() == [True, False, True]


def test_nmnist_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "digit.bin"
    good = nmnist((1, 2, 1, 5), (3, 4, 0, 9))
    cases = (
        (b"", "NM0543", f"{path}:0"),
        (good[:-2], "NM0543", f"{path}:5"),
        (good + nmnist((34, 0, 0, 10)), "NM0544", f"{path}:10 (event 3)"),
        (good + nmnist((1, 0, 0, 8)), "NM0544", f"{path}:10 (event 3)"),
    )
    for content, code, where in cases:
        path.write_bytes(content)
        found = refused(path)
        assert (found.code, found.where) == (code, where)


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n")
    assert refused(tmp_path / "a.csv").code == "NM0545"
    assert refused(tmp_path / "missing.npz").code == "NM0545"


DECODER = """
import os
import numpy as np
mode = os.environ["DECODER_MODE"]
class Decoder:
    def __init__(self, path):
        if mode == "header": os.abort()
    def id_to_stream(self):
        return {2: {"type": "imus"}, 1: {"type": "events", "width": 8, "height": 6}}
    def __iter__(self):
        kind = [("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("on", "?")]
        parts = [
            np.array([(10, 1, 2, True), (12, 7, 5, False)], kind),
            np.array([(12, 0, 0, True)], kind),
        ]
        first, second = parts[::-1] if mode == "swapped" else parts
        yield {"stream_id": 1, "events": first}
        yield {"stream_id": 2, "imus": None}
        yield {"stream_id": 1, "events": second}
        if mode == "cut": raise RuntimeError("cut off")
        if mode == "abort": os.abort()
"""
"""Stands for the package, in the process that decodes: three packets, then what is asked for."""


def aedat4_file(path: Path) -> None:
    """Magic, a header of 20 bytes, three whole packets, and the head of a fourth."""
    packets = b"".join(struct.pack("<II", 1, size) + bytes(size) for size in (30, 4, 9))
    path.write_bytes(MAGIC + struct.pack("<I", 20) + bytes(20) + packets + b"\1\0\0\0")


def test_aedat4_streams_and_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets of the first event stream join; an unreadable packet is named by its byte."""
    path = tmp_path / "a.aedat4"
    aedat4_file(path)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "aedat.py").write_text(DECODER)
    monkeypatch.syspath_prepend(tmp_path / "package")
    monkeypatch.setenv("DECODER_MODE", "good")
    events = open_events(path).events
    assert events.t_us.tolist() == [10, 12, 12]
    assert events.x.tolist() == [1, 7, 0]
    assert events.p.tolist() == [True, False, True]
    assert (events.width, events.height) == (8, 6)
    fourth = 14 + 4 + 20 + 38 + 12 + 17
    cases = (
        ("cut", "NM0543", f"{path}:{fourth}", "cut off"),
        ("abort", "NM0543", f"{path}:{fourth}", "crashed"),
        ("header", "NM0543", f"{path}:14", "crashed"),
        ("swapped", "NM0544", f"{path} (event 2)", "10 us"),
    )
    for mode, code, where, said in cases:
        monkeypatch.setenv("DECODER_MODE", mode)
        found = refused(path)
        assert (found.code, found.where) == (code, where)
        assert said in found.found
    path.write_bytes(b"#!AER-DAT2.0\r\n")
    assert refused(path).code == "NM0543"


def test_aedat4_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.aedat4"
    aedat4_file(path)
    monkeypatch.setitem(sys.modules, "aedat", None)
    found = refused(path)
    assert (found.code, int(found.exit_code)) == ("NM0711", 6)
    assert any("pip install" in line for line in found.help)


@pytest.mark.data
def test_real_recordings(tmp_path: Path) -> None:
    """The samples decode as other readers decode them, and say where they are cut."""
    digit = open_events(DATA / "events" / "sample_nmnist.bin").events
    assert (len(digit), digit.duration_us) == (4325, 310521)
    pytest.importorskip("aedat", reason="pip install 'nmcompile[events]'")
    sample = DATA / "events" / "sample.aedat4"
    events = open_events(sample).events
    assert (len(events), events.width, events.height) == (111954, 320, 240)
    content = sample.read_bytes()
    cut = tmp_path / "cut.aedat4"
    cut.write_bytes(content[:400_000])
    assert refused(cut).where == f"{cut}:397861"
    cut.write_bytes(content[:200_000] + b"\xff" * 3000 + content[203_000:])
    assert refused(cut).where == f"{cut}:199952"
