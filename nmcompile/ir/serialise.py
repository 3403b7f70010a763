"""Programs on disk: a JSON file for the structure, a safetensors file for the arrays.

Byte-deterministic, and reading one constructs only the classes named in `_CLASSES`.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import neurons, ops, program
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node

FORMAT = "nmcompile-program"
VERSION = 1

_CLASSES: dict[str, type] = {
    c.__name__: c
    for c in (
        *typing.get_args(ops.Op),
        *typing.get_args(neurons.NeuronModel),
        Node,
        Network,
        program.Program,
        program.Preprocess,
        program.Step,
    )
}


def program_to_json(value: program.Program) -> tuple[str, dict[str, Array]]:
    """The JSON text of a program and the arrays that it refers to, by digest."""
    arrays: dict[str, Array] = {}
    body = {"format": FORMAT, "version": VERSION, "program": _encode(value, arrays)}
    return json.dumps(body, indent=1, sort_keys=True), arrays


def save_program(value: program.Program, stem: Path) -> None:
    """Write `stem`.json and `stem`.safetensors."""
    text, arrays = program_to_json(value)
    stem.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    # safetensors cannot store scalars of shape () next to a name order of its own: sort.
    save_file({d: arrays[d].data for d in sorted(arrays)}, stem.with_suffix(".safetensors"))


def load_program(stem: Path) -> program.Program:
    """Read what `save_program` wrote.

    Raises:
        NmError: NM0524 when a file is missing, damaged or of another version.
    """
    try:
        body = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
        arrays = load_file(stem.with_suffix(".safetensors"))
        if body["format"] != FORMAT or body["version"] != VERSION:
            raise ValueError(f"format {body['format']!r} version {body['version']!r}")
        decoded = _decode(body["program"], {k: Array(v) for k, v in arrays.items()})
        if not isinstance(decoded, program.Program):
            raise TypeError("the file holds something else")
        return decoded
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise NmError(
            Diagnostic(
                code="NM0524",
                message="this is not a readable program of this version",
                where=f"{stem.name}.json",
                found=f"{type(error).__name__}: {error}",
                help=("build the deployment again with `nmcompile build`",),
            )
        ) from error


def _encode(value: object, arrays: dict[str, Array]) -> Any:
    if isinstance(value, Array):
        arrays[value.digest] = value
        return {"$array": value.digest}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = [f for f in dataclasses.fields(value) if not _omitted(value, f)]
        body = {f.name: _encode(getattr(value, f.name), arrays) for f in kept}
        return {"$": type(value).__name__, **body}
    if isinstance(value, tuple | list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, dict):
        return {"$dict": {k: _encode(v, arrays) for k, v in value.items()}}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"cannot store a {type(value).__name__} in a program")


def _omitted(value: object, field: dataclasses.Field[Any]) -> bool:
    return bool(field.metadata.get("omit_default")) and getattr(value, field.name) == field.default


def _decode(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    if "$dict" in value:
        return {k: _decode(v, arrays) for k, v in value["$dict"].items()}
    cls = _CLASSES[value["$"]]
    hints = _hints(cls)
    fields = {k: _decode(v, arrays) for k, v in value.items() if k != "$"}
    for key, hint in hints.items():
        # JSON has one number type: a float field may come back as an integer.
        if hint is float and isinstance(fields.get(key), int):
            fields[key] = float(fields[key])
    return cls(**fields)


def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {k: (None if isinstance(v, types.UnionType) else v) for k, v in hints.items()}
