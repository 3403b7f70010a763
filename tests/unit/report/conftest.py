"""A small hand-made report for every rendering."""

from __future__ import annotations

import pytest
from support.small_report import small_program, small_report

from nmcompile.ir.program import Program
from nmcompile.report.schema import Report


@pytest.fixture(scope="session")
def program() -> Program:
    """See `small_program`."""
    return small_program()


@pytest.fixture(scope="session")
def report(program: Program) -> Report:
    """See `small_report`."""
    return small_report(program)
