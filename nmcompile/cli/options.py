"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TargetName = Annotated[
    str,
    typer.Option(
        "--target", "-t", help="Name, alias or path of a target file.", show_default=False
    ),
]
Timesteps = Annotated[
    int | None,
    typer.Option(min=1, max=1024, help="Timesteps T of one inference; 16, or what the file says."),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="DIR|synthetic",
        help="Images that fix the activation scales; default: what the model carries.",
    ),
]
Bits = Annotated[int, typer.Option(min=2, max=8, help="Width of integer weights, with sign.")]
Percentile = Annotated[
    float,
    typer.Option(min=50.0, max=100.0, help="Of the non-zero activations: a layer's scale."),
]
NirDt = Annotated[float, typer.Option(min=1e-9, help="Seconds per timestep of a .nir graph.")]
NirReset = Annotated[str, typer.Option(help="Reset of a .nir graph: zero or subtract.")]
BuildFolder = Annotated[
    Path, typer.Argument(help="Folder that `nmcompile build` wrote.", show_default=False)
]

RESETS = ("zero", "subtract")


def one_of(value: str, allowed: tuple[str, ...], option: str) -> None:
    """Refuse an option's word that is not among the allowed ones.

    Raises:
        NmError: NM0001.
    """
    from nmcompile.diagnostics import Diagnostic, NmError

    if value not in allowed:
        raise NmError(
            Diagnostic(
                code="NM0001",
                message=f"there is no {option.lstrip('-')} `{value}`",
                where=option,
                limit=", ".join(allowed),
            )
        )
