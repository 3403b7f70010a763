"""``nmcompile noc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import BuildFolder, Given, OnlyNetwork, RunFrames
from nmcompile.cli.text import table

if TYPE_CHECKING:
    from nmcompile.build.mesh import BusyLink, MeshReading, MeshRun

PERCENTILES = (50.0, 95.0, 100.0)


@command
def noc(
    session: Session,
    build: BuildFolder,
    network: OnlyNetwork = None,
    given: Given = None,
    frames: RunFrames = 2,
    crossing: Annotated[
        int,
        typer.Option(
            min=1, help="Cycles of a packet on a link between chips; no source states them."
        ),
    ] = 1,
    links: Annotated[int, typer.Option(min=0, help="How many of the busiest links to list.")] = 5,
) -> dict[str, Any]:
    """Send a deployment's packets through the mesh, cycle by cycle: does it limit the rate?"""
    from nmcompile.build.deployment import Deployment
    from nmcompile.build.mesh import run_mesh, unverified
    from nmcompile.build.rerun import stimuli_of

    deployment = Deployment.open(build)
    session.report(*unverified(deployment))
    stimuli = stimuli_of(deployment, None, frames, given)
    runs = []
    for name in deployment.chip_networks(network):
        session.say(f"running {name} ...")
        inputs = stimuli[name][:frames]
        runs.append(run_mesh(deployment, name, inputs, crossing=crossing, links=links))
        session.out(_text(runs[-1], crossing) + "\n")
    return {"crossing_cycles": crossing, "networks": [_as_json(run) for run in runs]}


def _text(run: MeshRun, crossing: int) -> str:
    lines = [
        f"{run.network}: {run.packets:,} packets in {run.timesteps} timesteps of "
        f"{run.inferences} inference(s), {run.host:,} of the host"
        + (", which meet the others at their cores only" if run.host else "")
    ]
    if run.crossings:
        lines.append(
            f"{run.crossings:,} passages from chip to chip, {crossing} cycle(s) each: no source "
            "states them, the cycles below are a lower bound"
        )
    head = ("links", "cycle", "hop", "p50", "p95", "max", "bound", "queue", "slowest timestep")
    rows = [
        (
            reading.link.name,
            _seconds(reading.link.cycle.value),
            f"{reading.link.hop}",
            *(f"{reading.cycles(percent):,}" for percent in PERCENTILES),
            f"{int(reading.drains.bound.max(initial=0)):,}",
            f"{int(reading.drains.queue_max.max(initial=0)):,}",
            _seconds(reading.timing.slowest),
        )
        for reading in run.readings
    ]
    lines += ["", table(rows, head, " rrrrrrrr"), ""]
    lines += [f"{reading.link.name}: {_verdict(run, reading)}" for reading in run.readings]
    busiest = run.readings[0].busiest
    if busiest:
        cells = [(_link(b), f"{b.packets:,}", f"{b.most:,}", f"{b.queue:,}") for b in busiest]
        lines += [
            "",
            table(cells, ("busiest links", "packets", "most in a timestep", "queue"), " rrr"),
        ]
    return "\n".join(lines)


def _verdict(run: MeshRun, reading: MeshReading) -> str:
    timing = reading.timing
    if timing.enough is None:
        return "no packet is sent"
    enough = f"a cycle of {_seconds(timing.enough)} is enough for it never to decide"
    if timing.decides is None:
        return f"whether the mesh decides is unknown, as the time of a cycle is; {enough}"
    share = f"the mesh decides {timing.decides:,} of {run.timesteps:,} timesteps"
    if timing.together is None:
        return f"{share}, beside a clock; {enough}"
    times = f"an inference takes {_seconds(timing.together)}, without it "
    return f"{share}; {times}{_seconds(timing.without)}; {enough}"


def _link(link: BusyLink) -> str:
    x, y = link.start
    if link.end is None:
        return f"router ({x}, {y}) into a core"
    return f"router ({x}, {y}) to ({link.end[0]}, {link.end[1]})"


def _seconds(value: float | None) -> str:
    from nmcompile.units import format_si

    return "unknown" if value is None else format_si(value, "s")


def _as_json(run: MeshRun) -> dict[str, Any]:
    return {
        "network": run.network,
        "inferences": run.inferences,
        "timesteps": run.timesteps,
        "packets": run.packets,
        "host_packets": run.host,
        "chip_crossings": run.crossings,
        "readings": [_reading_as_json(reading) for reading in run.readings],
    }


def _reading_as_json(reading: MeshReading) -> dict[str, Any]:
    drains, timing = reading.drains, reading.timing
    return {
        "links": reading.link.name,
        "cycle": reading.link.cycle.as_json(),
        "hop_cycles": reading.link.hop,
        "cycles": {f"p{percent:g}": reading.cycles(percent) for percent in PERCENTILES},
        "cycles_by_timestep": drains.cycles.tolist(),
        "bound_by_timestep": drains.bound.tolist(),
        "waited_cycles": int(drains.waited.sum()),
        "queue_max": int(drains.queue_max.max(initial=0)),
        "slowest_timestep_s": timing.slowest,
        "timesteps_decided_by_mesh": timing.decides,
        "inference_s": timing.together,
        "inference_without_mesh_s": timing.without,
        "cycle_that_is_enough_s": timing.enough,
        "busiest": [
            {
                "from": list(link.start),
                "to": None if link.end is None else list(link.end),
                "packets": link.packets,
                "most_in_a_timestep": link.most,
                "queue_max": link.queue,
            }
            for link in reading.busiest
        ],
    }
