"""Physical quantities that know their unit, their origin and their uncertainty.

A :class:`Quantity` without a value is *unknown*, never zero. A sum with an unknown part is a
lower bound and says so; the kind of a result is the weakest kind that went into it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

Kind = Literal["published", "measured", "simulated", "scaled", "assumed", "unknown"]

# strongest first
KINDS: Final[tuple[Kind, ...]] = (
    "measured",
    "published",
    "simulated",
    "scaled",
    "assumed",
    "unknown",
)

# the units that files may use -> (base unit, factor)
_UNITS: Final[dict[str, tuple[str, float]]] = {
    "fJ": ("J", 1e-15),
    "pJ": ("J", 1e-12),
    "nJ": ("J", 1e-9),
    "uJ": ("J", 1e-6),
    "mJ": ("J", 1e-3),
    "J": ("J", 1.0),
    "ps": ("s", 1e-12),
    "ns": ("s", 1e-9),
    "us": ("s", 1e-6),
    "ms": ("s", 1e-3),
    "s": ("s", 1.0),
    "nW": ("W", 1e-9),
    "uW": ("W", 1e-6),
    "mW": ("W", 1e-3),
    "W": ("W", 1.0),
    "Hz": ("Hz", 1.0),
    "kHz": ("Hz", 1e3),
    "MHz": ("Hz", 1e6),
    "GHz": ("Hz", 1e9),
    "V": ("V", 1.0),
    "byte": ("byte", 1.0),
    "KiB": ("byte", 1024.0),
    "MiB": ("byte", 1024.0**2),
    "bit": ("bit", 1.0),
    "tick": ("tick", 1.0),
    "1": ("1", 1.0),
}

# base units that are written with an SI prefix; everything else is a count
_PREFIXED: Final = frozenset({"J", "s", "W", "Hz", "V", "SOP/s", "SOPS/W", "J/SOP"})
_PREFIXES: Final = {
    -18: "a",
    -15: "f",
    -12: "p",
    -9: "n",
    -6: "u",
    -3: "m",
    0: "",
    3: "k",
    6: "M",
    9: "G",
    12: "T",
}


def known_units() -> tuple[str, ...]:
    """The units that target files may use."""
    return tuple(_UNITS)


def to_base(value: float, unit: str) -> tuple[float, str]:
    """Convert to the base unit (J, s, W, Hz, V, byte, bit, tick, 1).

    Raises:
        KeyError: the unit is not one of :func:`known_units`.
    """
    base, factor = _UNITS[unit]
    if factor < 1.0:  # dividing by 1e12 rounds once, multiplying by 1e-12 twice
        return value / round(1.0 / factor), base
    return value * factor, base


def _three_digits(value: float, digits: int) -> str:
    """``value`` (|value| < 1000 or so) with ``digits`` significant digits, trailing zeros kept."""
    if value == 0.0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def format_si(value: float, unit: str, digits: int = 3) -> str:
    """Write a value with ``digits`` significant digits: ``23.6 pJ``, ``1,024``, ``1.20 M``.

    Args:
        value: in base units.
        unit: a base unit; ``1`` is written as a bare number.
    """
    suffix = "" if unit == "1" else unit
    if not math.isfinite(value):
        return f"{value} {suffix}".strip()
    if unit not in _PREFIXED and abs(value) < 1e6:
        exact = value == round(value)
        text = f"{value:,.0f}" if exact else _three_digits(value, digits)
        return f"{text} {suffix}".strip()
    if value == 0.0:
        return f"0 {suffix}".strip()
    rounded = float(f"{value:.{digits - 1}e}")  # round first: 999.6 must become 1.00 k
    exponent = 3 * math.floor(math.log10(abs(rounded)) / 3 + 1e-12)
    exponent = min(12, max(-18, exponent))
    prefix = _PREFIXES[exponent]
    return f"{_three_digits(rounded / 10.0**exponent, digits)} {prefix}{suffix}".strip()


def weakest(kinds: Iterable[Kind]) -> Kind:
    """The weakest of several kinds; an empty list counts as ``measured``."""
    return KINDS[max((KINDS.index(kind) for kind in kinds), default=0)]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value in a base unit, where it comes from, and how sure it is.

    Attributes:
        value: the best estimate in ``unit``; None if and only if ``kind`` is ``unknown``.
        unit: a base unit: ``J``, ``s``, ``W``, ``Hz``, ``V``, ``byte``, ``bit``, ``tick``, ``1``.
        kind: how the value is known.
        source: key of the source (a paper, a file).
        where: the place in the source, and what to know about it.
        low: lower end of the range, or None where no range is known.
        high: upper end of the range, or None.
        at_least: the quantity is a lower bound, because a part of it is unknown.
        unknown_parts: the names of these parts.
    """

    value: float | None
    unit: str
    kind: Kind = "assumed"
    source: str = ""
    where: str = ""
    low: float | None = None
    high: float | None = None
    at_least: bool = False
    unknown_parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) != (self.kind == "unknown"):
            raise ValueError("a quantity has no value if and only if its kind is 'unknown'")
        if self.value is not None and not self.range[0] <= self.value <= self.range[1]:
            raise ValueError(f"value {self.value} is outside its range {self.range}")

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def range(self) -> tuple[float, float]:
        """The range as two numbers: the value itself where no end is stated.

        A lower bound ends at infinity. An unknown quantity is anything from 0 upwards.
        """
        if self.value is None:
            return (0.0, math.inf)
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        return (low, math.inf if self.at_least else high)

    def scale(self, factor: float) -> Quantity:
        """This quantity ``factor`` times; ``factor`` is exact and not negative.

        Zero times an unknown quantity is zero: what did not happen cost nothing.
        """
        if factor < 0:
            raise ValueError("a quantity is scaled by a factor that is not negative")
        if self.value is None:
            return self if factor else Quantity(0.0, self.unit, "assumed", self.source, self.where)
        return replace(
            self,
            value=self.value * factor,
            low=None if self.low is None else self.low * factor,
            high=None if self.high is None else self.high * factor,
            at_least=self.at_least and factor > 0,
            unknown_parts=self.unknown_parts if factor else (),
        )

    def as_json(self) -> dict[str, Any]:
        """The quantity as JSON types, full precision; an open range has ``high`` null."""
        low, high = self.range
        return {
            "value": self.value,
            "unit": self.unit,
            "kind": self.kind,
            "source": self.source,
            "where": self.where,
            "low": None if self.value is None else low,
            "high": high if math.isfinite(high) else None,
            "at_least": self.at_least,
            "unknown_parts": list(self.unknown_parts),
        }

    def __str__(self) -> str:
        if self.value is None:
            return "unknown"
        text = format_si(self.value, self.unit)
        if self.at_least:
            return f"at least {text}"
        low, high = self.range
        if low == high:
            return text
        return f"{text} ({format_si(low, self.unit)} to {format_si(high, self.unit)})"


def total(parts: Iterable[tuple[str, Quantity]], unit: str) -> Quantity:
    """Add named quantities of one unit.

    Ranges add end by end (the parts are not taken as independent). The kind is the weakest of
    the known parts that are not zero; unknown parts turn the sum into a lower bound.

    Raises:
        ValueError: the parts have different units.
    """
    value = low = high = 0.0
    kinds: list[Kind] = []
    unknown: list[str] = []
    at_least = False
    for name, part in parts:
        if part.unit != unit:
            raise ValueError(f"cannot add {part.unit} ({name}) to {unit}")
        if part.value is None:
            unknown.append(name)
            continue
        at_least = at_least or part.at_least
        unknown += [f"{name}.{inner}" for inner in part.unknown_parts]
        value += part.value
        low += part.value if part.low is None else part.low
        high += part.value if part.high is None else part.high
        if part.value != 0.0:
            kinds.append(part.kind)
    if unknown and not kinds and not at_least:
        return Quantity(None, unit, "unknown", unknown_parts=tuple(unknown))
    return Quantity(
        value=value,
        unit=unit,
        kind=weakest(kinds),
        low=low,
        high=high,
        at_least=at_least or bool(unknown),
        unknown_parts=tuple(unknown),
    )
