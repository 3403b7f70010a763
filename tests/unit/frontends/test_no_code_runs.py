"""Hostile files: whatever is in them, no command runs."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nmcompile.diagnostics import NmError
from nmcompile.frontends import load
from nmcompile.frontends.checkpoint import load_checkpoint, load_plain
from nmcompile.frontends.pickles import scan
from nmcompile.frontends.wrap import read_state

torch = pytest.importorskip("torch")

Rewrite = Callable[[Path, Path, Mapping[str, bytes | None]], None]


@pytest.fixture(autouse=True)
def nothing_ran(marker: Path) -> Iterator[None]:
    """After every test of this file the marker must not exist."""
    yield
    assert not marker.exists()


def refuse_everywhere(path: Path, code: str) -> None:
    for entry in (load, load_checkpoint, read_state):
        with pytest.raises(NmError) as caught:
            entry(path)
        assert caught.value.codes == (code,), entry


def test_the_object_is_really_hostile(evil: Any, marker: Path) -> None:
    pickle.loads(pickle.dumps(evil))
    assert marker.exists()
    marker.unlink()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_bare_pickle(tmp_path: Path, evil: Any, protocol: int) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(pickle.dumps({"format": "nmcompile", "config": evil}, protocol))
    refuse_everywhere(path, "NM0107")


@pytest.mark.parametrize("protocol", [0, 1])
def test_bare_pickle_of_old_protocols(tmp_path: Path, evil: Any, protocol: int) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(pickle.dumps(evil, protocol))
    for entry in (load, load_checkpoint, read_state):
        with pytest.raises(NmError):
            entry(path)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("new_layout", [True, False])
def test_torch_file(tmp_path: Path, evil: Any, protocol: int, new_layout: bool) -> None:
    body = {"format": "nmcompile", "version": 1, "state_dict": {"w": torch.zeros(2)}, "x": evil}
    path = tmp_path / "m.pt"
    torch.save(body, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new_layout)
    refuse_everywhere(path, "NM0107")


def test_torch_refuses_it_too(tmp_path: Path, evil: Any) -> None:
    """The opcode scan is for the message; the loader behind it is safe by itself."""
    torch.save({"x": evil}, tmp_path / "m.pt")
    with pytest.raises(NmError) as caught:
        load_plain(tmp_path / "m.pt")
    assert caught.value.codes == ("NM0107",)


def test_message_names_the_function(tmp_path: Path, evil: Any) -> None:
    torch.save(evil, tmp_path / "m.pt")
    with pytest.raises(NmError, match=r"posix\.system|nt\.system"):
        load(tmp_path / "m.pt")


def test_names_behind_the_memo() -> None:
    """STACK_GLOBAL may take its names from the memo."""
    data = (
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x8c\x01x\x94h\x00h\x01\x93\x8c\x04true\x85R."
    )
    assert scan(data).names == ("posix.system",)
    assert scan(data).foreign == "posix.system"


def test_unresolvable_names_count_as_foreign() -> None:
    assert scan(b"\x80\x04N\x93.").foreign is not None
    assert scan(b"\x80\x02\x82\x01.").foreign == "copyreg extension 1"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    program = torch.export.export(torch.nn.Conv2d(3, 2, 3).eval(), (torch.zeros(1, 3, 8, 9),))
    torch.export.save(program, tmp_path / "good.pt2")
    return tmp_path / "good.pt2"


def test_sample_inputs_are_never_unpickled(
    tmp_path: Path, exported: Path, evil: Any, rewrite: Rewrite
) -> None:
    buffer = io.BytesIO()
    torch.save(evil, buffer)
    rewrite(exported, tmp_path / "m.pt2", {"data/sample_inputs/model.pt": buffer.getvalue()})
    assert load(tmp_path / "m.pt2").kind == "pt2"


def test_pickled_weights_are_refused(
    tmp_path: Path, exported: Path, evil: Any, rewrite: Rewrite
) -> None:
    buffer = io.BytesIO()
    torch.save(evil, buffer)
    name = "data/weights/model_weights_config.json"
    with zipfile.ZipFile(exported) as file:
        config = json.loads(file.read(f"good/{name}"))
    config["config"]["weight"].update(use_pickle=True)
    changes = {name: json.dumps(config).encode(), "data/weights/weight_0": buffer.getvalue()}
    rewrite(exported, tmp_path / "m.pt2", changes)
    with pytest.raises(NmError) as caught:
        load(tmp_path / "m.pt2")
    assert caught.value.codes == ("NM0118",)


def test_expressions_are_never_evaluated(
    tmp_path: Path, exported: Path, marker: Path, rewrite: Rewrite
) -> None:
    """torch gives symbolic sizes to sympy, which evaluates them."""
    with zipfile.ZipFile(exported) as file:
        model = json.loads(file.read("good/models/model.json"))
    command = f"__import__('os').system('touch {marker}')"
    model["graph_module"]["graph"]["tensor_values"]["x"] = {"sizes": []}
    for value in model["graph_module"]["graph"]["tensor_values"].values():
        value["sizes"] = [{"as_expr": {"expr_str": command, "hint": {"as_int": 1}}}]
    model["graph_module"]["graph"]["nodes"][0]["target"] = command
    rewrite(exported, tmp_path / "m.pt2", {"models/model.json": json.dumps(model).encode()})
    with pytest.raises(NmError) as caught:
        load(tmp_path / "m.pt2")
    assert caught.value.codes == ("NM0121",)


def test_expanded_tensor_is_not_copied_out(tmp_path: Path) -> None:
    """Four bytes that claim to be a terabyte."""
    body = {"format": "nmcompile", "version": 1, "architecture": "siamfc", "config": {}}
    state = {"w": torch.zeros(1).expand(2**20, 2**18)}
    torch.save({**body, "state_dict": state, "preprocess": {}}, tmp_path / "m.pt")
    with pytest.raises(NmError, match="larger than what is stored"):
        load_checkpoint(tmp_path / "m.pt")
    torch.save(state, tmp_path / "s.pt")
    with pytest.raises(NmError, match="larger than what is stored"):
        read_state(tmp_path / "s.pt")


def test_safetensors_with_a_lying_header(tmp_path: Path) -> None:
    header = b'{"w":{"dtype":"F32","shape":[999999999],"data_offsets":[0,4]}}'
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(NmError) as caught:
        read_state(tmp_path / "m.safetensors")
    assert caught.value.codes == ("NM0105",)
