"""The tracker for cores of 256 axons: mapped, counted, compared spike for spike, tracking.

    python benchmarks/truenorth/run.py tracker     (QUICK=1: two short sequences)

The mapped cores run real frames beside the golden network, and every spike, membrane and read-out
must be equal, or the command fails. What is equal tracks equally: the accuracy of the integer
tracker is that of the mapped one.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np
import numpy.typing as npt
import tracking
from figures import Figure, table

from nmcompile.backends.base import Simulator
from nmcompile.build.compiled import Options
from nmcompile.build.deployment import Deployment
from nmcompile.build.execute import NetworkRunner, ProgramExecutor, RunResult, integer_runner
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.tracking import run_tracker
from nmcompile.ir.network import Network
from nmcompile.reference.integer import IntegerRunner
from nmcompile.report.schema import Report
from nmcompile.report.text import value_text

COMMAND = "make bench-truenorth"
MODEL = "siamsnn-truenorth"
CHECKPOINT = common.ROOT / "models" / MODEL / f"{MODEL}.pt"
PAPER, PAPER_FPS, PAPER_J = "SiamSNN, table III", 50, 5.5e-5
PRINTED = "SOPs / 400 GSOPS/W, as SiamSNN prints it"
MAPPED_FRAMES = {False: 6, True: 3}
"""Frames of every sequence on the mapped cores, by whether it is the quick run."""
CONVENTIONS = (
    *("peak_gsops_as_printed", "peak_gsops", "headline", "dynamic_only", "static_and_hops"),
    "affine",
)


@dataclass
class Compared:
    """What the mapped cores were compared on."""

    crops: int = 0
    spikes: int = 0
    neurons: int = 0


def rows(quick: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Build, run real frames on the cores, track; prints the tables."""
    sequences = common.sequences()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / MODEL
        done = build(BuildRequest(CHECKPOINT, "truenorth", folder, Options()))
        report = done.deployment.report
        found = [*_mapping(report), *_frame(report, done.seconds)]
        print(table(_NETWORK_HEAD, [_cells(row) for row in found if row["row"] == "network"]))
        print(table(("figure", "value", "range"), _frame_cells(found)))
        compared = real_frames(done.deployment, sequences, MAPPED_FRAMES[quick])
        found.append({"row": "compared", **vars(compared)})
        print(f"\nmapped = golden: {compared.spikes:,} spikes of {compared.crops} real crops\n")
        tracked = tracking.measure(MODEL, done.deployment, sequences, ("integer",))
    tracking.print_table(tracked, tuple(s.name for s in sequences))
    found += [{"row": "tracking", **row} for row in tracked]
    return _figures(found), found


def real_frames(deployment: Deployment, sequences: list[VideoSequence], frames: int) -> Compared:
    """Track the beginning of every sequence on golden network and cores at once."""
    compared = Compared()
    golden = deployment.golden
    chip = {n.name for n in golden.chip_networks}
    runners = {
        n.name: _both(n, deployment.simulator(n.name), compared)
        if n.name in chip
        else integer_runner(n)
        for n in golden.networks
    }
    for sequence in sequences:
        images = [sequence.frames[i] for i in range(min(frames, len(sequence.frames)))]
        boxes = None if sequence.boxes is None else sequence.boxes[: len(images)]
        part = VideoSequence(sequence.name, images, boxes)
        mapped = run_tracker(ProgramExecutor(golden, runners), "mapped", part)
        integer = run_tracker(deployment.executor("integer"), "integer", part)
        if not np.array_equal(mapped.boxes, integer.boxes):
            sys.exit(f"{sequence.name}: the integer tracker's boxes differ from the mapped one's")
        print(f"{sequence.name}: {compared}", file=sys.stderr, flush=True)
    return compared


def _both(network: Network, simulator: Simulator, compared: Compared) -> NetworkRunner:
    """Runs both sides of one crop; ends the benchmark at the first difference."""
    runner = IntegerRunner(network)

    def run(stimulus: npt.NDArray[Any], slots: Mapping[str, npt.NDArray[Any]]) -> RunResult:
        golden = runner.run(stimulus, slots, record=True)
        mapped = simulator.run(stimulus, slots, record=True)
        sides = [(golden.spikes, mapped.spikes), (golden.v_final, mapped.v_final)]
        pairs = [(name, ours[name], cores[name]) for ours, cores in sides for name in ours]
        for name, ours, cores in (*pairs, ("read-out", golden.output, mapped.output)):
            if not np.array_equal(ours, cores):
                sys.exit(f"{network.name}: {name} differs on the mapped cores")
        compared.crops += 1
        compared.spikes += sum(int(np.count_nonzero(s)) for s in golden.spikes.values())
        compared.neurons = max(compared.neurons, sum(x[0].size for x in golden.spikes.values()))
        return RunResult(mapped.output, mapped.counters)

    return run


