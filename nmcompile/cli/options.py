"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nmcompile.frontends.nir import NirOptions
    from nmcompile.passes.recipe import Recipe

ModelFile = Annotated[
    Path,
    typer.Argument(help="Checkpoint .pt, torch.export .pt2, .nir or .net.", show_default=False),
]
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
Config = Annotated[
    Path | None,
    typer.Option(
        help="Recipe of the conversion (TOML): coding, pooling, matching, layer by layer."
    ),
]
Preset = Annotated[
    str | None, typer.Option(help="A recipe that comes with nmcompile.", metavar="NAME")
]
Bits = Annotated[
    int | None, typer.Option(min=2, max=8, help="Width of integer weights, with sign; 8.")
]
Percentile = Annotated[
    float | None,
    typer.Option(
        min=50.0,
        max=100.0,
        help="Of the non-zero activations: a layer's scale; the scales that the model carries, "
        "else 99.9.",
    ),
]
SplitFanIn = Annotated[
    bool,
    typer.Option(
        "--split-fan-in",
        help="Layers whose fan-in fits no core become rate-coded partial sums: an approximation.",
    ),
]
ScheduleName = Annotated[
    str,
    typer.Option(
        "--schedule",
        metavar="[NETWORK=]NAME[:PHASES],...",
        help="How cores that work in phases fold layers in time: unfolded, semi-folded or folded, "
        "for all networks or for one; default: the fewest phases that fit.",
    ),
]
Verify = Annotated[bool, typer.Option(help="Compare the mapped cores with the golden network.")]
NirDt = Annotated[float, typer.Option(min=1e-9, help="Seconds per timestep of a .nir graph.")]
NirReset = Annotated[str, typer.Option(help="Reset of a .nir graph: zero or subtract.")]
Given = Annotated[
    Path | None,
    typer.Option(
        "--input",
        help="Run on the numbers in this .npy file: (T, C, H, W) of spikes, (C, H, W) of values.",
    ),
]
BuildFolder = Annotated[
    Path, typer.Argument(help="Folder that `nmcompile build` wrote.", show_default=False)
]
ResumedFolder = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="Folder to write; started again, it resumes.", show_default=False
    ),
]
OnlyNetwork = Annotated[
    str | None, typer.Option(help="Only this network.", show_default="all on the chip")
]
RunFrames = Annotated[int, typer.Option(min=1, help="Consecutive frames.")]
Markdown = Annotated[Path | None, typer.Option(help="Write Markdown to this file.")]
Only = Annotated[list[str], typer.Option(metavar="NAME", help="Only this sequence; repeat it.")]
Frames = Annotated[int | None, typer.Option(min=2, help="Only the first frames of every sequence.")]
Crops = Annotated[int, typer.Option(min=2, help="Crops of the fidelity protocol.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes of this machine.")]
Scheduler = Annotated[
    str,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help="Dask scheduler of a cluster that computes; its workers see the same paths.",
    ),
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


def nir_options(dt_s: float, reset: str) -> NirOptions:
    """What a NIR file does not say.

    Raises:
        NmError: NM0001 for an unknown reset.
    """
    from nmcompile.frontends.nir import NirOptions

    one_of(reset, RESETS, "--nir-reset")
    return NirOptions(dt_s=dt_s, reset=reset)  # type: ignore[arg-type]


def recipe_of(
    config: Path | None,
    preset: str | None,
    timesteps: int | None,
    weight_bits: int | None,
    percentile: float | None,
    *,
    split_fan_in: bool = False,
) -> Recipe:
    """The recipe that the options describe; single options win over file and preset.

    Raises:
        NmError: NM0001 for an unknown preset or both a file and a preset, NM0602 to NM0606 for
            a file that is not a recipe.
    """
    from nmcompile.diagnostics import Diagnostic, NmError
    from nmcompile.passes.presets import PRESETS, read_recipe
    from nmcompile.passes.recipe import Recipe

    if config is not None and preset is not None:
        raise NmError(
            Diagnostic(
                code="NM0001",
                message="give either a recipe file or a preset",
                where="--config, --preset",
                help=('write `preset = "NAME"` into the file to build on a preset',),
            )
        )
    recipe = Recipe()
    if preset is not None:
        one_of(preset, tuple(PRESETS), "--preset")
        recipe = PRESETS[preset]
    elif config is not None:
        recipe = read_recipe(config)
    given = {
        "timesteps": timesteps,
        "weight_bits": weight_bits,
        "percentile": percentile,
        "split_fan_in": split_fan_in or None,
    }
    return recipe.model_copy(update={k: v for k, v in given.items() if v is not None})
