"""Published SpikeTrack checkpoints: every tensor has its place, and nothing else has one."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
import pytest

from nmcompile.diagnostics import NmError
from nmcompile.frontends import spiketrack_keys
from nmcompile.frontends.spiketrack_keys import State

torch = pytest.importorskip("torch")

from nmcompile.architectures.spiketrack.config import PUBLISHED, SpikeTrackConfig  # noqa: E402
from nmcompile.architectures.spiketrack.network import SpikeTrack  # noqa: E402
from nmcompile.frontends.wrap import wrap_state_dict  # noqa: E402

pytestmark = pytest.mark.torch

Shapes = dict[str, tuple[int, ...]]
SMALL = SpikeTrackConfig(channels=(8, 16, 16, 24), blocks=(2, 1), head_width=16, size=64, steps=2)


class Published:
    """Names and shapes of the published modules, from their definitions (`sdtv3.py`, `fuc.py`)."""

    def __init__(self, config: SpikeTrackConfig) -> None:
        self.shapes: Shapes = {}
        self._places = config.side**2
        self._steps = config.steps
        self._encoder(config)
        self._decoder(config.channels[3], config.head_width)

    def _norm(self, name: str, channels: int, *, live: bool) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            self.shapes[f"{name}.{part}"] = (channels,)
        if live:
            self.shapes[f"{name}.num_batches_tracked"] = ()

    def _neurons(self, *names: str) -> None:
        for name in names:
            self.shapes[f"{name}.decay"] = (3,)

    def _pair(self, name: str, *shape: int, live: bool, bias: bool = False) -> None:
        """nn.Sequential(convolution, batch normalisation)."""
        self.shapes[f"{name}.0.weight"] = shape
        if bias:
            self.shapes[f"{name}.0.bias"] = shape[:1]
        self._norm(f"{name}.1", shape[0], live=live)

    def _down(self, name: str, inputs: int, outputs: int, kernel: int = 3) -> None:
        self.shapes[f"{name}.encode_conv.weight"] = (outputs, inputs, kernel, kernel)
        self.shapes[f"{name}.encode_conv.bias"] = (outputs,)
        self._norm(f"{name}.encode_bn", outputs, live=False)
        if inputs != 3:
            self._neurons(f"{name}.encode_spike")

    def _separable(self, name: str, c: int, k: int) -> None:
        self._neurons(*(f"{name}.spike{i}" for i in (1, 2, 3)))
        self._pair(f"{name}.pwconv1", 2 * c, c, 1, 1, live=False)
        self._pair(f"{name}.dwconv", 2 * c, 1, k, k, live=False)
        self._pair(f"{name}.pwconv2", c, 2 * c, 1, 1, live=False)

    def _conv_block(self, name: str, c: int) -> None:
        self._separable(f"{name}.Conv", c, 7)
        self._neurons(f"{name}.spike1", f"{name}.spike2")
        self.shapes[f"{name}.conv1.weight"] = (4 * c, c, 3, 3)
        self.shapes[f"{name}.conv2.weight"] = (c, 4 * c, 3, 3)
        self._norm(f"{name}.bn1", 4 * c, live=False)
        self._norm(f"{name}.bn2", c, live=False)

    def _mlp(self, name: str, c: int, *, live: bool) -> None:
        for part, inputs, outputs in (("fc1", c, 4 * c), ("fc2", 4 * c, c)):
            self.shapes[f"{name}.{part}_conv.weight"] = (outputs, inputs, 1)
            self.shapes[f"{name}.{part}_conv.bias"] = (outputs,)
            self._norm(f"{name}.{part}_bn", outputs, live=live)
            self._neurons(f"{name}.{part}_spike")

    def _attention(self, name: str, c: int, *, live: bool) -> None:
        self._neurons(*(f"{name}.{n}_spike" for n in ("head", "q", "k", "v", "attn")))
        for part, outputs, inputs in (
            ("q", c, c),
            ("k", c, c),
            ("v", 4 * c, c),
            ("proj", c, 4 * c),
        ):
            self._pair(f"{name}.{part}_conv", outputs, inputs, 1, 1, live=live)
        self.shapes[f"{name}.s_pos_embed"] = (1, c, self._places)
        for t in range(4):
            self.shapes[f"{name}.t_pos_embeds.{t}"] = (1, c, self._places)

    def _memory(self, name: str, c: int) -> None:
        asks, places = f"{name}.retriever", self._places
        self._attention(asks, c, live=True)
        for part in ("gate", "seg_pw", "seg_dw", "fuser"):
            self._neurons(f"{asks}.{part}_spike")
        for layer, outputs, inputs in ((0, places // 2, places), (2, 1, places // 2)):
            self.shapes[f"{asks}.gate.mlp.{layer}.weight"] = (outputs, inputs, 1)
            self.shapes[f"{asks}.gate.mlp.{layer}.bias"] = (outputs,)
        self._neurons(f"{asks}.gate.mlp.1")
        for t in range(self._steps):
            self._pair(f"{asks}.seg_responder_dw.{t}", 4 * c, 1, 3, 3, live=True)
            self._pair(f"{asks}.seg_responder_pw.{t}", c, 4 * c, 1, 1, live=True)
        self._pair(f"{asks}.fuser", c, c, 1, 1, live=True)
        self._mlp(f"{name}.mlp", c, live=True)

    def _encoder(self, config: SpikeTrackConfig) -> None:
        d0, d1, d2, d3 = config.channels
        self._down("encoder.downsample1_1", 3, d0 // 2, 7)
        self._conv_block("encoder.ConvBlock1_1.0", d0 // 2)
        self._down("encoder.downsample1_2", d0 // 2, d0)
        self._conv_block("encoder.ConvBlock1_2.0", d0)
        self._down("encoder.downsample2", d0, d1)
        self._conv_block("encoder.ConvBlock2_1.0", d1)
        self._conv_block("encoder.ConvBlock2_2.0", d1)
        self._down("encoder.downsample3", d1, d2)
        self._down("encoder.downsample4", d2, d3)
        for name, c, count in (("block3", d2, config.blocks[0]), ("block4", d3, config.blocks[1])):
            for i in range(count):
                self._separable(f"encoder.{name}.{i}.conv", c, 3)
                self._attention(f"encoder.{name}.{i}.attn", c, live=False)
                self._mlp(f"encoder.{name}.{i}.mlp", c, live=False)
        for i, c in enumerate((d0, d1, d2, d2, d3, d3)):
            self._memory(f"encoder.mrm.{i}", c)

    def _decoder(self, inputs: int, width: int) -> None:
        self._neurons("decoder.spike")
        for name, outputs in (("ctr", 1), ("offset", 2), ("size", 2)):
            before = inputs
            for i in range(4):
                wide = width >> i
                self._pair(f"decoder.conv{i + 1}_{name}", wide, before, 3, 3, live=True, bias=True)
                self._neurons(f"decoder.{name}{i + 1}_spike")
                before = wide
            self.shapes[f"decoder.conv5_{name}.weight"] = (outputs, before, 1, 1)
            self.shapes[f"decoder.conv5_{name}.bias"] = (outputs,)

    def state(self) -> State:
        """A number of its own for every element, so that none can be taken for another."""
        found, first = {}, 0
        for name, shape in self.shapes.items():
            count = prod(shape)
            found[name] = np.arange(first, first + count, dtype=np.float64).reshape(shape)
            first += count
        return found


def learned(shapes: Shapes) -> Iterator[int]:
    """Sizes of what the published code counts as parameters: frozen statistics are buffers."""
    frozen = {k.rpartition(".")[0] for k in shapes if k.endswith("running_mean")} - {
        k.rpartition(".")[0] for k in shapes if k.endswith("num_batches_tracked")
    }
    for name, shape in shapes.items():
        owner, _, leaf = name.rpartition(".")
        if owner not in frozen and not leaf.startswith(("running", "num_batches")):
            yield prod(shape)


@pytest.mark.parametrize("name", ["S256-T1", "S256-T3", "B384-T3"])
def test_every_published_tensor_has_its_place(name: str) -> None:
    config = PUBLISHED[name]
    shapes = Published(config).shapes
    with torch.device("meta"):
        wanted = SpikeTrack(config)
    assert sum(learned(shapes)) == sum(p.numel() for p in wanted.parameters())
    empty = {k: np.broadcast_to(np.float32(0), s) for k, s in shapes.items()}
    assert SpikeTrackConfig.from_mapping(spiketrack_keys.infer_config(empty)) == config
    found = {k: v.shape for k, v in spiketrack_keys.rename(empty).items()}
    assert found == {k: tuple(v.shape) for k, v in wanted.state_dict().items()}


def test_no_value_is_lost_or_moved_within_its_tensor() -> None:
    state = Published(SMALL).state()
    found = spiketrack_keys.rename(state)
    assert sorted(v for a in found.values() for v in a.ravel()) == list(
        range(sum(v.size for v in state.values()))
    )
    attention = "encoder.block4.0.attn"
    ours = "backbone.16.attention.query.conv.weight"
    np.testing.assert_array_equal(found[ours], state[f"{attention}.q_conv.0.weight"])
    positions = found["backbone.16.positions.template"]
    assert positions.shape == (4, 1, 24, 4, 4)
    np.testing.assert_array_equal(
        positions[2].reshape(1, 24, 16), state[f"{attention}.t_pos_embeds.2"]
    )
    np.testing.assert_array_equal(
        found["backbone.3.reduce_neuron.theta"], state["encoder.mrm.0.retriever.seg_pw_spike.decay"]
    )
    np.testing.assert_array_equal(
        found["head.size.6.conv.weight"], state["decoder.conv4_size.0.weight"]
    )


def test_a_published_file_is_wrapped(tmp_path: Path) -> None:
    state = Published(SMALL).state()
    body = {k: torch.tensor(v % 7, dtype=torch.float32) for k, v in state.items()}
    torch.save({"epoch": 3, "net": body}, tmp_path / "s.pth.tar")
    made = wrap_state_dict(tmp_path / "s.pth.tar", "spiketrack")
    assert SpikeTrackConfig.from_mapping(made.config) == SMALL
    assert sum(v.size for v in made.state.values()) == sum(v.size for v in state.values())


@pytest.mark.parametrize(
    ("drop", "add", "found"),
    [
        ("encoder.block3.1.attn.v_spike.decay", "", "none"),
        ("encoder.mrm.2.retriever.t_pos_embeds.3", "", r"maps \[0, 1, 2\]"),
        ("encoder.downsample4.encode_conv.weight", "", "no such tensor"),
        ("", "encoder.block3.0.attn.r_conv.0.weight", "r_conv"),
        ("", "encoder_temp.downsample1_1.encode_conv.weight", "encoder_temp"),
    ],
)
def test_missing_and_foreign_tensors_are_refused(drop: str, add: str, found: str) -> None:
    state = Published(SMALL).state()
    state.pop(drop, None)
    if add:
        state[add] = np.zeros((1, 1, 1, 1))
    with pytest.raises(NmError, match="NM0153") as error:
        spiketrack_keys.rename(state)
    assert error.match(found)
