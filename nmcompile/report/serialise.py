"""report.json as text and back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.report.schema import SCHEMA_VERSION, Report

_NUMBERS: Final = re.compile(r"\[\n[-+.,\deE\s]+\]")
"""A list of numbers; no text can look like one, as it holds no line break."""


def report_to_json(report: Report) -> str:
    """Deterministic text: fields in the schema's order, full precision, a final newline.

    Lists of numbers stand on one line: a column of a floor plan has thousands.
    """
    values = report.model_dump(mode="json")
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    return _NUMBERS.sub(lambda found: "".join(found[0].split()), text) + "\n"


def report_from_json(text: str, where: str = "report.json") -> Report:
    """Read a report.

    Args:
        text: content of the file.
        where: name of the file, for messages.

    Raises:
        NmError: NM0530, not a report; NM0531, a version that this program does not read.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{where}:{error.lineno}:{error.colno}"
        raise _not_a_report(place, f"it is not JSON ({error.msg.lower()})") from None
    if not isinstance(values, dict) or "schema_version" not in values:
        raise _not_a_report(where, "it has no `schema_version`")
    if values["schema_version"] != SCHEMA_VERSION:
        raise NmError(
            Diagnostic(
                code="NM0531",
                message="the report was written in a version that this nmcompile does not read",
                where=where,
                limit=f"schema version {SCHEMA_VERSION}",
                found=str(values["schema_version"]),
                help=("build the model again with this version of nmcompile",),
            )
        )
    try:
        return Report.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _not_a_report(where, f"`{place}`: {first['msg'].lower()}") from None


def read_report(source: Path) -> Report:
    """The report of a build folder, or a report.json.

    Raises:
        NmError: NM0523 when there is none, NM0530 when it is no text; see `report_from_json`.
    """
    path = source / "report.json" if source.is_dir() else source
    if not path.is_file():
        raise NmError(
            Diagnostic(
                code="NM0523",
                message="there is no report here",
                where=str(source),
                help=("name a build folder or a report.json",),
            )
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _not_a_report(path.name, f"not UTF-8 text (byte {error.start})") from None
    return report_from_json(text, path.name)


def _not_a_report(where: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0530",
            message="this is not a report of nmcompile",
            where=where,
            found=found,
            help=("name the report.json of a build folder, or the folder itself",),
        )
    )
