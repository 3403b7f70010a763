"""Figures for people, and the terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.report.figure import Figure, figure
from nmcompile.report.terminal import render_plain
from nmcompile.report.text import (
    count_text,
    factor_text,
    figure_text,
    percent_text,
    range_text,
    sentence,
    significant,
    with_range,
)
from nmcompile.units import Quantity


def joules(value: float | None, **more: object) -> Figure:
    kind = "unknown" if value is None else "published"
    return figure(Quantity(value, "J", kind, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "text", "spread"),
    [
        (joules(23.6e-12), "23.6 pJ", ""),
        (joules(2e-6, low=1e-6, high=3.14159e-6), "2.00 uJ", "1.00 uJ to 3.14 uJ"),
        (joules(None), "unknown", ""),
        (
            joules(2e-6, low=1e-6, high=3e-6, at_least=True),
            "at least 2.00 uJ",
            "1.00 uJ to 3.00 uJ for the known parts",
        ),
        (joules(0.0), "0 J", ""),
    ],
)
def test_figures(shown, text, spread):
    assert figure_text(shown) == text
    assert range_text(shown) == spread
    assert with_range(shown) == (f"{text} ({spread})" if spread else text)


def test_rates_are_frames_per_second():
    rate = figure(Quantity(237.4, "Hz", "scaled", low=0.0, high=250.0))
    assert figure_text(rate) == "237 FPS"
    assert range_text(rate.model_copy(update={"bound": "at_most"})) == "up to 250 FPS"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (9_999, "9,999"), (12_345, "12.3 k"), (999_600, "1,000 k"),
     (1_234_567, "1.23 M"), (2.5e9, "2.50 G"), (12.345, "12.3")],
)  # fmt: skip
def test_counts(value, text):
    assert count_text(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (1.0, "100 %"), (0.99999, "99.9 %"), (0.9344, "93.4 %"), (0.0, "0 %")],
)
def test_shares_never_round_up_to_all(share, text):
    assert percent_text(share) == text


def test_factors():
    assert factor_text(50.04) == "x 50.0"
    assert factor_text(4460.0, "at_least") == "at least x 4,460"
    assert factor_text(None) == "-"


def test_sentences():
    assert sentence("pixels enter as spikes") == "Pixels enter as spikes."
    assert sentence("Done.") == "Done."
    assert sentence("") == "."


@given(st.floats(1e-6, 1e9))
def test_three_digits_stay_close(value):
    text = significant(value).replace(",", "")
    assert float(text) == pytest.approx(value, rel=0.005)
    assert len(re.sub(r"[^1-9]", "", text.split("e")[0])) <= 3


def test_the_terminal_ends_with_the_headline_and_the_verdict(report):
    text = render_plain(report)
    lines = text.splitlines()
    headline = next(i for i, line in enumerate(lines) if line.strip() == "Headline")
    for earlier in ("Energy per frame", "On the host", "Tracking"):
        assert lines.index(earlier) < headline
    assert "Verified" in text
    assert "24 cores on 1 chip" in text
    assert "\x1b" not in text


def test_details_add_tables(report):
    assert "Costs and their sources" not in render_plain(report)
    assert "Costs and their sources" in render_plain(report, details=True, width=140)


def test_a_name_in_brackets_is_not_markup(report):
    rows = tuple(r.model_copy(update={"sequence": "[red]boat"}) for r in report.accuracy.tracking)
    accuracy = report.accuracy.model_copy(update={"tracking": rows})
    assert "[red]boat" in render_plain(report.model_copy(update={"accuracy": accuracy}))
