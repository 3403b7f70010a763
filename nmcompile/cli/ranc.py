"""``nmcompile ranc run | export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import BuildFolder, Given, OnlyNetwork
from nmcompile.cli.text import table


@command
def run_ranc(
    session: Session,
    network: Annotated[Path, typer.Argument(help="RANC's input.json.", show_default=False)],
    config: Annotated[Path, typer.Argument(help="RANC's config.json.", show_default=False)],
    ticks: Annotated[
        int | None,
        typer.Option(
            min=1, help="Ticks to run.", show_default="one for every list in input.json's packets"
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="Write the output bus to this file, as RANC writes its output file."),
    ] = None,
) -> dict[str, Any]:
    """Run a network of RANC on the simulator of TrueNorth cores.

    Cores keep the sizes of config.json, whatever TrueNorth's are; the last row says whether the
    network would fit a chip.
    """
    from nmcompile.backends.truenorth.ranc.fit import beyond
    from nmcompile.backends.truenorth.ranc.frame import bus_text
    from nmcompile.backends.truenorth.ranc.importing import import_ranc
    from nmcompile.backends.truenorth.ranc.read import read_config, read_ranc
    from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
    from nmcompile.target import CrossbarTarget, load_target, of_family

    file = read_ranc(network, read_config(config))
    graph, stimulus = import_ranc(file, ticks=ticks, name=network.name)
    session.say(f"running {graph.cores} cores for {graph.ticks} ticks ...")
    result = TrueNorthEngine(graph).run(stimulus)
    counters, (layer,) = result.counters.cores, result.counters.layers
    if counters is None:
        raise TypeError("a simulator of cores counts what they do")
    too_much = beyond(graph, of_family(load_target("truenorth"), CrossbarTarget))
    if save is not None:
        save.write_text(bus_text(result.output), encoding="utf-8")
        session.say(f"wrote {save}")
    found = {
        "cores": graph.cores,
        "neurons": graph.neurons,
        "ticks": graph.ticks,
        "spikes": int(layer.spikes),
        "output_spikes": int(result.output.sum()),
        "synaptic_operations": int(counters.sops.sum()),
        "packets": int(counters.packets),
        "packets_of_host": int(counters.host_packets),
        "hops": int(counters.hops_east_west + counters.hops_north_south),
    }
    rows = [(name.replace("_", " "), f"{value:,}") for name, value in found.items()]
    rows.append(("fits TrueNorth", "no" if too_much else "yes"))
    session.out(table([*rows, *(("", reason) for reason in too_much)]))
    tick, output = (axis.tolist() for axis in result.output.nonzero())
    events = [[when + 1, number] for when, number in zip(tick, output, strict=True)]
    return {**found, "beyond_truenorth": list(too_much), "output": events}


@command
def export_ranc(
    session: Session,
    build: BuildFolder,
    folder: Annotated[
        Path, typer.Argument(help="Folder for NETWORK/input.json and so on.", show_default=False)
    ],
    network: OnlyNetwork = None,
    images: Annotated[
        Path | None,
        typer.Option(help="The first image of this folder as stimulus, not the stored one."),
    ] = None,
    given: Given = None,
) -> dict[str, Any]:
    """Write the mapped networks of a TrueNorth build with one frame's packets, for RANC to run.

    A core takes about 300 kB. inputs.json beside the two files says which packets an input spike
    becomes; the output bus shows the network's output in the ticks of the table.
    """
    from nmcompile.backends.base import of_kind
    from nmcompile.backends.truenorth.ranc.frame import window, write_frame
    from nmcompile.backends.truenorth.template import holding
    from nmcompile.build.deployment import Deployment
    from nmcompile.build.rerun import stimuli_of
    from nmcompile.mapping.crossbar_graph import CrossbarGraph

    deployment = Deployment.open(build)
    stimuli = stimuli_of(deployment, images, 1, given)
    found: dict[str, dict[str, Any]] = {}
    for name in deployment.chip_networks(network):
        session.say(f"writing {name} ...")
        given_frame = stimuli[name][0]
        graph = holding(of_kind(deployment.graph(name), CrossbarGraph), given_frame.slots)
        write_frame(graph, given_frame.stimulus, folder / name)
        first, last = window(graph)
        found[name] = {
            "file": str(folder / name / "input.json"),
            "ticks": graph.ticks,
            "output_ticks": [first, last],
        }
    rows = [
        (n, v["file"], v["ticks"], "{} to {}".format(*v["output_ticks"])) for n, v in found.items()
    ]
    session.out(table(rows, ("network", "file", "ticks", "output in ticks"), "  r"))
    return {"networks": found}
