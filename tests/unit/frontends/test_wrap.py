"""Third-party weights become checkpoints that build; what cannot is explained."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmcompile import architectures
from nmcompile.diagnostics import NmError
from nmcompile.frontends import load
from nmcompile.frontends.checkpoint import save_checkpoint
from nmcompile.frontends.siamfc_keys import natural_order
from nmcompile.frontends.wrap import wrap_state_dict
from nmcompile.ir.program import Preprocess

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch

SHAPE_KEYS = ("channels", "kernels", "groups", "batch_norm")


@pytest.fixture
def state(small_config: dict[str, object]) -> dict[str, Any]:
    torch.manual_seed(7)
    return dict(architectures.build("siamfc", small_config).state_dict())


@pytest.fixture
def unseen(small_config: dict[str, object]) -> dict[str, object]:
    """What the shapes do not tell about the small network."""
    names = ("strides", "relu", "exemplar_size", "search_size")
    return {"pools": [False] * 5, **{k: small_config[k] for k in names}}


def saved(path: Path, body: Any) -> Path:
    torch.save(body, path)
    return path


def test_shapes_tell_the_config(
    tmp_path: Path,
    state: dict[str, Any],
    small_config: dict[str, object],
    unseen: dict[str, object],
) -> None:
    checkpoint = wrap_state_dict(saved(tmp_path / "w.pth", state), config=unseen)
    for name in SHAPE_KEYS:
        assert checkpoint.config[name] == small_config[name], name
    assert checkpoint.config["response_scale"] == 1e-3
    for name, tensor in state.items():
        np.testing.assert_array_equal(checkpoint.state[name], tensor.numpy())
    save_checkpoint(checkpoint, tmp_path / "m.pt")
    assert load(tmp_path / "m.pt").program.network("search").types["output"].shape == (1, 5, 5)


def renamed(state: dict[str, Any], convolution: str, norm: str) -> dict[str, Any]:
    names = {}
    for name, tensor in state.items():
        _, layer, part, leaf = name.split(".")
        pattern = convolution if part == "0" else norm
        number = int(layer.removeprefix("conv"))
        names[pattern.format(i=number, j=2 * number) + leaf] = tensor
    return names


@pytest.mark.parametrize(
    ("convolution", "norm"),
    [
        ("module.backbone.conv{i}.0.", "module.backbone.conv{i}.1."),
        ("conv{i}.", "bn{i}."),
        ("features.{j}.", "features.norm_of_{j}."),
        ("net.block{i}.c.", "net.block{i}.n."),
    ],
)
def test_other_names(
    tmp_path: Path, state: dict[str, Any], unseen: dict[str, object], convolution: str, norm: str
) -> None:
    path = saved(tmp_path / "w.pth", {"epoch": 3, "state_dict": renamed(state, convolution, norm)})
    checkpoint = wrap_state_dict(path, config=unseen)
    assert set(checkpoint.state) == set(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(checkpoint.state[name], tensor.numpy(), err_msg=name)


def test_sequential_numbers_by_order(
    tmp_path: Path, state: dict[str, Any], unseen: dict[str, object]
) -> None:
    """`features.0` convolution, `features.1` its normalisation: only the order tells."""
    numbers: dict[str, int] = {}
    flat = {}
    for name, tensor in state.items():
        prefix, leaf = name.rsplit(".", 1)
        flat[f"features.{numbers.setdefault(prefix, 3 * len(numbers))}.{leaf}"] = tensor
    checkpoint = wrap_state_dict(saved(tmp_path / "w.pth", flat), config=unseen)
    for name, tensor in state.items():
        np.testing.assert_array_equal(checkpoint.state[name], tensor.numpy(), err_msg=name)


def test_safetensors_in_natural_order(
    tmp_path: Path, state: dict[str, Any], unseen: dict[str, object]
) -> None:
    from safetensors.torch import save_file

    save_file(renamed(state, "c{j}.", "n{j}."), tmp_path / "w.safetensors")
    checkpoint = wrap_state_dict(tmp_path / "w.safetensors", config=unseen)
    for name, tensor in state.items():
        np.testing.assert_array_equal(checkpoint.state[name], tensor.numpy(), err_msg=name)
    assert natural_order(["conv10.w", "conv9.w", "a", "conv1.w"]) == [
        "a",
        "conv1.w",
        "conv9.w",
        "conv10.w",
    ]


def test_key_map_renames_and_drops(
    tmp_path: Path, state: dict[str, Any], unseen: dict[str, object]
) -> None:
    extra = {**state, "adjust.weight": torch.ones(1, 1, 1, 1), "adjust.bias": torch.zeros(1)}
    path = saved(tmp_path / "w.pth", extra)
    with pytest.raises(NmError) as caught:
        wrap_state_dict(path, config=unseen)
    assert caught.value.codes == ("NM0117",)
    assert "6: " in str(caught.value)
    checkpoint = wrap_state_dict(path, config=unseen, key_map={"adjust.": ""})
    assert set(checkpoint.state) == set(state)


def test_missing_biases_and_counters_are_filled(
    tmp_path: Path, state: dict[str, Any], unseen: dict[str, object]
) -> None:
    thin = {
        k: v for k, v in state.items() if "num_batches" not in k and k != "backbone.conv1.0.bias"
    }
    checkpoint = wrap_state_dict(saved(tmp_path / "w.pth", thin), config=unseen)
    assert set(checkpoint.state) == set(state)
    assert not checkpoint.state["backbone.conv1.0.bias"].any()


def test_given_settings_are_kept(
    tmp_path: Path, state: dict[str, Any], unseen: dict[str, object]
) -> None:
    how = Preprocess("BGR", 1.0)
    images = np.zeros((1, 111, 111, 3), np.uint8)
    checkpoint = wrap_state_dict(
        saved(tmp_path / "w.pth", state),
        config={**unseen, "response_scale": 0.25},
        preprocess=how,
        images=images,
        scales=(("b", 1.0), ("a", 2.0)),
        tracker={"scale_count": 1},
    )
    assert checkpoint.preprocess == how
    assert checkpoint.config["response_scale"] == 0.25
    assert checkpoint.scales == (("a", 2.0), ("b", 1.0))
    assert checkpoint.images is not None
    assert dict(checkpoint.tracker) == {"scale_count": 1}


def refused(path: Path, **arguments: Any) -> tuple[str, ...]:
    with pytest.raises(NmError) as caught:
        wrap_state_dict(path, **arguments)
    return caught.value.codes


def test_refusals(
    tmp_path: Path, state: dict[str, Any], unseen: dict[str, object], small_config: dict[str, Any]
) -> None:
    path = saved(tmp_path / "w.pth", state)
    assert refused(path, architecture="alexnet") == ("NM0110",)
    assert refused(path, config={**unseen, "stride": 2}) == ("NM0111",)
    assert "NM0116" in refused(path, config={**unseen, "batch_norm": [False] * 5})
    lost = {k: v for k, v in state.items() if k != "backbone.conv2.1.running_var"}
    assert refused(saved(tmp_path / "l.pth", lost), config=unseen) == ("NM0116",)
    odd = {**state, "backbone.conv1.0.weight": torch.zeros(4, 3, 7, 5)}
    assert refused(saved(tmp_path / "o.pth", odd)) == ("NM0117",)
    assert refused(saved(tmp_path / "n.pth", {"epoch": 1})) == ("NM0119",)
    assert refused(saved(tmp_path / "c.pt", {"format": "nmcompile"})) == ("NM0119",)
    (tmp_path / "t.pth").write_text("weights")
    assert refused(tmp_path / "t.pth") == ("NM0104",)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "channels", "numbers"),
    [
        ("FDSiamfc_15.pth", [14, 38, 56, 56, 38], 55_434),
        ("FDSiamfc_30.pth", [28, 76, 114, 114, 76], 213_950),
        ("siamfc_3s_alexnet.safetensors", [96, 256, 384, 384, 256], 2_334_080),
    ],
)
def test_published_weights(
    model_data: Path, tmp_path: Path, name: str, channels: list[int], numbers: int
) -> None:
    checkpoint = wrap_state_dict(model_data / "weights" / name)
    assert checkpoint.config["channels"] == channels
    assert checkpoint.config["groups"] == [1, 2, 1, 2, 2]
    assert sum(v.size for v in checkpoint.state.values()) == numbers
    save_checkpoint(checkpoint, tmp_path / "m.pt")
    program = load(tmp_path / "m.pt").program
    assert program.preprocess.is_identity
    search = program.network("search")
    assert search.types["output"].shape == (1, 17, 17)
    if "3s" not in name:
        assert dataclasses.asdict(search.nodes[2].op)["eps"] == 1e-6
