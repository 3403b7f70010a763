"""JUnit XML: a failed check fails, whatever its names hold."""

from __future__ import annotations

from xml.etree import ElementTree

from nmcompile.report.junit import Case, render_junit, verification_cases


def test_equal_networks_pass(report):
    suites = ElementTree.fromstring(render_junit(verification_cases(report)))
    assert (suites.attrib["tests"], suites.attrib["failures"]) == ("2", "0")
    assert not list(suites.iter("failure"))
    assert "31600 spikes" in "".join(suites.itertext())


def test_a_mismatch_fails_and_says_where(report):
    good, bad = report.verification
    rows = (good, bad.model_copy(update={"equal": False, "first_mismatch": "conv2, tick 3"}))
    suites = ElementTree.fromstring(
        render_junit(verification_cases(report.model_copy(update={"verification": rows})))
    )
    assert suites.attrib["failures"] == suites[0].attrib["failures"] == "1"
    (failed,) = [case for case in suites.iter("testcase") if case.find("failure") is not None]
    assert failed.attrib["name"].startswith("search")
    assert failed.find("failure").attrib["message"] == "conv2, tick 3"


def test_what_was_not_checked_is_skipped_and_not_passed(report):
    cases = verification_cases(report.model_copy(update={"verification": ()}))
    suites = ElementTree.fromstring(render_junit(cases))
    assert (suites.attrib["tests"], suites.attrib["skipped"]) == ("1", "1")
    assert suites.find(".//skipped") is not None


def test_names_of_a_model_cannot_break_the_file():
    text = render_junit([Case("a<b>&\"'", "x\x00\x1b[31m", failure="]]>\ufffe")])
    (case,) = ElementTree.fromstring(text).iter("testcase")
    assert case.attrib["classname"] == "a<b>&\"'"
    assert "\x00" not in text
