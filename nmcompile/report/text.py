"""Figures as people read them: at most three significant digits, SI prefixes, bounds in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from nmcompile.report.figure import Bound, Figure
from nmcompile.units import format_si

DASH: Final = "-"
_EXACT_BELOW: Final = 10_000
_BOUND_WORDS: Final[dict[Bound, str]] = {
    "none": "",
    "at_least": "at least ",
    "at_most": "at most ",
    "unknown": "",
}
COMPONENT_NAMES: Final = {
    "synapse": "synapses",
    "neuron": "neurons",
    "routing": "routing",
    "off_chip": "off-chip",
    "static": "static",
    "host": "host",
}


def figure_text(figure: Figure) -> str:
    """`at least 23.6 uJ`, `1.20 ms`, `237 FPS`, `unknown`."""
    if figure.value is None:
        return "unknown"
    return _BOUND_WORDS[figure.bound] + value_text(figure.value, figure.unit)


def part_text(figure: Figure, note: str) -> str:
    """A part of a sum; a dash, not a zero, where a note says that it is charged elsewhere."""
    return DASH if note and figure.value == 0 else figure_text(figure)


def value_text(value: float, unit: str) -> str:
    """A value in its unit; the only rates of a report are those of frames."""
    return f"{count_text(value)} FPS" if unit == "Hz" else format_si(value, unit)


def range_text(figure: Figure) -> str:
    """`20.1 uJ to 30.2 uJ`, or nothing where the figure has no range.

    The range of a bound is that of its known parts, and says so.
    """
    if figure.value is None or figure.low is None:
        return ""
    if figure.bound == "at_most":
        return "" if figure.high is None else f"up to {value_text(figure.high, figure.unit)}"
    if figure.known_high is None:
        return ""
    low = value_text(figure.low, figure.unit)
    high = value_text(figure.known_high, figure.unit)
    if low == high:
        return ""
    return f"{low} to {high}" + (" for the known parts" if figure.bound == "at_least" else "")


def with_range(figure: Figure) -> str:
    """Value and range in one line: `25.0 uJ (20.1 uJ to 30.2 uJ)`."""
    spread = range_text(figure)
    return f"{figure_text(figure)} ({spread})" if spread else figure_text(figure)


def bound_text(figure: Figure) -> str:
    """Why a figure is only a bound, in words; nothing when it is not."""
    if figure.missing:
        return f"no figure for {', '.join(figure.missing)}"
    if figure.bound in ("at_least", "at_most"):
        return "a source states only a bound"
    return ""


def count_text(value: float | None) -> str:
    """`1,024`, `12.3 k`, `1.20 M`; a dash for None."""
    if value is None:
        return DASH
    if abs(value) < _EXACT_BELOW and float(value).is_integer():
        return f"{int(value):,}"
    return format_si(float(value), "1") if abs(value) >= 1e6 else _thousands(value)


def significant(value: float | None) -> str:
    """A plain number with three significant digits; a dash for None."""
    if value is None:
        return DASH
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"


def percent_text(share: float | None) -> str:
    """`93.4 %`; a dash for None. Only an exact whole is 100 %."""
    if share is None:
        return DASH
    if share < 1.0 and round(100.0 * share, 1) >= 100.0:
        return "99.9 %"
    return f"{significant(100.0 * share)} %"


def factor_text(factor: float | None, bound: Bound = "none") -> str:
    """`x 50.2`, `at least x 50.2`; a dash for None."""
    if factor is None:
        return DASH
    return f"{_BOUND_WORDS[bound]}x {significant(factor)}"


def first_of(names: Sequence[str]) -> str:
    """One name, two, or the first one and how many more."""
    return ", ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"


def plural(number: int, noun: str) -> str:
    """`1 core`, `2 cores`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sentence(text: str) -> str:
    """A capital letter in front and a full stop at the end; a layer's name stays as it is."""
    word = text.partition(" ")[0]
    first = text[:1] if "." in word or "_" in word else text[:1].upper()
    return f"{first}{text[1:].rstrip('.')}."


def _thousands(value: float) -> str:
    if abs(value) < _EXACT_BELOW:
        return significant(value)
    return f"{significant(value / 1000.0)} k"
