"""report.json: published schema, round trip, determinism, refusals."""

from __future__ import annotations

import json

import pytest

from nmcompile.diagnostics import NmError
from nmcompile.report.schema import SCHEMA_FILE, Report, json_schema, schema_text
from nmcompile.report.serialise import read_report, report_from_json, report_to_json

SECTIONS = """
    schema_version tool headline model target program accuracy verification mapping counters
    energy second_opinion checked timing host conventions diagnostics assumptions provenance
    manifest_digest
"""


def test_the_published_schema_is_current():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "the models changed: write nmcompile.report.schema.schema_text() to report.schema.json"
    )


def test_every_field_of_every_section_is_documented():
    schema = json_schema()
    models = [schema, *schema["$defs"].values()]
    bare = [
        f"{model['title']}.{name}"
        for model in models
        if "properties" in model
        for name, field in model["properties"].items()
        if not field.get("description")
    ]
    assert bare == []


def test_the_sections_stand_in_the_order_of_the_design(report):
    assert list(json.loads(report_to_json(report))) == SECTIONS.split()


def test_round_trip_keeps_every_digit(report):
    text = report_to_json(report)
    again = report_from_json(text)
    assert again == report
    assert report_to_json(again) == text
    assert text.endswith("}\n")


def test_columns_of_numbers_stand_on_one_line(report):
    network = report.mapping.networks[0]
    assert f'"x": {list(network.floor_plan.x)!s}'.replace(" ", "") in report_to_json(
        report
    ).replace(" ", "")
    names = report.model.model_copy(update={"name": "[\n 1,\n 2]"})
    odd = report.model_copy(update={"model": names})
    assert report_from_json(report_to_json(odd)) == odd


def test_null_and_zero_are_different_things(report):
    off_chip = next(c for c in report.energy.components if c.name == "off_chip").figure
    assert off_chip.value is None
    assert off_chip.bound == "unknown"
    assert report.energy.total.bound == "at_least"
    assert report.energy.total.high is None
    assert report.energy.total.known_high > report.energy.total.value


def test_reports_are_frozen_and_closed(report):
    with pytest.raises(ValueError, match="frozen"):
        report.manifest_digest = "x"
    values = report.model_dump(mode="json")
    with pytest.raises(ValueError, match="Extra inputs"):
        Report.model_validate({**values, "clock": "now"})


@pytest.mark.parametrize(
    ("text", "code", "found"),
    [
        ("{", "NM0530", "not JSON"),
        ("[]", "NM0530", "schema_version"),
        ('{"a": 1}', "NM0530", "schema_version"),
        ('{"schema_version": "2"}', "NM0530", "field required"),
        ('{"schema_version": "1"}', "NM0531", "1"),
        ('{"schema_version": "99"}', "NM0531", "99"),
    ],
)
def test_what_is_not_a_report_is_refused(text, code, found):
    with pytest.raises(NmError) as caught:
        report_from_json(text, "some.json")
    assert caught.value.codes == (code,)
    assert found in str(caught.value)
    assert "some.json" in str(caught.value)


def test_a_file_of_bytes_is_no_report(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"\xdf\xff\x00")
    with pytest.raises(NmError) as caught:
        read_report(path)
    assert caught.value.codes == ("NM0530",)
