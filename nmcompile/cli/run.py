"""``nmcompile run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import BuildFolder, Given, OnlyNetwork, RunFrames, one_of
from nmcompile.cli.text import table

if TYPE_CHECKING:
    from nmcompile.build.verify import Verification

ENGINES = ("cores", "lava")


@command
def run(
    session: Session,
    build: BuildFolder,
    engine: Annotated[
        str, typer.Option(help="What to run: cores (our simulator) or lava (Lava's CPU runtime).")
    ] = "cores",
    network: OnlyNetwork = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Run on the images of this folder, not on the stored stimuli."),
    ] = None,
    given: Given = None,
    save: Annotated[
        Path | None, typer.Option(help="Write the outputs, (frames, ...) each, to this .npz file.")
    ] = None,
    frames: RunFrames = 2,
    time_limit: Annotated[float, typer.Option(min=1.0, help="Seconds that Lava may take.")] = 300.0,
) -> dict[str, Any]:
    """Run a deployment and compare every spike with the golden network (exit 5 if one differs)."""
    from nmcompile.build.deployment import Deployment
    from nmcompile.build.rerun import rerun_cores, rerun_lava, stimuli_of, write_outputs

    one_of(engine, ENGINES, "--engine")
    deployment = Deployment.open(build)
    stimuli = stimuli_of(deployment, images, frames, given)
    fewest = min((len(inputs) for inputs in stimuli.values()), default=0)
    if fewest < frames:
        session.say(f"the stimuli hold {fewest} frames, not {frames}")
    results = []
    for name in deployment.chip_networks(network):
        session.say(f"running {name} on {engine} ...")
        if engine == "cores":
            results.append(rerun_cores(deployment, name, stimuli[name]))
        else:
            verification, lava = rerun_lava(deployment, name, stimuli[name], time_limit)
            results.append(verification)
            session.report(*lava.warnings)
            session.say("process models: " + ", ".join(lava.process_models))
    if save is not None:
        write_outputs(deployment, {n: stimuli[n] for n in deployment.chip_networks(network)}, save)
        session.say(f"wrote {save}")
    session.out(_text(results, engine))
    session.report(*(d for r in results for d in r.diagnostics()))
    return {"engine": engine, "networks": [_as_json(r) for r in results]}


def _text(results: list[Verification], engine: str) -> str:
    against = "golden = cores" if engine == "cores" else "golden = Lava"
    rows = [
        (r.network, r.frames, r.neurons, r.spikes, "equal" if r.equal else "DIFFERENT")
        for r in results
    ]
    return table(rows, ("network", "frames", "neurons", "spikes", against), " rrr")


def _as_json(result: Verification) -> dict[str, Any]:
    return {
        "network": result.network,
        "frames": result.frames,
        "neurons": result.neurons,
        "spikes": result.spikes,
        "equal": result.equal,
        "first_mismatch": result.first_mismatch,
    }
