"""Model files -> programs, float or (.net) integer already. Loading a file never runs code from it.

`load` decides by content what a file is and calls the frontend for it; torch, h5py and nir are
imported only by the frontend that needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nmcompile.frontends.nir import NirOptions
    from nmcompile.frontends.sniff import Kind
    from nmcompile.ir.program import Preprocess, Program

__all__ = ["LoadedModel", "load"]


@dataclass(frozen=True)
class LoadedModel:
    """A model file, understood.

    Attributes:
        program: its float program; integer where the file holds nothing but integers.
        calibration: uint8 RGB `(N, H, W, 3)` images that the file carries, or None.
        scales: (layer, activation scale) pairs that the file carries, or empty.
        sha256: of the file's bytes (hex).
        kind: what the file is.
        recipe: how the file wants to be converted (JSON types, unchecked), or empty.
        span: (lowest, highest) number that usually enters, where the file says so; else None.
    """

    program: Program
    calibration: npt.NDArray[np.uint8] | None
    scales: tuple[tuple[str, float], ...]
    sha256: str
    kind: Kind
    recipe: Mapping[str, object] = field(default_factory=dict)
    span: tuple[int, int] | None = None


def load(
    path: Path | str,
    *,
    nir: NirOptions | None = None,
    preprocess: Preprocess | None = None,
) -> LoadedModel:
    """Load a model file: checkpoint (.pt), torch.export (.pt2), NIR graph (.nir), lava-dl (.net).

    Args:
        path: the file; its content decides what it is, not its name.
        nir: what a NIR file does not say (timestep, number of timesteps, reset).
        preprocess: how a frame becomes the input of a `.pt2`; checkpoints bring their own.

    Raises:
        NmError: NM01xx, every kind of unusable file with its own code.
    """
    from nmcompile.frontends.finite import check_finite
    from nmcompile.frontends.sniff import sniff

    path = Path(path)
    found = sniff(path)
    name = path.stem
    images: npt.NDArray[np.uint8] | None = None
    scales: tuple[tuple[str, float], ...] = ()
    recipe: Mapping[str, object] = {}
    span: tuple[int, int] | None = None
    if found.kind == "checkpoint":
        from nmcompile.frontends.checkpoint import load_checkpoint
        from nmcompile.frontends.checkpoint_program import checkpoint_to_program

        checkpoint = load_checkpoint(path)
        program = checkpoint_to_program(checkpoint, name)
        images, scales, recipe = checkpoint.images, checkpoint.scales, checkpoint.recipe
    elif found.kind == "pt2" and found.archive is not None:
        from nmcompile.frontends.torch_export import load_export

        program = load_export(found.archive, name, preprocess)
    elif found.kind == "nir":
        from nmcompile.frontends.nir import load_nir

        program = load_nir(path, name, nir)
    elif found.kind == "net":
        from nmcompile.frontends.netx import load_net

        net = load_net(path, name)
        program, span = net.program, net.span
    else:
        from nmcompile.frontends import refusals

        raise refusals.bare_weights(path, f"a {found.kind.replace('_', ' ')} file")
    check_finite(program)
    return LoadedModel(program, images, scales, _sha256(path), found.kind, recipe, span)


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
