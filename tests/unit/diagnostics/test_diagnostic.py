"""Diagnostics: what they hold, how they read, which exit code they ask for."""

from __future__ import annotations

import dataclasses
import json

import pytest

from nmcompile.diagnostics import (
    Diagnostic,
    DiagnosticBag,
    ExitCode,
    NmError,
    as_json,
    as_text,
    did_you_mean,
    exit_code_of,
    nearest,
    render_text,
)

FULL = Diagnostic(
    code="NM0302",
    message="layer `conv2` needs more input axons than one core has",
    where="conv2",
    limit="256 axons (targets/truenorth.toml)",
    found="576",
    notes=("a note",),
    help=("first way", "second way"),
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("NM0001", 2),
        ("NM0002", 130),
        ("NM0101", 1),
        ("NM0203", 1),
        ("NM0304", 3),
        ("NM0401", 5),
        ("NM0501", 1),
        ("NM0603", 1),
        ("NM0701", 6),
        ("NM0801", 4),
        ("NM0901", 70),
    ],
)
def test_exit_code_of_family(code: str, expected: int) -> None:
    assert exit_code_of(code) == expected


@pytest.mark.parametrize("code", ["", "NM1234", "NM03", "NM03045", "XX0304", "NM03x4"])
def test_a_code_outside_the_table_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="diagnostic code"):
        Diagnostic(code=code, message="x")


def test_text() -> None:
    assert as_text(FULL) == (
        "error[NM0302]: layer `conv2` needs more input axons than one core has\n"
        "  --> conv2\n"
        "  = limit: 256 axons (targets/truenorth.toml)\n"
        "  = found: 576\n"
        "  = note: a note\n"
        "help: first way\n"
        "      second way"
    )


def test_json_holds_every_field() -> None:
    decoded = json.loads(json.dumps(as_json(FULL)))
    assert set(decoded) == {field.name for field in dataclasses.fields(Diagnostic)}
    assert decoded["help"] == ["first way", "second way"]


def test_errors_come_first_and_the_rest_is_counted() -> None:
    warning = Diagnostic(code="NM0612", message="w", severity="warning")
    errors = [Diagnostic(code="NM0302", message=f"e{i}") for i in range(30)]
    text = render_text([warning, *errors])
    assert text.startswith("error[NM0302]: e0\n")
    assert "... and 11 more" in text
    assert text.endswith("more: nmcompile explain NM0302")


def test_what_is_the_same_of_many_places_is_said_once() -> None:
    alike = [Diagnostic(code="NM0302", message="m", where=f"conv{i}") for i in range(10)]
    other = Diagnostic(code="NM0302", message="m", where="fc", found="7")
    lines = render_text([*alike, other]).splitlines()
    assert lines == [
        "error[NM0302]: m",
        *(f"  --> conv{i}" for i in range(3)),
        "  --> and 7 more places (--json lists all)",
        "error[NM0302]: m",
        "  --> fc",
        "  = found: 7",
        "more: nmcompile explain NM0302",
    ]
    assert [line for line in render_text(alike[:4]).splitlines() if "conv" in line] == [
        f"  --> conv{i}" for i in range(4)
    ]


def test_error_carries_the_code_of_its_first_error() -> None:
    warning = Diagnostic(code="NM0612", message="w", severity="warning")
    error = NmError(warning, FULL, Diagnostic(code="NM0101", message="m"))
    assert error.exit_code == ExitCode.DOES_NOT_FIT
    assert error.codes == ("NM0612", "NM0302", "NM0101")
    assert "conv2" in str(error)
    with pytest.raises(ValueError, match="at least one"):
        NmError(warning)


def test_lines_must_be_a_tuple() -> None:
    with pytest.raises(TypeError, match="tuple of lines"):
        Diagnostic(code="NM0101", message="m", help="one string")  # type: ignore[arg-type]


def test_bag_keeps_one_of_equal_diagnostics_and_raises_all() -> None:
    bag = DiagnosticBag()
    bag.raise_errors()
    bag.extend([FULL, FULL, Diagnostic(code="NM0101", message="m")])
    with pytest.raises(NmError) as caught:
        bag.raise_errors()
    assert len(caught.value.diagnostics) == 2


def test_nearest() -> None:
    names = ("loihi1", "loihi2", "truenorth")
    assert nearest("truenort", names) == "truenorth"
    assert nearest("LOIHI2", names) == "loihi2"
    assert nearest("zzz", names) is None
    assert did_you_mean("truenort", names) == "did you mean `truenorth`?"
    assert did_you_mean("zzz", names, "targets") == "targets: loihi1, loihi2, truenorth"
