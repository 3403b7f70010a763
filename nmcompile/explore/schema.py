"""explore.json: every point of the grid, the Pareto fronts, and the best."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from nmcompile.diagnostics import Diagnostic
from nmcompile.report.figure import Bound, Section

__all__ = ["Accuracy", "Best", "Dataset", "Exploration", "Failure", "Fronts", "Row", "schema_text"]

SCHEMA_VERSION: Final = 1
SCHEMA_FILE: Final = Path(__file__).with_name("explore.schema.json")

Status = Literal["done", "failed", "crashed", "open"]
Value = bool | int | float | str


class Accuracy(Section):
    """A measured accuracy with its errors."""

    measure: str = Field(description="What was measured, such as `mean_iou`.")
    mean: float = Field(description="Mean over the sequences' means.")
    standard_error: float | None = Field(description="The larger of the two; null: not known.")
    within: float | None = Field(description="Standard error on these very sequences.")
    between: float | None = Field(description="Standard error over the sequences.")
    sequences: int = Field(description="Sequences; 0: measured on the frames of the build.")
    samples: int = Field(description="Values of all sequences together.")

    @classmethod
    def of(cls, measure: str, figure: Mapping[str, Any]) -> Accuracy:
        """From the figure of an evaluation's table."""
        errors = [e for e in (figure["within"], figure["between"]) if e is not None]
        return cls(measure=measure, standard_error=max(errors) if errors else None, **figure)


class Failure(Section):
    """Why a point has no figures."""

    code: str = Field(description="`nmcompile explain CODE` tells more.")
    message: str = Field(description="What is wrong.")
    where: str = Field("", description="Layer or place.")
    limit: str = Field("", description="What is allowed.")
    found: str = Field("", description="What was found.")

    @classmethod
    def of(cls, diagnostic: Diagnostic) -> Failure:
        """A diagnostic without its advice."""
        return cls(
            code=diagnostic.code,
            message=diagnostic.message,
            where=diagnostic.where,
            limit=diagnostic.limit,
            found=diagnostic.found,
        )

    @property
    def text(self) -> str:
        """In one line."""
        place = f"{self.where}: " if self.where else ""
        found = f" ({self.found})" if self.found else ""
        return f"{self.code} {place}{self.message}{found}"


class Row(Section):
    """One point of the grid."""

    point: str = Field(description="Digest of all that decides the figures (16 hex digits).")
    label: str = Field(description="Target and choices, for people.")
    target: str = Field(description="The chip.")
    choices: dict[str, Value] = Field(description="Axis of the grid -> value.")
    status: Status = Field(
        description="`done`; `failed`: refused with a diagnostic; `crashed`: an error of ours or a "
        "lost worker, tried again by the next start; `open`: not computed yet."
    )
    failures: tuple[Failure, ...] = Field((), description="Why there are no figures.")
    verdict: str | None = Field(None, description="Of the equality check of the cores.")
    accuracy: Accuracy | None = Field(None, description="The first measure.")
    second_accuracy: Accuracy | None = Field(None, description="The second, if there is one.")
    figures: dict[str, float | None] = Field(
        default_factory=dict, description="Figures per frame by name; null: not known."
    )
    bounds: dict[str, Bound] = Field(
        default_factory=dict, description="Figures that are only bounds, by name."
    )
    energy_low_j: float | None = Field(None, description="Lower end of the energy's range.")
    energy_high_j: float | None = Field(None, description="Upper end, of the known parts.")
    folder: str | None = Field(None, description="The build, in the folder of this file.")


class Fronts(Section):
    """Points that no other beats in both figures."""

    energy_accuracy: tuple[str, ...] = Field(description="By energy, the least first.")
    cores_fps: tuple[str, ...] = Field(description="By cores, the fewest first.")


class Best(Section):
    """The best point under the limits, or why there is none."""

    by: str = Field(description="The figure that decides.")
    limits: dict[str, dict[str, float]] = Field(description="Figure -> `max` and `min`.")
    point: str | None = Field(description="Digest of the best; null: none is within the limits.")
    alike: tuple[str, ...] = Field(
        description="Points within the limits whose accuracy differs from the best's by less than "
        "the standard errors of both together; the least energy first."
    )
    unproven: tuple[str, ...] = Field(description="Limits that only a bound of the best meets.")
    reasons: tuple[str, ...] = Field(description="Why none is within the limits.")


class Dataset(Section):
    """What the accuracy was measured on."""

    kind: str = Field(description="Layout.")
    name: str = Field(description="Its folder's name.")
    protocol: str = Field(description="As in `nmcompile evaluate`.")
    level: str = Field(description="Which program tracked.")
    sequences: dict[str, int] = Field(description="Sequence -> frames.")


class Exploration(Section):
    """The file."""

    schema_version: Literal[1] = Field(SCHEMA_VERSION, description="Version of this schema.")
    nmcompile: str = Field(description="Version of the program that wrote it.")
    model: str = Field(description="Name of the model.")
    model_sha256: str = Field(description="Of the model file.")
    dataset: Dataset | None = Field(description="null: fidelity on the build's own frames.")
    reference: Accuracy | None = Field(
        None, description="The float network on the same sequences; null: not measured."
    )
    axes: tuple[str, ...] = Field(description="Names of the axes beside the targets.")
    rows: tuple[Row, ...] = Field(description="In the order of the grid.")
    fronts: Fronts = Field(description="Pareto fronts, by point.")
    best: Best | None = Field(description="null: no limits, nothing asked for.")

    def row(self, point: str) -> Row:
        """The row of a point."""
        return next(row for row in self.rows if row.point == point)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of explore.json."""
    schema = Exploration.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"nmcompile/explore-{SCHEMA_VERSION}.schema.json",
        **schema,
    }


def schema_text() -> str:
    """The published schema file's text; the file must equal it."""
    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
