"""nmcompile's own checkpoint: architecture name, configuration and weights, no code.

A `.pt` file that torch.save wrote, with one dictionary of tensors and JSON types:

    format        "nmcompile"
    version       1
    architecture  a name that `nmcompile.architectures` knows
    config        JSON object for that architecture
    state_dict    name -> tensor
    preprocess    {channel_order, range, mean, std}, see `nmcompile.ir.program.Preprocess`
    calibration   {scales: layer -> number} or {images: uint8 (N, H, W, 3)}, optional
    tracker       JSON object of the tracker's hyperparameters, optional
    recipe        JSON object: how the model wants to be converted (`nmcompile.passes.recipe`),
                  below what the user chooses; optional
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean
from nmcompile.frontends import refusals
from nmcompile.frontends.sniff import sniff
from nmcompile.ir.program import Preprocess

if TYPE_CHECKING:
    import torch

FORMAT: Final = "nmcompile"
VERSION: Final = 1
REQUIRED: Final = ("format", "version", "architecture", "config", "state_dict", "preprocess")
OPTIONAL: Final = ("calibration", "tracker", "recipe")

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A validated checkpoint.

    Attributes:
        architecture: name in `nmcompile.architectures`.
        config: the architecture's configuration (JSON types).
        state: weights and buffers by their torch names.
        preprocess: how a frame becomes the network's input.
        scales: (layer, activation scale), sorted; empty without.
        images: calibration crops, uint8 RGB `(N, H, W, 3)`; None without.
        tracker: hyperparameters of the tracker (JSON types).
        recipe: of the conversion (JSON types); checked when the model is built.
    """

    architecture: str
    config: Mapping[str, object]
    state: Arrays
    preprocess: Preprocess = field(default_factory=Preprocess)
    scales: tuple[tuple[str, float], ...] = ()
    images: npt.NDArray[np.uint8] | None = None
    tracker: Mapping[str, object] = field(default_factory=dict)
    recipe: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the mappings read-only."""
        for name in ("config", "state", "tracker", "recipe"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and validate a checkpoint; nothing in the file is executed.

    Raises:
        NmError: NM0101 ... NM0109 and NM0112 when it is something else, NM0115 with one
            diagnostic for every missing or wrong field.
    """
    found = sniff(path)
    if found.kind != "checkpoint":
        raise refusals.bare_weights(path, f"a {found.kind} file")
    body = load_plain(path)
    if not isinstance(body, dict) or not all(isinstance(k, str) for k in body):
        raise refusals.damaged(path, "the outermost object is not a dictionary of names")
    return _Validator(path, body).checkpoint()


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write `checkpoint`; equal checkpoints give equal bytes, whatever the file is called.

    Raises:
        NmError: NM0123 when the file cannot be written; nothing half-written stays.
        TypeError: `config` or `tracker` holds something else than JSON types.
    """
    import torch

    how = checkpoint.preprocess
    head = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": checkpoint.architecture,
        "config": checkpoint.config,
        "preprocess": {
            "channel_order": how.channel_order,
            "range": how.range,
            "mean": how.mean,
            "std": how.std,
        },
        "calibration": {"scales": dict(checkpoint.scales)} if checkpoint.scales else {},
        "tracker": checkpoint.tracker,
        **({"recipe": checkpoint.recipe} if checkpoint.recipe else {}),
    }
    # "format" comes first: it is how the file is recognised.
    body = {"format": FORMAT, **_plain(head)}
    body["state_dict"] = {sys.intern(n): _tensor(v) for n, v in checkpoint.state.items()}
    if checkpoint.images is not None:
        body["calibration"]["images"] = _tensor(checkpoint.images)
    # torch writes the file's name into the archive, except into a buffer.
    buffer = io.BytesIO()
    torch.save(body, buffer)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(buffer.getvalue())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise refusals.unwritable(path, error.strerror or str(error)) from None


def load_plain(path: Path) -> Any:
    """torch.load without code, tensors on the CPU.

    Raises:
        NmError: NM0107 when torch refuses an object in it, NM0105 when the file is damaged.
    """
    import pickle

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise refusals.pickled(path, _first_line(error)) from None
    except refusals.READ_ERRORS as error:
        raise refusals.damaged(path, f"{type(error).__name__}: {_first_line(error)}") from None


def parse_preprocess(body: dict[str, object]) -> Preprocess:
    """A `preprocess` object with every field checked.

    Raises:
        NmError: NM0115 with one diagnostic for each missing or wrong field.
    """
    return _Validator(Path("options"), {"preprocess": body}).preprocess()


def array_of(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """A tensor as numpy array; floats narrower than float32 are widened.

    Raises:
        ValueError: the tensor is sparse, quantised, complex, or larger than its storage
            (an expanded view, whose copy could fill the memory).
    """
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        raise ValueError(f"a {tensor.dtype} tensor of layout {tensor.layout}")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError("a tensor that is larger than what is stored of it")
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    array: npt.NDArray[Any] = tensor.detach().contiguous().numpy()
    return array


def _tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.array(array, order="C"))


def _plain(value: object) -> Any:
    """`value` in JSON types, in one canonical form.

    Pickle writes two equal objects once or twice, depending on whether they are one object:
    strings are interned and lists copied, so that equal values give equal bytes.
    """
    if isinstance(value, Mapping):
        return {sys.intern(str(k)): _plain(value[k]) for k in sorted(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return sys.intern(str(value))
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n", 1)[0][:200]


class _Validator:
    """Turns the dictionary of the file into a `Checkpoint`, collecting every problem."""

    def __init__(self, path: Path, body: dict[str, Any]) -> None:
        self._path = path
        self._body = body
        self._problems: list[Diagnostic] = []

    def checkpoint(self) -> Checkpoint:
        self._names()
        version = self._body.get("version")
        if "version" in self._body and version != VERSION:
            self._wrong("version", str(VERSION), repr(version), "use the nmcompile that wrote it")
        calibration = self._calibration()
        made = Checkpoint(
            architecture=self._architecture(),
            config=self._object("config"),
            state=self._state(),
            preprocess=self._preprocess(),
            scales=self._scales(calibration.get("scales")),
            images=self._images(calibration.get("images")),
            tracker=self._object("tracker"),
            recipe=self._object("recipe"),
        )
        if self._problems:
            raise NmError(*self._problems)
        return made

    def preprocess(self) -> Preprocess:
        """The field `preprocess` alone."""
        made = self._preprocess()
        if self._problems:
            raise NmError(*self._problems)
        return made

    def _wrong(self, name: str, limit: str, found: str, *help_: str) -> None:
        self._problems.append(
            Diagnostic(
                code="NM0115",
                message=f"`{name}` of the checkpoint is missing or wrong",
                where=f"{self._path}: {name}",
                limit=limit,
                found=found,
                help=help_,
            )
        )

    def _names(self) -> None:
        for name in REQUIRED:
            if name not in self._body:
                self._wrong(name, f"all of {', '.join(REQUIRED)}", "no such entry")
        for name in sorted(set(self._body) - {*REQUIRED, *OPTIONAL}):
            near = did_you_mean(name, (*REQUIRED, *OPTIONAL), "entries")
            self._wrong(name, "known entries only", "an unknown entry", near)

    def _architecture(self) -> str:
        name = self._body.get("architecture", "")
        if not isinstance(name, str):
            self._wrong("architecture", "a name", type(name).__name__)
            return ""
        return name

    def _object(self, name: str) -> dict[str, object]:
        value = self._body.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
            self._wrong(name, "an object with names as keys", type(value).__name__)
            return {}
        if not _is_json(value):
            self._wrong(name, "JSON types only", "a value of another type")
            return {}
        return value

    def _state(self) -> dict[str, npt.NDArray[Any]]:
        import torch

        value = self._body.get("state_dict", {})
        if not isinstance(value, dict):
            self._wrong("state_dict", "names and tensors", type(value).__name__)
            return {}
        state = {}
        for name, tensor in value.items():
            if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
                self._wrong(f"state_dict.{name}", "a tensor", f"a {type(tensor).__name__}")
                continue
            try:
                state[name] = array_of(tensor)
            except ValueError as error:
                self._wrong(f"state_dict.{name}", "a dense real tensor", str(error))
        return state

    def _preprocess(self) -> Preprocess:
        body = self._object("preprocess")
        if "preprocess" not in self._body:
            return Preprocess()
        order = body.get("channel_order")
        if order not in ("RGB", "BGR", "gray"):
            self._wrong("preprocess.channel_order", "RGB, BGR or gray", repr(order))
            order = "RGB"
        channels = 1 if order == "gray" else 3
        scale = body.get("range")
        if not _is_number(scale) or float(scale) <= 0:  # type: ignore[arg-type]
            self._wrong("preprocess.range", "a positive number", repr(scale))
            scale = 255.0
        return Preprocess(
            channel_order=_order(order),
            range=float(scale),  # type: ignore[arg-type]
            mean=self._channel_numbers(body, "mean", channels, positive=False),
            std=self._channel_numbers(body, "std", channels, positive=True),
        )

    def _channel_numbers(
        self, body: dict[str, object], name: str, count: int, *, positive: bool
    ) -> tuple[float, ...]:
        value = body.get(name)
        if (
            isinstance(value, list | tuple)
            and len(value) == count
            and all(_is_number(v) for v in value)
            and (not positive or min(value) > 0)
        ):
            return tuple(float(v) for v in value)
        limit = f"a list of {count} {'positive ' if positive else ''}numbers"
        self._wrong(f"preprocess.{name}", limit, repr(value))
        return (1.0,) * count

    def _calibration(self) -> dict[str, Any]:
        value = self._body.get("calibration") or {}
        if not isinstance(value, dict):
            self._wrong("calibration", "an object", type(value).__name__)
            return {}
        for key in value:
            if key not in ("scales", "images"):
                self._wrong(f"calibration.{key}", "scales or images", "an unknown entry")
        return value

    def _scales(self, value: object) -> tuple[tuple[str, float], ...]:
        if value is None:
            return ()
        if not isinstance(value, dict) or not all(
            isinstance(k, str) and _is_number(v) and v > 0 for k, v in value.items()
        ):
            self._wrong("calibration.scales", "layer names and positive numbers", repr(value)[:60])
            return ()
        return tuple(sorted((k, float(v)) for k, v in value.items()))

    def _images(self, value: object) -> npt.NDArray[np.uint8] | None:
        import torch

        if value is None:
            return None
        shape = tuple(getattr(value, "shape", ()))
        if (
            not isinstance(value, torch.Tensor)
            or value.dtype != torch.uint8
            or len(shape) != 4
            or shape[-1] != 3
            or 0 in shape
        ):
            found = f"{type(value).__name__} {getattr(value, 'dtype', '')} {shape}"
            self._wrong("calibration.images", "a uint8 tensor (N, H, W, 3)", found)
            return None
        try:
            return array_of(value)
        except ValueError as error:
            self._wrong("calibration.images", "a dense tensor", str(error))
            return None


def _order(value: object) -> Literal["RGB", "BGR", "gray"]:
    return "BGR" if value == "BGR" else "gray" if value == "gray" else "RGB"


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_json(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(_is_json(v) for v in value)
    return value is None or isinstance(value, bool | int | float | str)
