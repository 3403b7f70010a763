"""lava-dl network files as lava-dl writes them: whole numbers as floats, text as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

Fields = dict[str, Any]

CUBA: Fields = {"type": "CUBA", "iDecay": 1024, "vDecay": 128, "vThMant": 80, "refDelay": 1}
SDNN: Fields = {"type": "SDNN", "vThMant": 0, "activation": "relu"}


def write_layers(path: Path, layers: Sequence[Fields], **simulation: int) -> Path:
    """A `.net` file with these layers; `neuron` is a mapping of its own."""
    with h5py.File(path, "w") as file:
        for name, value in simulation.items():
            file[f"simulation/{name}"] = value
        for index, fields in enumerate(layers):
            group = file.create_group(f"layer/{index}")
            for name, value in fields.items():
                put(group, name, value)
    return path


def put(group: h5py.Group, name: str, value: Any) -> None:
    """One field, as lava-dl stores its kind."""
    if isinstance(value, Mapping):
        inner = group.create_group(name)
        for key, item in value.items():
            put(inner, key, item)
    elif name == "type" and group.name.count("/") == 2:
        group.create_dataset(name, (1,), "S10", [value.encode("ascii", "ignore")])
    elif isinstance(value, str):
        group[name] = value
    elif name in ("weight", "bias", "delay"):
        group[name] = np.asarray(value, np.float32)
    else:
        group[name] = value


def dense(weight: npt.ArrayLike, neuron: Fields | None = None, **fields: Any) -> Fields:
    """A dense layer."""
    array = np.asarray(weight)
    made: Fields = {"type": "dense", "shape": np.array([array.shape[0]]), "weight": array}
    if neuron is not None:
        made["neuron"] = neuron
    return {**made, **fields}


def conv(weight: npt.NDArray[Any], shape: tuple[int, ...], neuron: Fields, **fields: Any) -> Fields:
    """A convolution with five axes, as lava-dl stores them; `shape` is that of its output."""
    return {
        "type": "conv",
        "shape": np.array(shape),
        "weight": weight[..., None],
        "neuron": neuron,
        "stride": np.array([1, 1]),
        "padding": np.array([0, 0]),
        "dilation": np.array([1, 1]),
        "groups": 1,
        **fields,
    }


def random_layers(rng: np.random.Generator, kind: str) -> list[Fields]:
    """A chain of two to four layers with everything that the format has.

    Args:
        rng: source of all choices.
        kind: "cuba" or "sdnn".
    """
    shape: tuple[int, ...] = (int(rng.integers(1, 4)), *map(int, rng.integers(6, 11, 2)))
    layers: list[Fields] = []
    with_neurons = bool(rng.random() < 0.5) or kind == "sdnn"
    layers.append({"type": "input", "shape": np.array(shape)})
    if with_neurons:
        layers[0] |= {"neuron": _neuron(rng, kind), "weight": 30.0, "bias": 5.0}
    for _ in range(int(rng.integers(0, 3))):
        if min(shape[1:]) < 4:
            break
        layer, shape = _random_conv(rng, kind, shape)
        layers.append(layer)
    layers.append({"type": "flatten", "shape": np.array([int(np.prod(shape)), 1, 1])})
    size = int(np.prod(shape))
    for index in range(int(rng.integers(1, 3))):
        layer = _random_dense(rng, kind, size, last=index == 1)
        if kind == "cuba" and any("bias" in before for before in layers[1:]):
            # What a biased layer spikes before its first reset is still under way after it.
            layer.pop("delay", None)
        layers.append(layer)
        size = len(layers[-1]["weight"])
    return layers


def _neuron(rng: np.random.Generator, kind: str) -> Fields:
    if kind == "sdnn":
        return {**SDNN, "vThMant": int(rng.choice([0, 1, 3]))}
    return {
        **CUBA,
        "type": str(rng.choice(["CUBA", "LOIHI"])),
        "iDecay": int(rng.choice([0, 1, 700, 4095, 4096])),
        "vDecay": int(rng.choice([0, 1, 512, 4096])),
        "vThMant": int(rng.integers(5, 120)),
    }


def _random_conv(
    rng: np.random.Generator, kind: str, shape: tuple[int, ...]
) -> tuple[Fields, tuple[int, ...]]:
    groups = int(rng.choice([g for g in (1, shape[0]) if shape[0] % g == 0]))
    out = groups * int(rng.integers(1, 4))
    kernel = rng.integers(1, 4, 2)
    stride, padding, dilation = (
        rng.integers(low, high, 2) for low, high in ((1, 3), (0, 2), (1, 2))
    )
    extents = (np.array(shape[1:]) + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    made = (out, *map(int, extents))
    fields: Fields = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if rng.random() < 0.7:
        fields["bias"] = _bias(rng, out)
    largest = 4 if kind == "sdnn" else 20
    weight = rng.integers(-largest, largest + 3, (out, shape[0] // groups, *kernel)) * 2
    return conv(weight, made, _neuron(rng, kind), **fields), made


def _random_dense(rng: np.random.Generator, kind: str, size: int, *, last: bool) -> Fields:
    rows = int(rng.integers(2, 9))
    ranges = ((-60, 64), (0, 120), (-120, -1), (-127, 128))
    low, high = (-4, 5) if kind == "sdnn" else ranges[int(rng.integers(0, 4))]
    weight = rng.integers(low, high, (rows, size)) * 2
    neuron = _neuron(rng, kind)
    fields: Fields = {}
    if kind == "sdnn" and last and rng.random() < 0.5:
        neuron["sigma_output"] = True
    elif rng.random() < 0.7:
        fields["bias"] = _bias(rng, rows)
    if rng.random() < 0.4:
        shapes: tuple[tuple[int, ...], ...] = ((rows, size), (rows,), (size,), ())
        fields["delay"] = rng.integers(0, 4, shapes[int(rng.integers(0, 4))])
    return dense(weight, neuron, **fields)


def _bias(rng: np.random.Generator, size: int) -> npt.NDArray[Any]:
    return rng.integers(-6, 9, size) * 2
