"""Torch definitions of the trackers' networks, looked up by the name that a checkpoint carries.

The registry is explicit and lazy: asking for the names imports nothing, building one imports torch.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from nmcompile.diagnostics import Diagnostic, NmError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = ["build", "names"]

# name -> "module:function"; the function takes the checkpoint's config and returns the module.
_BUILDERS: Final[Mapping[str, str]] = {
    "dashnet": "nmcompile.architectures.dashnet:build",
    "siamfc": "nmcompile.architectures.siamfc:build",
    "siamfcpp": "nmcompile.architectures.siamfcpp:build",
    "spiketrack": "nmcompile.architectures.spiketrack.network:build",
}


def names() -> tuple[str, ...]:
    """Return the names of all known architectures, sorted."""
    return tuple(sorted(_BUILDERS))


def build(name: str, config: Mapping[str, object]) -> torch.nn.Module:
    """Build the architecture `name` with random weights.

    Args:
        name: An entry of `names()`.
        config: The architecture's configuration, JSON types only.

    Returns:
        The module, in training mode, ready for `load_state_dict`.

    Raises:
        NmError: NM0110 for an unknown name, NM0111 for a configuration that makes no network.
    """
    if name not in _BUILDERS:
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
        known = ", ".join(names())
        help_ = (f"did you mean {near[0]}?",) if near else ()
        raise NmError(
            Diagnostic(
                code="NM0110",
                message=f"unknown architecture {name!r}",
                where="architecture",
                found=name,
                help=(*help_, f"known architectures: {known}"),
            )
        )
    module_name, _, function = _BUILDERS[name].partition(":")
    builder = cast(
        "Callable[[Mapping[str, object]], torch.nn.Module]",
        getattr(importlib.import_module(module_name), function),
    )
    return builder(config)
