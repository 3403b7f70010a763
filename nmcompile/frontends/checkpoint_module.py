"""A checkpoint -> the torch module that it describes, with its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmcompile.diagnostics import Diagnostic, DiagnosticBag, nearest
from nmcompile.frontends.checkpoint import Checkpoint

if TYPE_CHECKING:
    import torch


def checkpoint_module(checkpoint: Checkpoint) -> torch.nn.Module:
    """Build the architecture and load the weights strictly; in evaluation mode.

    Raises:
        NmError: NM0110 (architecture), NM0111 (configuration), NM0116 (weights that do not fit).
    """
    from nmcompile import architectures

    module = architectures.build(checkpoint.architecture, checkpoint.config)
    load_state(module, checkpoint)
    return module


def load_state(module: torch.nn.Module, checkpoint: Checkpoint) -> None:
    """Load the checkpoint's weights into `module`, every name and shape exactly.

    Raises:
        NmError: NM0116 with one diagnostic for each missing, unexpected or misshapen tensor.
    """
    import numpy as np
    import torch

    wanted = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    found = {k: tuple(v.shape) for k, v in checkpoint.state.items()}
    bag = DiagnosticBag()
    for key in sorted(wanted.keys() - found.keys()):
        close = nearest(key, found.keys() - wanted.keys())
        bag.add(_unfit(key, f"shape {wanted[key]}", "no such tensor", close))
    for key in sorted(found.keys() - wanted.keys()):
        bag.add(_unfit(key, "no such parameter", f"shape {found[key]}", None))
    for key in sorted(wanted.keys() & found.keys()):
        if wanted[key] != found[key]:
            bag.add(_unfit(key, f"shape {wanted[key]}", f"shape {found[key]}", None))
    bag.raise_errors()
    state = {k: torch.from_numpy(np.array(v)) for k, v in checkpoint.state.items()}
    module.load_state_dict(state, strict=True)
    module.eval()


def _unfit(key: str, limit: str, found: str, close: str | None) -> Diagnostic:
    return Diagnostic(
        code="NM0116",
        message="the checkpoint's weights do not fit its architecture",
        where=key,
        limit=limit,
        found=found,
        help=(f"the checkpoint has `{close}` instead",) if close else (),
    )
