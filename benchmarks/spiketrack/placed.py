"""The small trained model on cores: what a frame costs there, and what the host does beside."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from figures import QUICK, Figure, Rows, table
from rates import CHECKPOINT

from nmcompile.build.compiled import Options
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.diagnostics import NmError
from nmcompile.report.schema import Report

TARGETS = ("tianjic", "loihi2", "loihi1", "truenorth")
COMMAND = "make bench-spiketrack"


def main() -> Rows:
    """Build for every target, or say what it refuses."""
    if not CHECKPOINT.exists():
        return [], []
    rows = [_row(target) for target in TARGETS if not (QUICK and target == "tianjic")]
    cells = []
    for row in rows:
        if row["refused"]:
            cells.append((row["target"], row["refused"], *[""] * 5))
            continue
        low, high = (f"{1e3 * e:.3g}" if e is not None else "?" for e in row["range_j"])
        cells.append(
            (
                *(row["target"], f"{row['cores']} on {row['chips']} chips"),
                f"{row['sops'] / 1e6:.2f}",
                f"{1e3 * row['energy_j']:.3g} ({low} to {high})",
                f"{row['on_chip_share']:.1%}",
                f"{row['host_ops'] / 1e6:.2f}",
                row["verdict"],
            )
        )
    head = ("target", "cores", "operations M", "mJ per frame (range)", "on cores")
    print(table((*head, "host operations M", "mapped = golden"), cells))
    return figures_of(rows), rows


def _row(target: str) -> dict[str, Any]:
    name = {"target": target, "refused": ""}
    try:
        report = _report(target)
    except NmError as error:
        layers = len({d.where for d in error.diagnostics})
        codes = ", ".join(sorted(set(error.codes)))
        return {**name, "refused": f"refused: {codes}, {layers} layers"}
    headline = report.headline
    energy = headline.energy_per_frame
    return {
        **name,
        "cores": headline.cores,
        "chips": headline.chips,
        "verdict": headline.verdict,
        "sops": headline.sops_per_frame,
        "energy_j": energy.value,
        "range_j": (energy.low, energy.high if energy.high is not None else energy.known_high),
        "on_chip_share": headline.on_chip_share,
        "host_ops": headline.host_ops_per_frame,
    }


def _report(target: str) -> Report:
    """Built anew, or read from `SPIKETRACK_BUILDS`/TARGET where that is."""
    known = os.environ.get("SPIKETRACK_BUILDS", "")
    if known and (Path(known) / target / "report.json").exists():
        return Report.model_validate_json((Path(known) / target / "report.json").read_bytes())
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "out"
        build(BuildRequest(CHECKPOINT, target, folder, Options()))
        return Report.model_validate_json((folder / "report.json").read_bytes())


def figures_of(rows: list[dict[str, Any]]) -> list[Figure]:
    """Energy, cores and share of what was built."""
    found = []
    for row in rows:
        if row["refused"]:
            continue
        name = f"small model on {row['target']}: "
        found += [
            Figure(name + "energy per frame", row["energy_j"] * 1e3, "mJ", COMMAND),
            Figure(name + "cores", row["cores"], "1", COMMAND),
            Figure(
                name + "operations on cores",
                round(row["on_chip_share"], 4),
                "1",
                COMMAND,
                goal="at least 0.9",
            ),
        ]
    return found
