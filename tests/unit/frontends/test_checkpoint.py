"""nmcompile checkpoints: round trip, one diagnostic per wrong field."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmcompile.diagnostics import NmError
from nmcompile.frontends.checkpoint import Checkpoint, array_of, load_checkpoint, save_checkpoint
from nmcompile.ir.program import Preprocess

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


@pytest.fixture
def checkpoint() -> Checkpoint:
    rng = np.random.default_rng(3)
    return Checkpoint(
        architecture="siamfc",
        config={"channels": [1, 2, 3, 4, 5], "bn_eps": 1e-5, "architecture": "siamfc"},
        state={"b.weight": rng.normal(size=(2, 3)).astype(np.float32), "a.n": np.zeros((), int)},
        preprocess=Preprocess("BGR", 1.0, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0)),
        scales=(("backbone.conv1.2", 3.5),),
        images=rng.integers(0, 256, (2, 9, 9, 3)).astype(np.uint8),
        tracker={"scale_count": 3, "nested": {"x": [1, None, "siamfc"]}},
    )


@pytest.fixture
def body() -> dict[str, Any]:
    """A valid dictionary, to be broken."""
    return {
        "format": "nmcompile",
        "version": 1,
        "architecture": "siamfc",
        "config": {},
        "state_dict": {"w": torch.zeros(2)},
        "preprocess": {"channel_order": "RGB", "range": 255, "mean": [0, 0, 0], "std": [1, 1, 1]},
        "calibration": {"images": torch.zeros(1, 4, 4, 3, dtype=torch.uint8)},
        "tracker": {},
    }


def saved(body: dict[str, Any], folder: Path) -> Path:
    torch.save(body, folder / "m.pt")
    return folder / "m.pt"


def test_round_trip(tmp_path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(checkpoint, tmp_path / "m.pt")
    again = load_checkpoint(tmp_path / "m.pt")
    for field in dataclasses.fields(Checkpoint):
        mine, theirs = getattr(checkpoint, field.name), getattr(again, field.name)
        if field.name == "state":
            assert list(mine) == list(theirs)
            for name in mine:
                np.testing.assert_array_equal(mine[name], theirs[name])
                assert mine[name].shape == theirs[name].shape
        elif field.name == "images":
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs, field.name


def test_equal_checkpoints_give_equal_bytes(tmp_path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(checkpoint, tmp_path / "one.pt")
    save_checkpoint(load_checkpoint(tmp_path / "one.pt"), tmp_path / "another_name.pt")
    # other string objects, other order of the keys
    config = {"".join(list(k)): v for k, v in reversed(checkpoint.config.items())}
    config["architecture"] = "".join(["siam", "fc"])
    moved = dataclasses.replace(checkpoint, config=config)
    save_checkpoint(moved, tmp_path / "three.pt")
    first = (tmp_path / "one.pt").read_bytes()
    assert (tmp_path / "another_name.pt").read_bytes() == first
    assert (tmp_path / "three.pt").read_bytes() == first


def test_a_recipe_is_kept_and_costs_nothing_when_absent(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    recipe = {"weight_bits": 2, "coding": {"name": "rate"}}
    save_checkpoint(dataclasses.replace(checkpoint, recipe=recipe), tmp_path / "with.pt")
    assert load_checkpoint(tmp_path / "with.pt").recipe == recipe
    save_checkpoint(checkpoint, tmp_path / "without.pt")
    body = torch.load(tmp_path / "without.pt", weights_only=True)
    assert "recipe" not in body


def test_checkpoint_is_read_only(checkpoint: Checkpoint) -> None:
    with pytest.raises(TypeError):
        checkpoint.config["x"] = 1  # type: ignore[index]


def test_only_json_types_are_saved(tmp_path: Path, checkpoint: Checkpoint) -> None:
    with pytest.raises(TypeError, match="ndarray"):
        save_checkpoint(
            dataclasses.replace(checkpoint, config={"x": np.zeros(2)}), tmp_path / "m.pt"
        )
    assert not (tmp_path / "m.pt").exists()


def test_valid(tmp_path: Path, body: dict[str, Any]) -> None:
    found = load_checkpoint(saved(body, tmp_path))
    assert found.preprocess.is_identity
    assert found.images is not None
    assert found.images.shape == (1, 4, 4, 3)


@pytest.mark.parametrize("name", ["version", "architecture", "config", "state_dict", "preprocess"])
def test_missing_field(tmp_path: Path, body: dict[str, Any], name: str) -> None:
    del body[name]
    with pytest.raises(NmError) as caught:
        load_checkpoint(saved(body, tmp_path))
    assert caught.value.codes == ("NM0115",)
    assert caught.value.diagnostics[0].where.endswith(f": {name}")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("version", 2),
        ("version", "1"),
        ("architecture", 3),
        ("config", [1]),
        ("config", {"x": torch.zeros(1)}),
        ("tracker", {1: 2}),
        ("recipe", ["weight_bits"]),
        ("state_dict", [torch.zeros(1)]),
        ("state_dict.w", 3.0),
        ("state_dict.w", torch.zeros(3, dtype=torch.complex64)),
        ("preprocess", None),
        ("preprocess.channel_order", "rgb"),
        ("preprocess.range", 0),
        ("preprocess.range", float("nan")),
        ("preprocess.range", 10**400),
        ("preprocess.range", True),
        ("preprocess.mean", [1, 2]),
        ("preprocess.mean", [1, 2, "x"]),
        ("preprocess.std", [1, 0, 1]),
        ("calibration", [1]),
        ("calibration.scales", {"conv1": 0.0}),
        ("calibration.scales", {"conv1": "big"}),
        ("calibration.images", torch.zeros(1, 4, 4, 3)),
        ("calibration.images", torch.zeros(1, 3, 4, 4, dtype=torch.uint8)),
        ("calibration.images", torch.zeros(0, 4, 4, 3, dtype=torch.uint8)),
        ("calibration.images", [1]),
        ("calibration.other", 1),
    ],
)
def test_wrong_field(tmp_path: Path, body: dict[str, Any], where: str, value: Any) -> None:
    *path, last = where.split(".")
    inner = body
    for part in path:
        inner = inner[part]
    inner[last] = value
    with pytest.raises(NmError) as caught:
        load_checkpoint(saved(body, tmp_path))
    assert set(caught.value.codes) == {"NM0115"}
    assert any(d.where.endswith(f": {where}") for d in caught.value.diagnostics)


def test_all_problems_at_once(tmp_path: Path, body: dict[str, Any]) -> None:
    body.update(version=9, achitecture=body.pop("architecture"))
    body["preprocess"]["std"] = []
    with pytest.raises(NmError) as caught:
        load_checkpoint(saved(body, tmp_path))
    where = [d.where.rsplit(": ")[-1] for d in caught.value.diagnostics]
    assert where == ["architecture", "achitecture", "version", "preprocess.std"]
    assert "did you mean `architecture`?" in str(caught.value)


def test_state_dict_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(2)}, tmp_path / "w.pth")
    with pytest.raises(NmError, match="nmcompile wrap") as caught:
        load_checkpoint(tmp_path / "w.pth")
    assert caught.value.codes == ("NM0112",)


def test_missing_storage(tmp_path: Path, body: dict[str, Any], rewrite: Any) -> None:
    rewrite(saved(body, tmp_path), tmp_path / "cut.pt", {"data/0": None})
    with pytest.raises(NmError) as caught:
        load_checkpoint(tmp_path / "cut.pt")
    assert caught.value.codes == ("NM0105",)


def test_array_of() -> None:
    half = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    assert array_of(half).dtype == np.float32
    np.testing.assert_array_equal(array_of(half), [1.5, -2.0])
    np.testing.assert_array_equal(
        array_of(torch.arange(6).view(2, 3).t()), [[0, 3], [1, 4], [2, 5]]
    )
    for bad in (torch.zeros(1).expand(5), torch.zeros(3).to_sparse()):
        with pytest.raises(ValueError, match="tensor"):
            array_of(bad)
