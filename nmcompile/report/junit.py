"""JUnit XML: one test case per check, so that any continuous integration shows them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nmcompile.report.schema import Report


@dataclass(frozen=True)
class Case:
    """One check.

    Attributes:
        suite: what it belongs to. name: what was checked.
        failure: why it failed, "" when it passed. skipped: why nothing was checked, likewise.
        note: further text, shown by most tools as output.
    """

    suite: str
    name: str
    failure: str = ""
    skipped: str = ""
    note: str = ""


def verification_cases(report: Report) -> list[Case]:
    """The equality checks of a build."""
    suite = f"{report.model.name} on {report.target.name}: verification"
    if not report.verification:
        return [Case(suite, "golden against cores", skipped="the build did not verify")]
    return [
        Case(
            suite,
            f"{row.name}: {row.level_above} against {row.level_below}",
            failure="" if row.equal else row.first_mismatch or "they differ",
            note=f"{row.compared.frames} frames, {row.compared.neurons} neurons, "
            f"{row.compared.spikes} spikes",
        )
        for row in report.verification
    ]


def render_junit(cases: Iterable[Case]) -> str:
    """Cases as JUnit XML, grouped by suite in order of first use; no clock in it."""
    suites: dict[str, list[Case]] = {}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    every = [case for own in suites.values() for case in own]
    root = ElementTree.Element("testsuites", {"name": "nmcompile", **_totals(every)})
    for name, own in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(name), **_totals(own)})
        for case in own:
            _add(suite, case)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add(suite: ElementTree.Element, case: Case) -> None:
    names = {"classname": _clean(case.suite), "name": _clean(case.name)}
    element = ElementTree.SubElement(suite, "testcase", names)
    if case.failure:
        failure = ElementTree.SubElement(element, "failure", message=_clean(case.failure))
        failure.text = _clean(case.failure)
    if case.skipped:
        ElementTree.SubElement(element, "skipped", message=_clean(case.skipped))
    if case.note:
        ElementTree.SubElement(element, "system-out").text = _clean(case.note)


def _clean(text: str) -> str:
    """Without characters that XML cannot hold: names in a model file are not trusted."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _totals(cases: Sequence[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(bool(case.failure) for case in cases)),
        "errors": "0",
        "skipped": str(sum(bool(case.skipped) for case in cases)),
    }
