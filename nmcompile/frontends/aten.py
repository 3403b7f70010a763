"""A torch.export archive as plain data: its graph, its weights, nothing that can run.

torch's own loader unpickles parts of such an archive and evaluates symbolic expressions. This
reader takes the JSON graph and the raw weight bytes only, and needs no torch.
Layout: torch/export/pt2_archive and torch/_export/serde/schema.py of torch 2.13 (schema version 8).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.frontends import refusals
from nmcompile.frontends.archive import Archive

SCHEMA_MAJOR: Final = 8
JSON_BYTES: Final = 256 * 2**20

# torch's ScalarType numbers; bfloat16 (13) has no numpy type and is widened by hand.
_BFLOAT16: Final = 13
_DTYPES: Final[dict[int, str]] = {
    1: "u1",
    2: "i1",
    3: "<i2",
    4: "<i4",
    5: "<i8",
    6: "<f2",
    7: "<f4",
    8: "<f8",
    12: "?",
    _BFLOAT16: "<u2",
}


@dataclass(frozen=True)
class AtenNode:
    """One call of an ATen operator.

    Attributes:
        name: its name in the exported graph.
        op: the operator, such as "aten.conv2d.default".
        arguments: by parameter name; a `Ref` stands for a tensor, other values are JSON's.
        outputs: names of the tensors it makes.
        module: path of the module that called it, such as "backbone.conv1.0".
        leaf: whether that module is one of torch's layers (else code in a forward method).
    """

    name: str
    op: str
    arguments: dict[str, Any]
    outputs: tuple[str, ...]
    module: str
    leaf: bool


@dataclass(frozen=True)
class Ref:
    """The tensor of this name."""

    name: str


@dataclass(frozen=True)
class AtenGraph:
    """An exported program.

    Attributes:
        inputs: names of the user's input tensors.
        outputs: names of the user's output tensors; anything else stands as its JSON.
        effects: outputs that are not the user's (mutated buffers, ...), by kind.
        constants: parameters and buffers by tensor name.
        shapes: static shape of every tensor; None where an extent is symbolic.
        nodes: in execution order.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    effects: tuple[str, ...]
    constants: dict[str, npt.NDArray[Any]]
    shapes: dict[str, tuple[int, ...] | None]
    nodes: tuple[AtenNode, ...]


