"""The root of report.json and its published JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from nmcompile.report import measures, opinions, sections
from nmcompile.report.figure import Section

SCHEMA_VERSION: Final = "2"
SCHEMA_FILE: Final = Path(__file__).with_name("report.schema.json")


class Report(Section):
    """Everything that a build found out; every rendering reads this and nothing else.

    It holds no clock and no path of a machine: the same build gives the same bytes.
    """

    schema_version: Literal["2"] = Field(SCHEMA_VERSION, description="Version of this schema.")
    tool: sections.Tool = Field(description="The program that wrote it.")
    headline: measures.Headline = Field(description="The summary of all that follows.")
    model: sections.ModelInfo = Field(description="What was compiled.")
    target: sections.TargetInfo = Field(description="What it was compiled for.")
    program: sections.ProgramInfo = Field(description="Digests, networks, schedule.")
    accuracy: sections.Accuracy = Field(description="Float against integer, and tracking.")
    verification: tuple[sections.VerificationRow, ...] = Field(description="Equality checks.")
    mapping: sections.Mapping = Field(description="Chips, cores, limits, floor plan.")
    counters: measures.Counters = Field(description="Deterministic counts.")
    energy: measures.Energy = Field(description="Joules per frame.")
    second_opinion: opinions.SecondOpinion | None = Field(
        None, description="The same counters by the costs of another source."
    )
    checked: tuple[opinions.Checked, ...] = Field(
        (), description="The cost model beside published measurements."
    )
    timing: measures.Timing = Field(description="Seconds per frame.")
    host: measures.Host = Field(description="What runs beside the chip, and why.")
    conventions: tuple[measures.ConventionRow, ...] = Field(description="Papers' formulas.")
    diagnostics: tuple[sections.Message, ...] = Field(description="Messages of the build.")
    assumptions: tuple[str, ...] = Field(description="Taken for granted, in words.")
    provenance: sections.Provenance = Field(
        sections.Provenance(), description="Passes, seeds, resolved options."
    )
    manifest_digest: str = Field(description="Digest of the build's manifest.json.")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of report.json."""
    schema = Report.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"nmcompile/report-{SCHEMA_VERSION}.schema.json",
        **schema,
    }


def schema_text() -> str:
    """The published schema file's text; the file must equal it."""
    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
