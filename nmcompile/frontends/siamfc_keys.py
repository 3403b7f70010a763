"""Which tensor of a third party's SiamFC is which layer, and what their shapes tell.

The rule, so that it can be predicted: every four-dimensional `*.weight` is a convolution; the five
of them, in the order of the file (by name in natural order for safetensors, whose files have
none), are conv1 ... conv5. A group of tensors with `running_mean` is a batch normalisation; it
belongs to the convolution with the same parent (`backbone.conv1.0` and `backbone.conv1.1`), else
to the one with the same number (`conv1` and `bn1`), else to the last one before it in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError

LAYERS: Final = 5
IMAGE_CHANNELS: Final = 3
BATCH_NORM: Final = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

ALEXNET: Final[Mapping[str, object]] = {
    "strides": [2, 1, 1, 1, 1],
    "pools": [True, True, False, False, False],
    "relu": [True, True, True, True, False],
    "bn_eps": 1e-6,
    "exemplar_size": 127,
    "search_size": 255,
    "response_scale": 1e-3,
    "response_bias": 0.0,
}
"""What shapes do not tell; SiamFC-3s and its PyTorch ports (Bertinetto et al. 2016, table 1)."""

State = dict[str, npt.NDArray[Any]]


def rename(state: State) -> State:
    """The tensors under the names of `nmcompile.architectures.siamfc`.

    Raises:
        NmError: NM0117 when there are not five convolutions or a tensor belongs to none.
    """
    convolutions = [
        k.removesuffix("weight")
        for k, v in state.items()
        if k.split(".")[-1] == "weight" and v.ndim == 4
    ]
    if len(convolutions) != LAYERS:
        raise _unknown(f"{LAYERS} convolutions", f"{len(convolutions)}: {_listed(convolutions)}")
    prefixes = {p: f"backbone.conv{i + 1}.0." for i, p in enumerate(convolutions)}
    for key in state:
        if key.split(".")[-1] == "running_mean":
            prefix = key.removesuffix("running_mean")
            owner = _owner(prefix, convolutions, list(state))
            prefixes[prefix] = f"backbone.conv{convolutions.index(owner) + 1}.1."
    renamed: State = {}
    foreign = []
    for key, value in state.items():
        prefix, leaf = _split(key)
        if prefix in prefixes:
            renamed[prefixes[prefix] + leaf] = value
        else:
            foreign.append(key)
    if foreign or len(renamed) != len(state):
        found = _listed(foreign) if foreign else "two tensors for one layer"
        raise _unknown("tensors of five convolutions and their batch normalisations", found)
    return _completed(renamed)


def infer_config(state: State) -> dict[str, object]:
    """Channels, kernels, groups and batch normalisation from the shapes of renamed tensors.

    Raises:
        NmError: NM0117 when the shapes do not chain.
    """
    channels, kernels, groups, batch_norm = [], [], [], []
    inputs = IMAGE_CHANNELS
    for index in range(1, LAYERS + 1):
        out, per_group, height, width = state[f"backbone.conv{index}.0.weight"].shape
        if height != width or per_group == 0 or inputs % per_group:
            found = (
                f"conv{index} of shape {(out, per_group, height, width)} after {inputs} channels"
            )
            raise _unknown("square kernels on whole groups of channels", found)
        channels.append(out)
        kernels.append(height)
        groups.append(inputs // per_group)
        batch_norm.append(f"backbone.conv{index}.1.running_mean" in state)
        inputs = out
    return {
        **ALEXNET,
        "channels": channels,
        "kernels": kernels,
        "groups": groups,
        "batch_norm": batch_norm,
    }


def natural_order(names: Sequence[str]) -> list[str]:
    """Names sorted with their numbers as numbers: conv2 before conv10."""
    return sorted(names, key=lambda n: [(len(p), p) if p.isdigit() else (0, p) for p in _parts(n)])


def _parts(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def _split(key: str) -> tuple[str, str]:
    head, dot, leaf = key.rpartition(".")
    return head + dot, leaf


def _owner(prefix: str, convolutions: list[str], order: list[str]) -> str:
    parents = [c for c in convolutions if _split(c[:-1])[0] == _split(prefix[:-1])[0] != ""]
    if len(parents) == 1:
        return parents[0]
    number = re.findall(r"\d+", prefix)[-1:]
    numbered = [c for c in convolutions if re.findall(r"\d+", c)[-1:] == number]
    if number and len(numbered) == 1:
        return numbered[0]
    before = order[: order.index(prefix + "running_mean")]
    earlier = [c for c in convolutions if c + "weight" in before]
    return earlier[-1] if earlier else convolutions[0]


def _completed(state: State) -> State:
    """Adds what a file may leave out without changing the function: zero biases, counters."""
    full: State = {}
    for index in range(1, LAYERS + 1):
        for part, names in (("0", ("weight", "bias")), ("1", BATCH_NORM)):
            prefix = f"backbone.conv{index}.{part}."
            if not any(k.startswith(prefix) for k in state):
                continue
            for name in names:
                value = state.get(prefix + name)
                if value is None and name == "bias":
                    value = np.zeros(state[f"backbone.conv{index}.0.weight"].shape[0], np.float32)
                if value is None and name == "num_batches_tracked":
                    value = np.zeros((), np.int64)
                if value is not None:
                    full[prefix + name] = value
    full.update({k: v for k, v in state.items() if k not in full})
    return full


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(f"`{n}`" for n in names[:4]) + more


def _unknown(limit: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0117",
            message="the weights do not look like those of a SiamFC",
            limit=limit,
            found=found,
            help=(
                "drop or rename tensors with `--key-map OLD=NEW` (prefixes; an empty NEW drops)",
                "names that fit are `backbone.conv1.0.weight`, `backbone.conv1.1.running_mean`",
            ),
        )
    )
