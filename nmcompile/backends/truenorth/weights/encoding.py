"""Integer weights as axon types and crossbar bits: the cheapest exact encoding of a layer.

A cross-point holds one bit; the weight of a connected axon is the value that the neuron has for
the axon's type. An input with weights of several values therefore enters a core on several axons.
All neurons of a core share the types of its axons, so that one layer has one number of axons per
input; the values are each neuron's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.weights.colouring import colour, conflicts
from nmcompile.backends.truenorth.weights.digits import MOST_AXONS, covering, multiplicities
from nmcompile.backends.truenorth.weights.type_values import solve

Weights = npt.NDArray[np.integer[Any]]
Connected = tuple[int, ...]
"""For every axon type, how many axons of an input are connected to a neuron."""


@dataclass(frozen=True)
class Encoding:
    """How the weights of one population become crossbars.

    Attributes:
        name: for people.
        counts: axons of each type that one input takes.
        values: for every output channel, the value of each type.
        channel_types: for one axon per input, the type of every channel (of all projections, one
            after the other); empty when every input has axons of all types.
    """

    name: str
    counts: tuple[int, ...]
    values: tuple[tuple[int, ...], ...]
    channel_types: tuple[int, ...] = ()

    @property
    def axons(self) -> int:
        """Axons per input."""
        return 1 if self.channel_types else sum(self.counts)

    @property
    def types(self) -> int:
        """Axon types in use."""
        return max(self.channel_types) + 1 if self.channel_types else len(self.counts)

    def connected(self, output: int, channel: int, weight: int) -> Connected:
        """Which axons of an input of `channel` realise `weight` at output channel `output`.

        Raises:
            ValueError: none do: the encoding is not one of these weights.
        """
        values = self.values[output]
        limits = self.counts
        if self.channel_types:
            only = self.channel_types[channel]
            limits = tuple(int(t == only) for t in range(len(values)))
        found = _combination(weight, values, limits)
        if found is None:
            raise ValueError(f"no axons of {values} add up to {weight}")
        return found


def choose(weights: Sequence[Weights], types: int, value_bits: int) -> Encoding | None:
    """The encoding with the fewest axons per input, or None when `MOST_AXONS` are too few.

    Up to four axons per input the search is complete; beyond, weights that are not subset sums of
    one value per type become digits (`digits.covering`).

    Args:
        weights: of all projections into one population, `(C_out, channels, taps)` each, with
            zeros where an output channel does not read a channel.
        types: axon types of a core.
        value_bits: signed width of a type's value.
    """
    low, high = -(2 ** (value_bits - 1)), 2 ** (value_bits - 1) - 1
    rows = _distinct(weights)
    widest = max((len(row) for row in rows), default=0)
    if widest <= 1 and all(low <= w <= high for row in rows for w in row):
        return Encoding("one value per neuron", (1,), tuple((max(row, default=0),) for row in rows))
    typed = _by_channel(weights, types, low, high)
    if typed is not None:
        return typed
    for axons in range(2, types + 1):
        solved = [solve(row, axons, low, high) for row in rows]
        if all(values is not None for values in solved):
            values = tuple(v for v in solved if v is not None)
            return Encoding(_name(rows, axons), (1,) * axons, values)
    return _digits(rows, types, low, high)


def _distinct(weights: Sequence[Weights]) -> list[frozenset[int]]:
    """The non-zero weights of every output channel."""
    flat = np.concatenate([w.reshape(len(w), -1) for w in weights], axis=1)
    return [frozenset(np.unique(row[row != 0]).tolist()) for row in flat]


def _by_channel(weights: Sequence[Weights], types: int, low: int, high: int) -> Encoding | None:
    """One axon per input: channels of one type have one value at every neuron."""
    merged = []
    for weight in weights:
        least, most = weight.min(axis=2), weight.max(axis=2)
        value = np.where(most != 0, most, least)
        if ((weight != 0) & (weight != value[..., None])).any():
            return None
        merged.append(value)
    table = np.concatenate(merged, axis=1)
    colours = _by_sign(table) or colour(conflicts(table), types)
    if colours is None or table.min() < low or table.max() > high:
        return None
    used = max(colours) + 1
    values = np.zeros((len(table), used), np.int64)
    for kind in range(used):
        of_kind = table[:, np.array(colours) == kind]
        most = of_kind.max(axis=1)
        values[:, kind] = np.where(most != 0, most, of_kind.min(axis=1))
    rows = tuple(tuple(row) for row in values.tolist())
    return Encoding(f"one value per neuron and channel ({used} types)", (1,) * used, rows, colours)


def _by_sign(table: Weights) -> tuple[int, ...] | None:
    """Types 0 and 1 for what excites and what inhibits, where each has one value per neuron.

    Neurons that add up partial sums are like that; their channels are too many for a search.
    """
    negative = (table < 0).any(axis=0)
    if ((table > 0).any(axis=0) & negative).any() or not negative.any() or negative.all():
        return None
    for kind in (table[:, ~negative], np.abs(table[:, negative])):
        least = np.where(kind == 0, np.iinfo(kind.dtype).max, kind).min(axis=1)
        if (least < kind.max(axis=1)).any():
            return None
    return tuple(negative.astype(int).tolist())


def _digits(rows: list[frozenset[int]], types: int, low: int, high: int) -> Encoding | None:
    widest = max(max(row, default=0) - min(row, default=0) for row in rows)
    for axons in range(max(types + 1, widest // high), MOST_AXONS + 1):
        for counts in multiplicities(axons, types):
            values = _digit_values(rows, counts, low, high)
            if values is not None:
                return Encoding(f"digits of {types} types", counts, values)
    return None


def _digit_values(
    rows: list[frozenset[int]], counts: tuple[int, ...], low: int, high: int
) -> tuple[tuple[int, ...], ...] | None:
    found = []
    for row in rows:
        interval = (min((*row, 0)), max((*row, 0)))
        values = covering(interval, counts, high) or solve(row, len(counts), low, high)
        if values is None:
            return None
        found.append(values)
    return tuple(found)


def _name(rows: list[frozenset[int]], axons: int) -> str:
    if axons == 2 and all(len(row) < 2 or sum(row) == 0 for row in rows):
        return "ternary"
    if axons == 4 and all(-8 <= w <= 7 for row in rows for w in row):
        return "4 bit"
    return f"sums of {axons} values per neuron"


def _combination(
    weight: int, values: tuple[int, ...], limits: tuple[int, ...]
) -> tuple[int, ...] | None:
    """0 <= n_g <= limits_g with sum of n_g * values_g = weight."""
    reached: dict[int, tuple[int, ...]] = {0: ()}
    for value, limit in zip(values, limits, strict=True):
        grown: dict[int, tuple[int, ...]] = {}
        for total, taken in reached.items():
            for n in range(limit + 1 if value else 1):
                grown.setdefault(total + n * value, (*taken, n))
        reached = grown
    return reached.get(weight)
