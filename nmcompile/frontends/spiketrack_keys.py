"""Which tensor of a published SpikeTrack checkpoint is which of ours, and what shapes tell.

The published files hold one encoder for template and search crops and one decoder, under the names
of the training code (repository faicaiwawa/SpikeTrack, `lib/models/spiketrack/sdtv3.py` and
`decoder.py`); at inference that code loads the encoder twice, as template and as search network, so
that a file cannot make them differ. Names, theirs and ours:

    encoder.downsample1_1, ConvBlock1_1.0, downsample1_2, mrm.0,      backbone.0 ... 3
        ConvBlock1_2.0, downsample2, mrm.1, ConvBlock2_1.0,           backbone.4 ... 7
        ConvBlock2_2.0, downsample3, mrm.2,                           backbone.8 ... 10
        block3.0 ... 2, mrm.3, block3.3 ... 5,                        backbone.11 ... 17
        downsample4, mrm.4, block4.0, block4.1, mrm.5                 backbone.18 ... 22
    decoder.spike, conv1_ctr ... conv5_offset ... conv5_size          head
    <neuron>.decay                                                    <neuron>.theta

Inside the blocks `_SEPARABLE` ... `_HEAD` say what becomes what. Three kinds of tensors change
their shape and no value: 1x1 convolutions over flattened maps, the gate's linear layers, and
positions, whose four template maps are stacked.

The authors' trainer stores settings as Python objects beside the entry `net`; nmcompile loads no
objects (NM0107). Whoever trusts such a file saves `{"net": torch.load(file,
weights_only=False)["net"]}` once, then wraps it with the published preprocessing:

    nmcompile wrap FILE -o spiketrack.pt --architecture spiketrack
        --range 1 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import isqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean

State = dict[str, npt.NDArray[Any]]
Names = Mapping[str, str]

PATCH: Final = 16
"""Crop pixels per place of the last map."""
TEMPLATES: Final = 4
"""Maps of template positions."""


def _convolution(theirs: str, ours: str) -> Names:
    """A convolution and its batch normalisation, numbered in theirs."""
    return {f"{theirs}.0": f"{ours}.conv", f"{theirs}.1": f"{ours}.bn"}


def _inside(theirs: str, ours: str, names: Names) -> Names:
    return {f"{theirs}.{k}": f"{ours}.{v}" for k, v in names.items()}


_SEPARABLE: Final[Names] = {
    **{f"spike{i + 1}": f"{i}.0" for i in range(3)},
    **_convolution("pwconv1", "0.1"),
    **_convolution("dwconv", "1.1"),
    **_convolution("pwconv2", "2.1"),
}
_MLP: Final[Names] = {
    f"fc{i + 1}_{theirs}": f"{i}.{ours}"
    for i in range(2)
    for theirs, ours in (("spike", "0"), ("conv", "1.conv"), ("bn", "1.bn"))
}
_FIRST: Final[Names] = {"encode_conv": "conv", "encode_bn": "bn"}
_DOWN: Final[Names] = {"encode_spike": "0", "encode_conv": "1.conv", "encode_bn": "1.bn"}
_CONV_BLOCK: Final[Names] = {
    **_inside("Conv", "mix", _SEPARABLE),
    "spike1": "expand.0",
    "conv1": "expand.1.conv",
    "bn1": "expand.1.bn",
    "spike2": "project.0",
    "conv2": "project.1.conv",
    "bn2": "project.1.bn",
}
_ATTENTION: Final[Names] = {
    "head_spike": "neuron",
    **{f"{n[0]}_spike": f"{n}_neuron" for n in ("query", "key", "value")},
    **_convolution("q_conv", "query"),
    **_convolution("k_conv", "key"),
    **_convolution("v_conv", "value"),
    "attn_spike": "project.0",
    **_convolution("proj_conv", "project.1"),
}
_POSITIONS: Final[Names] = {"s_pos_embed": "positions.search", "t_pos_embeds": "positions.template"}
_TRANSFORMER: Final[Names] = {
    **_inside("conv", "mix", _SEPARABLE),
    **_inside("attn", "attention", _ATTENTION),
    **{f"attn.{k}": v for k, v in _POSITIONS.items()},
    **_inside("mlp", "mlp", _MLP),
}
_RETRIEVER: Final[Names] = {
    **_ATTENTION,
    **_POSITIONS,
    **_convolution("fuser", "refine"),
    "seg_dw_spike": "local_neuron",
    "seg_pw_spike": "reduce_neuron",
    "fuser_spike": "refine_neuron",
    "gate_spike": "gate_neuron",
    "gate.mlp.0": "gate.reduce",
    "gate.mlp.1": "gate.neuron",
    "gate.mlp.2": "gate.score",
}


def _memory(steps: int) -> Names:
    found = {f"retriever.{k}": v for k, v in _RETRIEVER.items()}
    for t in range(steps):
        found |= _convolution(f"retriever.seg_responder_dw.{t}", f"local.{t}")
        found |= _convolution(f"retriever.seg_responder_pw.{t}", f"reduce.{t}")
    return {**found, **_inside("mlp", "mlp", _MLP)}


_HEAD: Final[Names] = {
    "spike": "neuron",
    **{
        key: name
        for theirs, ours in (("ctr", "score"), ("offset", "offset"), ("size", "size"))
        for i in range(4)
        for key, name in (
            *_convolution(f"conv{i + 1}_{theirs}", f"{ours}.{2 * i}").items(),
            (f"{theirs}{i + 1}_spike", f"{ours}.{2 * i + 1}"),
            (f"conv5_{theirs}", f"{ours}.out"),
        )
    },
}


def infer_config(state: State) -> dict[str, object]:
    """The configuration that the shapes of published tensors tell.

    Raises:
        NmError: NM0153 when a tensor that tells it is missing or of another rank.
    """
    downs = [
        _shape(state, f"encoder.downsample{n}.encode_conv.weight", 4) for n in ("1_2", "2", "3")
    ]
    downs.append(_shape(state, "encoder.downsample4.encode_conv.weight", 4))
    places = _shape(state, "encoder.mrm.0.retriever.s_pos_embed", 3)[2]
    return {
        "channels": [shape[0] for shape in downs],
        "blocks": [_count(state, f"encoder.block{n}.") for n in (3, 4)],
        "head_width": _shape(state, "decoder.conv1_ctr.0.weight", 4)[0],
        "size": PATCH * isqrt(places),
        "steps": _count(state, "encoder.mrm.0.retriever.seg_responder_dw."),
    }


def rename(state: State) -> State:
    """The tensors under the names and in the shapes of `nmcompile.architectures.spiketrack`.

    Raises:
        NmError: NM0153 when a tensor is missing, or is none of a SpikeTrack.
    """
    config = infer_config(state)
    names = _names(config["blocks"], config["steps"])  # type: ignore[arg-type]
    found: State = {}
    rows: dict[str, dict[int, npt.NDArray[Any]]] = {}
    for key, value in state.items():
        owner, leaf = _owner(key, names)
        if leaf.isdigit():  # one map of template positions
            rows.setdefault(owner, {})[int(leaf)] = _map(value)
        else:
            name = owner + {"": "", "decay": ".theta"}.get(leaf, f".{leaf}")
            found[name] = _shaped(name, value)
    for owner, maps in rows.items():
        if sorted(maps) != list(range(TEMPLATES)):
            raise _unknown(f"{TEMPLATES} maps for `{owner}`", f"maps {sorted(maps)}")
        found[owner] = np.stack([maps[t] for t in range(TEMPLATES)])
    have = {k.rpartition(".")[0] for k in found} | set(found)
    for theirs, ours in names.items():
        if ours not in have:
            raise _unknown(f"tensors of `{theirs}`", "none")
    return found


def _names(blocks: list[int], steps: int) -> Names:
    """Their prefix of every layer -> ours."""
    found: dict[str, str] = {}
    for number, (theirs, names) in enumerate(_stages(blocks, steps)):
        found |= _inside(f"encoder.{theirs}", f"backbone.{number}", names)
    return {**found, **_inside("decoder", "head", _HEAD)}


def _stages(blocks: list[int], steps: int) -> Iterator[tuple[str, Names]]:
    """Their blocks in the order in which a map goes through them."""
    memory = _memory(steps)
    yield from (("downsample1_1", _FIRST), ("ConvBlock1_1.0", _CONV_BLOCK))
    yield from (("downsample1_2", _DOWN), ("mrm.0", memory), ("ConvBlock1_2.0", _CONV_BLOCK))
    yield from (("downsample2", _DOWN), ("mrm.1", memory), ("ConvBlock2_1.0", _CONV_BLOCK))
    yield from (("ConvBlock2_2.0", _CONV_BLOCK), ("downsample3", _DOWN), ("mrm.2", memory))
    middle, last = blocks
    for i in range(middle):
        if i == middle // 2:
            yield "mrm.3", memory
        yield f"block3.{i}", _TRANSFORMER
    yield from (("downsample4", _DOWN), ("mrm.4", memory))
    yield from ((f"block4.{i}", _TRANSFORMER) for i in range(last))
    yield "mrm.5", memory


def _owner(key: str, names: Names) -> tuple[str, str]:
    """Our name of the layer or parameter that a tensor belongs to, and what of it."""
    if key in names:
        return names[key], ""
    prefix, _, leaf = key.rpartition(".")
    if prefix not in names:
        near = did_you_mean(prefix, tuple(names), "layers")
        raise _unknown("tensors of a SpikeTrack only", f"`{key}`", near)
    return names[prefix], leaf


def _shaped(name: str, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if name.endswith("positions.search"):
        return _map(value)[None]
    if re.search(r"\.gate\.(reduce|score)\.weight$", name):
        return value.reshape(value.shape[:2])
    if re.search(r"\.mlp\.[01]\.1\.conv\.weight$", name):
        return value[..., None]
    return value


def _map(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(1, C, P, P)` of `(1, C, P P)`."""
    if value.ndim != 3 or isqrt(value.shape[2]) ** 2 != value.shape[2]:
        raise _unknown("positions of a square map, (1, C, P P)", str(value.shape))
    side = isqrt(value.shape[2])
    return value.reshape(*value.shape[:2], side, side)


def _shape(state: State, name: str, rank: int) -> tuple[int, ...]:
    if name not in state or state[name].ndim != rank:
        found = str(state[name].shape) if name in state else "no such tensor"
        raise _unknown(f"`{name}` with {rank} axes", found)
    return state[name].shape


def _count(state: State, prefix: str) -> int:
    """Blocks numbered behind a prefix."""
    return len({k[len(prefix) :].split(".")[0] for k in state if k.startswith(prefix)})


def _unknown(limit: str, found: str, *help_: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0153",
            message="the weights are not those of a published SpikeTrack",
            limit=limit,
            found=found,
            help=(*help_, "drop or rename tensors with `--key-map OLD=NEW` (an empty NEW drops)"),
        )
    )
