"""Third-party weights (.pth, .pt, .safetensors) -> an nmcompile checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends import refusals, siamfc_keys, spiketrack_keys
from nmcompile.frontends.checkpoint import Checkpoint, array_of, load_plain
from nmcompile.frontends.checkpoint_module import checkpoint_module
from nmcompile.frontends.sniff import sniff
from nmcompile.ir.program import Preprocess

if TYPE_CHECKING:
    import torch

NESTED: Final = ("state_dict", "model_state_dict", "model", "net", "network")
"""Entries under which training scripts store the state dict beside other things."""

State = dict[str, npt.NDArray[Any]]


def wrap_state_dict(
    path: Path,
    architecture: str = "siamfc",
    config: Mapping[str, object] | None = None,
    *,
    key_map: Mapping[str, str] | None = None,
    preprocess: Preprocess | None = None,
    scales: tuple[tuple[str, float], ...] = (),
    images: npt.NDArray[np.uint8] | None = None,
    tracker: Mapping[str, object] | None = None,
) -> Checkpoint:
    """Read the weights at `path` and make a checkpoint that builds and loads.

    For "siamfc", layers are recognised (`siamfc_keys` states the rule), and channels, kernels,
    groups and batch normalisation come from the shapes; what shapes do not tell is the AlexNet of
    SiamFC-3s (`siamfc_keys.ALEXNET`) unless `config` says otherwise. For "spiketrack", the names
    are those of the published checkpoints (`spiketrack_keys`), and shapes tell the whole config.

    Args:
        path: a state dict (.pth, .pt) or safetensors file.
        architecture: name in `nmcompile.architectures`.
        config: entries that override inferred ones; for other architectures the whole config.
        key_map: old prefix -> new prefix of tensor names, longest first; "" as new drops them.
        preprocess: how a frame becomes the input; RGB pixels 0..255 by default.
        scales: activation scales of the layers, see `Checkpoint`.
        images: calibration crops, see `Checkpoint`.
        tracker: hyperparameters of the tracker loop.

    Raises:
        NmError: NM0101 ... NM0109 (the file), NM0110, NM0111 (architecture, config), NM0116
            (tensors that do not fit), NM0117 (layers not recognised), NM0119 (nothing to wrap).
    """
    state = _renamed(read_state(path), key_map or {})
    inferred: dict[str, object] = {}
    if architecture == "siamfc":
        state = siamfc_keys.rename(state)
        inferred = siamfc_keys.infer_config(state)
    elif architecture == "spiketrack":
        inferred = spiketrack_keys.infer_config(state)
        state = spiketrack_keys.rename(state)
    checkpoint = Checkpoint(
        architecture=architecture,
        config={**inferred, **(config or {})},
        state=state,
        preprocess=preprocess or Preprocess(),
        scales=tuple(sorted(scales)),
        images=images,
        tracker=tracker or {},
    )
    checkpoint_module(checkpoint)
    return checkpoint


def read_state(path: Path) -> State:
    """The tensors of a state dict or safetensors file by name, in the file's order.

    Raises:
        NmError: NM0101 ... NM0109 (the file), NM0119 when it is a checkpoint already, or holds
            no tensors.
    """
    kind = sniff(path).kind
    if kind == "safetensors":
        return _read_safetensors(path)
    if kind != "state_dict":
        raise _nothing_to_wrap(path, f"a {kind} file", "build it as it is: `nmcompile build`")
    body = load_plain(path)
    while isinstance(body, dict):
        inner = next((body[k] for k in NESTED if isinstance(body.get(k), dict)), None)
        if inner is None:
            break
        body = inner
    state = _tensors(path, body) if isinstance(body, dict) else {}
    if not state:
        raise _nothing_to_wrap(path, "no named tensors")
    return state


def _tensors(path: Path, body: dict[Any, Any]) -> State:
    import torch

    state: State = {}
    for name, value in body.items():
        if isinstance(name, str) and isinstance(value, torch.Tensor):
            state[name] = _array(path, name, value)
    return state


def _array(path: Path, name: str, value: torch.Tensor) -> npt.NDArray[Any]:
    try:
        return array_of(value)
    except ValueError as error:
        raise refusals.damaged(path, f"`{name}`: {error}") from None


def _read_safetensors(path: Path) -> State:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        state = load_file(path)
    except (SafetensorError, *refusals.READ_ERRORS) as error:
        raise refusals.damaged(path, f"safetensors: {error}") from None
    return {name: state[name] for name in siamfc_keys.natural_order(tuple(state))}


def _renamed(state: State, key_map: Mapping[str, str]) -> State:
    renamed: State = {}
    for name, value in state.items():
        old = max((k for k in key_map if name.startswith(k)), key=len, default=None)
        if old is None:
            renamed[name] = value
        elif key_map[old]:
            renamed[key_map[old] + name[len(old) :]] = value
    return renamed


def _nothing_to_wrap(path: Path, found: str, *help_: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0119",
            message="there are no bare weights to wrap in this file",
            where=str(path),
            limit="a state dict (.pth, .pt) or a safetensors file",
            found=found,
            help=help_,
        )
    )
