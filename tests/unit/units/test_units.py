"""Quantities: formatting, ranges, kinds; unknown is never zero."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.units import KINDS, Kind, Quantity, format_si, to_base, total, weakest

UNKNOWN = Quantity(None, "J", "unknown")
values = st.floats(min_value=0, max_value=1e6, allow_nan=False)
known_kinds = st.sampled_from(KINDS[:-1])


@st.composite
def quantities(draw: st.DrawFn) -> Quantity:
    low, value, high = sorted(draw(st.tuples(values, values, values)))
    return Quantity(value, "J", draw(known_kinds), low=low, high=high)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (23.6e-12, "J", "23.6 pJ"),
        (999.6e-12, "J", "1.00 nJ"),
        (999.4e-12, "J", "999 pJ"),
        (0.104, "W", "104 mW"),
        (1.0, "s", "1.00 s"),
        (0.0, "J", "0 J"),
        (1234.0, "Hz", "1.23 kHz"),
        (1024, "1", "1,024"),
        (1_200_000, "1", "1.20 M"),
        (131072, "byte", "131,072 byte"),
        (2.5, "1", "2.50"),
        (math.inf, "J", "inf J"),
        (-23.6e-12, "J", "-23.6 pJ"),
    ],
)
def test_format(value: float, unit: str, text: str) -> None:
    assert format_si(value, unit) == text


@given(st.floats(min_value=1e-17, max_value=1e13))
def test_format_is_within_half_a_unit_of_the_third_digit(value: float) -> None:
    number, unit = format_si(value, "J").split(" ")
    factor = {"a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3}
    factor |= {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    assert float(number) * factor[unit.removesuffix("J")] == pytest.approx(value, rel=5.01e-3)
    assert 1.0 <= float(number) < 1000.0 or unit in ("aJ", "TJ")


def test_to_base_is_exact_where_decimals_are() -> None:
    assert to_base(23.6, "pJ") == (23.6e-12, "J")
    assert to_base(3.5, "ns") == (3.5e-9, "s")
    assert to_base(128, "KiB") == (131072, "byte")
    with pytest.raises(KeyError):
        to_base(1, "furlong")


def test_value_and_kind_agree() -> None:
    with pytest.raises(ValueError, match="no value"):
        Quantity(None, "J", "assumed")
    with pytest.raises(ValueError, match="no value"):
        Quantity(0.0, "J", "unknown")
    with pytest.raises(ValueError, match="outside its range"):
        Quantity(1.0, "J", "assumed", low=2.0)


def test_an_unknown_part_makes_the_sum_a_lower_bound() -> None:
    known = Quantity(2.0, "J", "published", low=1.0, high=3.0)
    added = total([("cores", known), ("crossings", UNKNOWN)], "J")
    assert added.value == 2.0
    assert added.range == (1.0, math.inf)
    assert added.at_least
    assert added.unknown_parts == ("crossings",)
    assert str(added) == "at least 2.00 J"
    outer = total([("chip", added), ("host", known)], "J")
    assert outer.unknown_parts == ("chip.crossings",)
    assert outer.at_least


def test_only_unknown_parts_stay_unknown() -> None:
    added = total([("a", UNKNOWN)], "J")
    assert not added.known
    assert str(added) == "unknown"
    assert added.as_json()["low"] is None


def test_what_never_happened_costs_nothing_even_at_an_unknown_price() -> None:
    assert UNKNOWN.scale(0).value == 0.0
    assert not UNKNOWN.scale(3).known
    added = total([("a", UNKNOWN.scale(0)), ("b", Quantity(1.0, "J", "measured"))], "J")
    assert not added.at_least
    assert added.kind == "measured"


def test_units_do_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot add"):
        total([("power", Quantity(1.0, "W"))], "J")


@given(quantities(), st.integers(min_value=0, max_value=10**9))
def test_scaling_scales_the_range(quantity: Quantity, factor: int) -> None:
    scaled = quantity.scale(factor)
    assert scaled.value == quantity.value * factor  # type: ignore[operator]
    low, high = quantity.range
    assert scaled.range == (low * factor, high * factor)
    assert scaled.kind == quantity.kind


@given(st.lists(quantities(), min_size=1, max_size=6))
def test_sum_adds_ends_and_keeps_the_weakest_kind(parts: list[Quantity]) -> None:
    added = total([(str(i), part) for i, part in enumerate(parts)], "J")
    assert added.range[0] == pytest.approx(math.fsum(p.range[0] for p in parts))
    assert added.range[1] == pytest.approx(math.fsum(p.range[1] for p in parts))
    weights = [p.kind for p in parts if p.value]
    assert added.kind == weakest(weights)


@given(st.lists(known_kinds, min_size=1))
def test_weakest_is_one_of_them_and_none_is_weaker(kinds: list[Kind]) -> None:
    assert weakest(kinds) in kinds
    assert all(KINDS.index(kind) <= KINDS.index(weakest(kinds)) for kind in kinds)
