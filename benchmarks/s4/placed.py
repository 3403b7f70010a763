"""The shipped networks placed on every target: cores, operations, energy, what the host does.

Builds take a few minutes. With `S4_BUILDS` naming a folder, `S4_BUILDS/MODEL-TARGET/report.json`
is read instead of building, where it exists.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import stages
from figures import QUICK, Figure, Rows, table
from workers import each

from nmcompile.build.compiled import Options
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.diagnostics import NmError
from nmcompile.report.schema import Report

MODELS = ("s4",) if QUICK else ("s4", "spiking-siamfcpp", "s4-truenorth")
COMPARED = ("s4", "spiking-siamfcpp")
TARGETS = ("loihi2",) if QUICK else ("loihi2", "loihi1", "tianjic", "truenorth")
COMMAND = "make bench-s4"


def main() -> Rows:
    """Build or read, print the table."""
    rows = each(of_pair, [(model, target) for model in MODELS for target in TARGETS])
    head = ("model", "target", "cores", "SOPs M", "uJ per frame (range)", "which is", "of it host")
    print(table((*head, "host operations M", "mapped = golden"), map(_cells, rows)))
    print("\nwhat T = 1 costs of T = 3, the known parts:")
    for target in TARGETS:
        found = {r["model"]: r for r in rows if r["target"] == target and not r["refused"]}
        if found.keys() >= set(COMPARED):
            one, three = (found[model]["energy_j"] for model in COMPARED)
            print(f"* {target}: {100 * one / three:.1f} %")
    return figures_of(rows), rows


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    if row["refused"]:
        return (row["model"], row["target"], row["refused"], *[""] * 6)
    low, high, value, host = (
        "?" if e is None else f"{1e6 * e:.0f}"
        for e in (*row["range_j"], row["energy_j"], row["host_j"])
    )
    return (
        *(row["model"], row["target"], row["cores"], f"{row['sops'] / 1e6:.2f}"),
        *(f"{value} ({low} to {high})", row["bound"], host),
        *(f"{row['host_ops'] / 1e6:.2f}", row["verdict"]),
    )


def of_pair(pair: tuple[str, str]) -> dict[str, Any]:
    """What the report of one build, model and target, says."""
    model, target = pair
    name = {"model": model, "target": target, "refused": ""}
    try:
        report = _report(model, target)
    except NmError as error:
        codes = ", ".join(sorted(set(error.codes)))
        return {**name, "refused": f"refused: {codes}"}
    headline = report.headline
    energy = headline.energy_per_frame
    (host,) = (c.figure.value for c in report.energy.components if c.name == "host")
    return {
        **name,
        "cores": headline.cores,
        "chips": headline.chips,
        "verdict": headline.verdict,
        "sops": headline.sops_per_frame,
        "energy_j": energy.value,
        "range_j": (energy.low, energy.high if energy.high is not None else energy.known_high),
        "bound": energy.bound.replace("_", " "),
        "host_j": host,
        "on_chip_share": headline.on_chip_share,
        "host_ops": headline.host_ops_per_frame,
        "host": [s.step for s in report.host.steps if s.trigger == "every_frame" and s.ops],
    }


def _report(model: str, target: str) -> Report:
    """A report that is there, or that of a fresh build."""
    kept = Path(os.environ.get("S4_BUILDS", stages.HERE / "builds")) / f"{model}-{target}"
    if (kept / "report.json").is_file():
        return Report.model_validate_json((kept / "report.json").read_bytes())
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "out"
        path = stages.ROOT / "models" / model / f"{model}.pt"
        build(BuildRequest(path, target, folder, Options()))
        return Report.model_validate_json((folder / "report.json").read_bytes())


def figures_of(rows: list[dict[str, Any]]) -> list[Figure]:
    """Cores, operations and energy of every build."""
    found = []
    for row in rows:
        name = f"{row['model']} on {row['target']}"
        for key, unit in (("cores", "1"), ("sops", "1"), ("energy_j", "J"), ("host_ops", "1")):
            found.append(Figure(f"{name}: {key}", row.get(key), unit, COMMAND))
    return found
