"""Every kind of file that is not a model gets its own code."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.frontends import archive
from nmcompile.frontends.sniff import sniff

torch = pytest.importorskip("torch")


def refused(path: Path) -> tuple[str, str]:
    """Code and rendered text of the refusal."""
    with pytest.raises(NmError) as caught:
        sniff(path)
    assert len(caught.value.diagnostics) == 1
    assert caught.value.exit_code == 1
    return caught.value.codes[0], str(caught.value)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def zip_of(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_missing_names_the_near_one(tmp_path: Path) -> None:
    write(tmp_path / "siamsnn.pt", b"x")
    code, text = refused(tmp_path / "siamsn.pt")
    assert code == "NM0101"
    assert "siamsnn.pt" in text


def test_missing_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "no" / "m.pt")[0] == "NM0101"


def test_path_through_a_file(tmp_path: Path) -> None:
    write(tmp_path / "f", b"x")
    assert refused(tmp_path / "f" / "m.pt")[0] == "NM0101"


def test_folder_and_special_file(tmp_path: Path) -> None:
    assert refused(tmp_path)[0] == "NM0102"
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe")[0] == "NM0102"


def test_nul_in_the_name() -> None:
    assert refused(Path("a\0b"))[0] == "NM0102"


def test_empty(tmp_path: Path) -> None:
    assert refused(write(tmp_path / "m.pt", b""))[0] == "NM0103"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"hello\nworld\n", "hello"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        ("größe = 3\n".encode() * 2000, "größe"),
        (b"cos\nsystem\n(S'true'\ntR.", "cos"),  # a protocol 0 pickle is text, and stays text
    ],
)
def test_text(tmp_path: Path, content: bytes, word: str) -> None:
    code, text = refused(write(tmp_path / "m.pt", content))
    assert code == "NM0104"
    assert word in text


@pytest.mark.parametrize("keep", [6, 100, 0.5, 0.9, 0.999])
def test_truncated_checkpoint(tmp_path: Path, keep: float) -> None:
    buffer = io.BytesIO()
    torch.save({"format": "nmcompile", "w": torch.zeros(500)}, buffer)
    data = buffer.getvalue()
    length = int(keep if keep > 1 else keep * len(data))
    assert refused(write(tmp_path / "m.pt", data[:length]))[0] == "NM0105"


def test_truncated_legacy_checkpoint(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(5)}, tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    data = (tmp_path / "m.pt").read_bytes()
    assert refused(write(tmp_path / "cut.pt", data[:60]))[0] == "NM0105"


def test_truncated_hdf5_and_safetensors(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.nir", "w") as file:
        file["node/x"] = np.zeros(1000)
    data = (tmp_path / "m.nir").read_bytes()
    assert refused(write(tmp_path / "cut.nir", data[: len(data) // 2]))[0] == "NM0105"
    head = struct.pack("<Q", 5000) + b'{"a":{"dtype":"F32"' + b"\xff" * 9
    assert refused(write(tmp_path / "cut.safetensors", head))[0] == "NM0105"


def test_zip_bomb_by_ratio(tmp_path: Path) -> None:
    zeros = bytes(archive.RATIO_FREE_BYTES + 1)
    path = zip_of(tmp_path / "m.pt", {"a/data.pkl": b"x", "a/data/0": zeros}, zipfile.ZIP_DEFLATED)
    code, text = refused(path)
    assert code == "NM0106"
    assert "100 times" in text


def test_zip_bomb_by_total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 1000)
    path = zip_of(tmp_path / "m.pt", {"a/data.pkl": bytes(600), "a/data/0": bytes(600)})
    assert refused(path)[0] == "NM0106"


def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    path = zip_of(tmp_path / "m.pt", {f"a/{i}": b"" for i in range(4)})
    assert refused(path)[0] == "NM0106"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as file:
        file.writestr("a/data.pkl", pickle.dumps({}, 2))
        file.writestr("a/data.pkl", pickle.dumps({"format": "nmcompile"}, 2))
    assert refused(tmp_path / "m.pt")[0] == "NM0106"


def test_pickled_module_names_the_class(tmp_path: Path) -> None:
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1)), tmp_path / "m.pt")
    code, text = refused(tmp_path / "m.pt")
    assert code == "NM0107"
    assert "torch.nn.modules.container.Sequential" in text
    assert "nmcompile wrap" in text


def test_pickled_module_of_old_torch(tmp_path: Path) -> None:
    model = torch.nn.Linear(1, 1)
    torch.save(model, tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    assert refused(tmp_path / "m.pt")[0] == "NM0107"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript(tmp_path: Path) -> None:
    torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)).save(str(tmp_path / "m.pt"))
    assert refused(tmp_path / "m.pt")[0] == "NM0108"


def test_other_formats(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    assert "numpy" in refused(tmp_path / "a.npz")[1]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(__file__, "x")
    write(tmp_path / "b.bin", b"\x00\x01\x02\x03" * 9)
    write(tmp_path / "c.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00")
    write(tmp_path / "d.zip", b"PK\x05\x06" + bytes(18))
    zip_of(tmp_path / "e.zip", {"word/document.xml": b"<x/>"})
    write(tmp_path / "f.pkl", pickle.dumps([1, 2, 3]))
    for name in ("a.npz", "a.tar", "b.bin", "c.gz", "d.zip", "e.zip", "f.pkl"):
        code = refused(tmp_path / name)[0]
        # tarfile pads names with NUL bytes, so that not even a tar of text is text
        assert code == "NM0109", name


def test_hdf5_of_others(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.net", "w") as file:
        file["layer/0/type"] = "dense"
    with h5py.File(tmp_path / "k.h5", "w") as file:
        file["model_weights"] = np.zeros(3)
    assert sniff(tmp_path / "m.net").kind == "net"
    assert refused(tmp_path / "k.h5")[0] == "NM0114"


def test_old_export_layout(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "m.pt2", {"serialized_exported_program.json": b"{}", "version": b"1"})
    assert refused(path)[0] == "NM0118"


def test_accepted_kinds(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    torch.save({"w": torch.zeros(3)}, tmp_path / "s.pth")
    torch.save({"w": torch.zeros(3)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"format": "nmcompile", "version": 1}, tmp_path / "c.bin")
    torch.save({"format": "nmcompile"}, tmp_path / "c4.pt", pickle_protocol=4)
    save_file({"w": np.zeros(3, np.float32)}, tmp_path / "s.safetensors")
    with h5py.File(tmp_path / "g.dat", "w") as file:
        file["node/type"] = "NIRGraph"
    kinds = {p.name: sniff(p).kind for p in sorted(tmp_path.iterdir())}
    assert kinds == {
        "s.pth": "state_dict",
        "old.pth": "state_dict",
        "c.bin": "checkpoint",
        "c4.pt": "checkpoint",
        "s.safetensors": "safetensors",
        "g.dat": "nir",
    }


@given(
    st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b"\x89HDF\r\n\x1a\n", b"\x10"]),
    st.binary(max_size=300),
)
def test_arbitrary_bytes_never_crash(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("any") / "m.pt", head + rest)
    try:
        sniff(path)
    except NmError as error:
        assert error.exit_code == 1