def read_archive(archive: Archive) -> AtenGraph:
    """Read the exported program in `archive`.

    Raises:
        NmError: NM0118 for an old or unsafe layout, NM0105 for a damaged one.
    """
    program = _load_json(archive, _model_member(archive))
    try:
        major = program["schema_version"]["major"]
        if major != SCHEMA_MAJOR:
            raise refusals.unsafe_export(archive.path, f"schema version {major}")
        if archive.read("byteorder", 16) != b"little":
            raise refusals.unsafe_export(archive.path, "big-endian weights")
        return _graph(archive, program["graph_module"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        found = f"{type(error).__name__} in the graph: {error}"
        raise refusals.damaged(archive.path, found) from None


def _model_member(archive: Archive) -> str:
    models = [n for n in archive.sizes if n.startswith("models/") and n.endswith(".json")]
    if not models:
        found = "a compiled package without a graph"
        raise refusals.unsafe_export(archive.path, found)
    if len(models) > 1:
        found = f"{len(models)} models in one archive"
        raise refusals.unsafe_export(archive.path, found, "save one exported program per file")
    return models[0]


def _load_json(archive: Archive, name: str) -> Any:
    try:
        return json.loads(archive.read(name, JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise refusals.damaged(archive.path, f"`{name}`: {error}") from None


def _graph(archive: Archive, module: dict[str, Any]) -> AtenGraph:
    graph, signature = module["graph"], module["signature"]
    model = _model_member(archive).removeprefix("models/").removesuffix(".json")
    payloads = {kind: _payloads(archive, kind, model) for kind in ("weights", "constants")}
    inputs: list[str] = []
    constants: dict[str, npt.NDArray[Any]] = {}
    for spec in signature["input_specs"]:
        ((kind, body),) = spec.items()
        if kind == "user_input":
            inputs.append(_tensor_name(body["arg"]))
            continue
        key = next((body[k] for k in _NAME_KEYS if k in body), None)
        if key is None:
            raise refusals.unsafe_export(archive.path, f"an input of kind `{kind}`")
        folder = "weights" if key in payloads["weights"] else "constants"
        constants[body["arg"]["name"]] = _tensor(archive, folder, key, payloads[folder][key])
    specs = [next(iter(s.items())) for s in signature["output_specs"]]
    return AtenGraph(
        inputs=tuple(inputs),
        outputs=tuple(_tensor_name(b["arg"]) for k, b in specs if k == "user_output"),
        effects=tuple(k for k, _ in specs if k != "user_output"),
        constants=constants,
        shapes={n: _shape(t["sizes"]) for n, t in graph["tensor_values"].items()},
        nodes=tuple(_node(n) for n in graph["nodes"]),
    )


def _payloads(archive: Archive, kind: str, model: str) -> dict[str, Any]:
    """The table of stored tensors; older versions of torch have one pickle in its place."""
    name = f"data/{kind}/{model}_{kind}_config.json"
    if name not in archive.sizes and f"data/{kind}/{model}.pt" in archive.sizes:
        raise refusals.unsafe_export(archive.path, f"all {kind} in one pickle")
    payloads: dict[str, Any] = _load_json(archive, name)["config"]
    return payloads


_NAME_KEYS: Final = ("parameter_name", "buffer_name", "tensor_constant_name")


def _tensor_name(argument: dict[str, Any]) -> str:
    return str(argument["as_tensor"]["name"]) if "as_tensor" in argument else json.dumps(argument)


def _shape(sizes: list[dict[str, Any]]) -> tuple[int, ...] | None:
    if all("as_int" in s for s in sizes):
        return tuple(int(s["as_int"]) for s in sizes)
    return None


def _node(body: dict[str, Any]) -> AtenNode:
    path, leaf = _module(body["metadata"].get("nn_module_stack", ""))
    outputs = tuple(_tensor_name(o) for o in body["outputs"])
    return AtenNode(
        name=str(body.get("name") or outputs[0]),
        op=str(body["target"]).removeprefix("torch.ops."),
        arguments={str(i["name"]): _argument(i["arg"]) for i in body["inputs"]},
        outputs=outputs,
        module=path,
        leaf=leaf,
    )


def _argument(body: dict[str, Any]) -> Any:
    ((kind, value),) = body.items()
    if kind == "as_tensor":
        return Ref(str(value["name"]))
    if kind == "as_tensors":
        return [Ref(str(v["name"])) for v in value]
    if kind == "as_none":
        return None
    return value


def _module(stack: str) -> tuple[str, bool]:
    """Path and kind of the innermost entry of `key,path,class;key,path,class;...`."""
    last = stack.split(";")[-1].split(",")
    if len(last) != 3:
        return "", False
    leaf = last[2].startswith("torch.nn.modules.") and ".container." not in last[2]
    return last[1], leaf


def _tensor(archive: Archive, folder: str, key: str, payload: dict[str, Any]) -> npt.NDArray[Any]:
    meta = payload["tensor_meta"]
    if payload["use_pickle"] or meta is None:
        found = f"`{key}` is stored as a pickle"
        raise refusals.unsafe_export(archive.path, found, "export a model of plain tensors")
    if meta["dtype"] not in _DTYPES:
        found = f"`{key}` has element type {meta['dtype']}"
        raise refusals.unsafe_export(archive.path, found, "export the model in float32")
    raw = np.frombuffer(archive.read(f"data/{folder}/{payload['path_name']}"), np.uint8)
    dtype = np.dtype(_DTYPES[meta["dtype"]])
    stored = raw[: raw.size // dtype.itemsize * dtype.itemsize].view(dtype)
    shape = _shape(meta["sizes"]) or ()
    strides = _shape(meta["strides"]) or ()
    offset = int(meta["storage_offset"]["as_int"])
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    count = int(np.prod(shape, dtype=object))
    # An expanded tensor (stride 0) would unpack to more than the file holds: refused as well.
    negative = min((*shape, *strides, offset), default=0) < 0
    if negative or count > stored.size or (count and last >= stored.size):
        raise refusals.damaged(archive.path, f"`{key}` is larger than what is stored of it")
    view = np.lib.stride_tricks.as_strided(
        stored[offset:], shape, [s * dtype.itemsize for s in strides], writeable=False
    )
    if meta["dtype"] == _BFLOAT16:
        return (view.astype(np.uint32) << 16).view(np.float32)
    return np.array(view)
