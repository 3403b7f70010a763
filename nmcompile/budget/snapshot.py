"""What a baseline keeps of a report: figures, layers, and the digests that tell causes apart."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from nmcompile.budget.metrics import values
from nmcompile.config import Frozen
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.report.figure import Section
from nmcompile.report.schema import Report

VERSION: Final = 1


class LayerFigures(Frozen):
    """One layer of one step: joules per frame, and operations (SOPs and MACs) of one inference."""

    energy_j: float | None
    ops: float


class Snapshot(Frozen):
    """One report, reduced to what can be compared.

    Attributes:
        metrics: see `budget.metrics`.
        bounds: metrics that are lower bounds, because a part has no figure.
        layers: "step: layer" -> its figures.
        origin: what the figures follow from -> digest or version; see `origins`.
    """

    metrics: dict[str, float | None]
    bounds: tuple[str, ...] = Field(strict=False)
    layers: dict[str, LayerFigures]
    origin: dict[str, str]


class Baseline(Frozen):
    """Accepted snapshots by name, as in a committed baseline.json."""

    format: Literal["nmcompile-baseline"] = "nmcompile-baseline"
    version: Literal[1] = VERSION
    reports: dict[str, Snapshot] = Field(default_factory=dict)

    def with_report(self, name: str, snapshot: Snapshot) -> Baseline:
        """A copy with one snapshot exchanged."""
        return self.model_copy(update={"reports": {**self.reports, name: snapshot}})

    def text(self) -> str:
        """The file's text: sorted, full precision, a final newline."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"


def name_of(report: Report) -> str:
    """`siamsnn on loihi2`: what budgets and baselines call a report."""
    return f"{report.model.name} on {report.target.name}"


def snapshot_of(report: Report) -> Snapshot:
    """Reduce a report."""
    ops = {
        f"{step.step}: {layer.layer}": float(layer.sops + layer.macs)
        for step in report.counters.steps
        for layer in step.layers
    }
    energy = {f"{row.step}: {row.layer}": row.total.value for row in report.energy.layers}
    bounded = {
        "energy_per_frame_j": report.energy.total.bound,
        "energy_init_j": report.energy.init.bound,
        "latency_s": report.timing.frame.bound,
    }
    return Snapshot(
        metrics=values(report),
        bounds=tuple(name for name, bound in bounded.items() if bound != "none"),
        layers={
            name: LayerFigures(energy_j=energy.get(name), ops=ops.get(name, 0.0))
            for name in dict.fromkeys((*ops, *energy))
        },
        origin=origins(report),
    )


def origins(report: Report) -> dict[str, str]:
    """What a report's figures follow from, upstream first."""
    levels = report.program.digests
    cores = [(n.network, n.digest) for n in report.mapping.networks]
    return {
        "nmcompile": report.tool.version,
        "model": report.model.sha256,
        "float": levels.get("float", ""),
        "calibration": report.model.calibration,
        "integer": levels.get("integer", ""),
        "golden": levels.get("golden", ""),
        "mapping": _digest(cores),
        "energy table": _digest([_plain(entry) for entry in report.target.costs]),
        "target": report.target.digest,
    }


def load_baseline(path: Path) -> Baseline:
    """Read a baseline; a file that does not exist is an empty one.

    Raises:
        NmError: NM0542 when it is not a baseline of this version.
    """
    if not path.exists():
        return Baseline()
    try:
        return Baseline.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        found = "not UTF-8 text"
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            found = f"`{'.'.join(str(part) for part in first['loc'])}`: {first['msg'].lower()}"
        raise NmError(
            Diagnostic(
                code="NM0542",
                message="this is not a baseline of this version of nmcompile",
                where=str(path),
                found=found,
                help=("write a new one with `nmcompile budget BUILD... --update`",),
            )
        ) from None


def _plain(section: Section) -> object:
    return section.model_dump(mode="json")


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
