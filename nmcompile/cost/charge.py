"""Counts times sourced costs: sums that keep their range, their sources and what they lack."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from nmcompile.units import Quantity, total, weakest


@dataclass(frozen=True, slots=True)
class Charge:
    """One kind of event, how often it happened, and what one costs.

    Attributes:
        what: the event, in words ("synaptic operations").
        count: how many; a mean over measured inferences may be fractional.
        cost: of one event; without a value when no source states it.
    """

    what: str
    count: float
    cost: Quantity


def bill(charges: Iterable[Charge], unit: str) -> Quantity:
    """The sum of all charges.

    An event that did not happen costs exactly nothing, whatever is known about its cost; one
    that happened and has no cost turns the sum into a lower bound (or leaves it unknown).
    """
    items = [charge for charge in charges if charge.count > 0]
    return add(((item.what, item.cost.scale(item.count)) for item in items), unit)


def add(parts: Iterable[tuple[str, Quantity]], unit: str) -> Quantity:
    """`units.total`, with the sources of all known parts kept (joined, each once)."""
    named = [(name, part) for name, part in parts if part.value != 0.0]
    if not named:
        return Quantity(0.0, unit, "measured", low=0.0, high=0.0)
    result = total(named, unit)
    missing = []
    for name, part in named:
        # a part that is itself a sum already names what it lacks
        missing += list(part.unknown_parts) or ([] if part.known else [name])
    sources = [s for _, part in named if part.known for s in part.source.split("; ") if s]
    return replace(
        result,
        source="; ".join(dict.fromkeys(sources)),
        unknown_parts=tuple(dict.fromkeys(missing)),
    )


def product(left: Quantity, right: Quantity, unit: str, lacking: str) -> Quantity:
    """A product of two uncertain quantities, such as power times time.

    Args:
        left: first factor. right: second factor.
        unit: of the product.
        lacking: what is missing when a factor is unknown.
    """
    sources = joined_sources((left, right))
    if left.value == 0.0 or right.value == 0.0:
        return exact(0.0, unit)
    if left.value is None or right.value is None:
        return Quantity(None, unit, "unknown", sources, unknown_parts=(lacking,))
    low, high = left.range[0] * right.range[0], left.range[1] * right.range[1]
    return Quantity(
        value=left.value * right.value,
        unit=unit,
        kind=weakest((left.kind, right.kind)),
        source=sources,
        low=low,
        high=high if math.isfinite(high) else None,
        at_least=left.at_least or right.at_least,
        unknown_parts=tuple(dict.fromkeys(left.unknown_parts + right.unknown_parts)),
    )


def joined_sources(parts: Iterable[Quantity]) -> str:
    """The sources of several quantities, each once, in order of first use."""
    keys = (key for part in parts for key in part.source.split("; ") if key)
    return "; ".join(dict.fromkeys(keys))


def exact(value: float, unit: str) -> Quantity:
    """A quantity that was counted, not estimated."""
    return Quantity(value, unit, "measured", low=value, high=value)