def _mapping(report: Report) -> list[dict[str, Any]]:
    """One row per network on the chip."""
    found = []
    for network in report.mapping.networks:
        step = next(s for s in report.counters.steps if s.network == network.network)
        asked = sum(layer.sops for layer in step.layers)
        if step.cores is None:
            raise ValueError(f"{network.network} was not counted on cores")
        found.append(
            {
                "row": "network",
                "network": network.network,
                "cores": network.cores,
                "chips": network.chips,
                "copies": sum(layer.copies for layer in network.layers),
                "relay_cores": sum(layer.relay_cores for layer in network.layers),
                "ticks": step.ticks,
                "sops": asked,
                "physical_sops": step.cores.sops,
                "packets": step.cores.packets,
                "hops_per_packet": network.average_hops,
                "chip_crossings": step.cores.chip_crossings,
            }
        )
    return found


def _frame(report: Report, seconds: dict[str, float]) -> list[dict[str, Any]]:
    """What one frame of three scales costs, and how long the build took."""
    head, rows = report.headline, []
    for name, figure in (
        ("frames per second", head.fps),
        ("latency of a frame", head.latency),
        ("energy per frame", head.energy_per_frame),
    ):
        row = {"row": "frame", "name": name, "value": figure.value, "unit": figure.unit}
        rows.append({**row, "low": figure.low, "high": figure.known_high, "source": figure.source})
    by_name = {row.name: row for row in report.conventions}
    for name in CONVENTIONS:
        one = by_name[name]
        row = {"row": "frame", "name": f"energy: {one.title}", "value": one.energy_j, "unit": "J"}
        rows.append({**row, "low": one.low_j, "high": one.high_j, "source": one.source})
    counted = report.counters
    for name, value in (
        ("synaptic operations", counted.sops_per_frame),
        ("synaptic operations, as cores do them", counted.core_sops_per_frame),
        ("host operations", head.host_ops_per_frame),
        ("share of the operations on cores", head.on_chip_share),
        ("cores of both networks", head.cores),
        ("chips", head.chips),
        ("neurons compared in the build", sum(v.compared.neurons for v in report.verification)),
        ("spikes compared in the build", sum(v.compared.spikes for v in report.verification)),
    ):
        rows.append({"row": "frame", "name": name, "value": value, "unit": "1"})
    for name in ("lower", "map", "verify"):
        row = {"row": "seconds", "name": f"seconds of the build: {name}", "unit": "s"}
        rows.append({**row, "value": round(seconds[name], 2)})
    return rows


def _figures(found: list[dict[str, Any]]) -> list[Figure]:
    """The rows in the common form, the paper's figures beside those that it states."""
    peers = {
        "frames per second": (PAPER, PAPER_FPS),
        "energy per frame": (PAPER, PAPER_J),
        f"energy: {PRINTED}": (PAPER, PAPER_J),
    }
    figures = []
    for row in found:
        if row["row"] == "network":
            for key in ("cores", "chips", "copies", "relay_cores", "ticks"):
                name = f"{MODEL} {row['network']}: {key.replace('_', ' ')}"
                figures.append(Figure(name, row[key], "1", COMMAND))
        elif row["row"] in ("frame", "seconds"):
            peer, value = peers.get(row["name"], (None, None))
            name, unit = f"{MODEL}: {row['name']}", row["unit"]
            figures.append(Figure(name, row["value"], unit, COMMAND, peer=peer, peer_value=value))
        elif row["row"] == "compared":
            name = f"{MODEL}: spikes of real crops, cores = golden"
            figures.append(Figure(name, row["spikes"], "1", COMMAND))
        else:
            name = f"{MODEL} {row['level']} {row['sequence']} mean IoU"
            figures.append(Figure(name, row["mean_iou"], "1", COMMAND))
    return figures


_NETWORK_HEAD = (
    *("network", "cores", "chips", "copies", "relay cores", "ticks", "synaptic operations"),
    *("as cores do them", "packets", "hops per packet", "chip crossings"),
)


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    keys = ("cores", "chips", "copies", "relay_cores", "ticks", "sops", "physical_sops", "packets")
    return (
        row["network"],
        *(f"{row[key]:,.0f}" for key in keys),
        *(f"{row['hops_per_packet']:.1f}", f"{row['chip_crossings']:,.0f}"),
    )


def _frame_cells(found: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    cells = []
    for row in found:
        if row["row"] not in ("frame", "seconds"):
            continue
        low, high, unit = row.get("low"), row.get("high"), row["unit"]
        spread = low is not None and high is not None and low != high
        ends = f"{value_text(low, unit)} to {value_text(high, unit)}" if spread else ""
        cells.append((row["name"], value_text(row["value"], unit), ends))
    return cells
