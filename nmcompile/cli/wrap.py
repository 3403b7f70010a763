"""``nmcompile wrap``: third-party weights into a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.diagnostics import Diagnostic, NmError


@command
def wrap(
    session: Session,
    weights: Annotated[
        Path,
        typer.Argument(help="State dict (.pth, .pt) or .safetensors file.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Checkpoint to write.", show_default=False)
    ],
    architecture: Annotated[str, typer.Option(help="Architecture of the weights.")] = "siamfc",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=JSON",
            help="A config entry that shapes do not tell, such as strides=[4,2,1,1,1].",
        ),
    ] = None,
    key_map: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="Rename a prefix of tensor names; empty NEW drops."),
    ] = None,
    channel_order: Annotated[str, typer.Option(help="RGB, BGR or gray.")] = "RGB",
    pixel_range: Annotated[
        float, typer.Option("--range", help="Value of a white pixel at the input.")
    ] = 255.0,
    mean: Annotated[
        str, typer.Option(metavar="R,G,B", help="Subtracted per channel, in units of --range.")
    ] = "0,0,0",
    std: Annotated[
        str, typer.Option(metavar="R,G,B", help="Divisor per channel, in units of --range.")
    ] = "1,1,1",
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of crops to measure activation scales on."),
    ] = None,
) -> dict[str, Any]:
    """Turn third-party weights into a checkpoint that `build` accepts.

    Channels, kernels, groups and batch normalisation are read from the weights; the rest is the
    AlexNet of SiamFC-3s unless --set says otherwise.
    """
    config = {key: _json(key, value) for key, value in map(_pair, settings or ())}
    names = dict(map(_pair, key_map or ()))
    from nmcompile.frontends.checkpoint import parse_preprocess, save_checkpoint
    from nmcompile.frontends.wrap import wrap_state_dict

    how = parse_preprocess(
        {
            "channel_order": channel_order,
            "range": pixel_range,
            "mean": _numbers(mean),
            "std": _numbers(std),
        }
    )
    checkpoint = wrap_state_dict(weights, architecture, config, key_map=names, preprocess=how)
    if calibrate is not None:
        from nmcompile.build.freeze import freeze_scales

        session.say(f"measuring activation scales on the images of {calibrate}")
        checkpoint = freeze_scales(checkpoint, calibrate)
    save_checkpoint(checkpoint, output)
    session.out(f"wrote {output}: {architecture}, {_size(checkpoint.state)} numbers")
    for key in sorted(checkpoint.config):
        session.out(f"  {key} = {json.dumps(checkpoint.config[key])}")
    if not checkpoint.scales:
        session.say(f"next: `nmcompile build {output} --target loihi --calibrate DIR -o out`")
    return {
        "checkpoint": str(output),
        "architecture": architecture,
        "config": dict(checkpoint.config),
        "scales": dict(checkpoint.scales),
    }


def _size(state: Any) -> int:
    return sum(int(v.size) for v in state.values())


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise _usage("expected NAME=VALUE", text)
    return key, value


def _json(key: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise _usage(f"the value of `{key}` is not JSON", value) from None


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise _usage("expected numbers with commas between", text) from None


def _usage(message: str, found: str) -> NmError:
    help_ = ("see `nmcompile wrap --help`",)
    return NmError(Diagnostic(code="NM0001", message=message, found=found, help=help_))
