"""A browser and pages for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chromium import NAMES, Chromium, executable
from support.large_report import chip_plan, with_plan
from support.small_report import small_program, small_report

from nmcompile.report.html import render_html
from nmcompile.report.judgement import Judgement
from nmcompile.report.schema import Report
from nmcompile.report.table import table


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = executable()
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)}; set NMCOMPILE_CHROMIUM")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def report() -> Report:
    return small_report(small_program())


@pytest.fixture(scope="module")
def large(report: Report) -> Report:
    return with_plan(report, chip_plan(64))


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    figures = table("tiny", "figure|now>|verdict", [("energy", "1.00 mJ", "fail")])
    manifest = {"versions": {"numpy": "2.0.0"}, "files": {"report.json": "ab" * 32}}
    judged = Judgement("fail", figures, ("energy: above the limit",))
    path = tmp_path_factory.mktemp("pages") / "page.html"
    html = render_html(report, manifest=manifest, judgement=judged)
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def large_page(large: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "large.html"
    path.write_text(render_html(large), encoding="utf-8")
    return path
