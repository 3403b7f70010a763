"""The numbers of a target file: each with its unit, kind, source and range."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from nmcompile.config import Frozen
from nmcompile.units import Kind, Quantity, to_base

CountUnit = Literal["1", "byte", "bit", "tick"]
MeasureUnit = Literal[
    "fJ", "pJ", "nJ", "uJ", "mJ", "J", "ps", "ns", "us", "ms", "s", "nW", "uW", "mW", "W"
]
KnownKind = Literal["published", "measured", "simulated", "scaled", "assumed"]


def _check_range(value: float, low: float | None, high: float | None) -> None:
    if low is not None and low > value:
        raise ValueError(f"low = {low} is above value = {value}")
    if high is not None and high < value:
        raise ValueError(f"high = {high} is below value = {value}")


class Count(Frozen):
    """A whole number that the mapper enforces; it is always known, if only by assumption."""

    value: int = Field(description="the number that nmcompile uses")
    unit: CountUnit = Field(description="1 for things that are counted")
    kind: KnownKind = Field(description="how the number is known")
    source: str = Field(description="a key of [sources]")
    where: str = Field(default="", description="place in the source, and its doubts")
    low: int | None = Field(default=None, description="lower end of what sources say")
    high: int | None = Field(default=None, description="upper end of what sources say")

    @model_validator(mode="after")
    def _consistent(self) -> Count:
        _check_range(self.value, self.low, self.high)
        return self


class Codes(Frozen):
    """The widths that a field may have, in rising order, for example those of an index."""

    value: tuple[int, ...] = Field(strict=False, min_length=1, description="legal widths, rising")
    unit: Literal["bit"] = Field(description="always bit")
    kind: KnownKind = Field(description="how the widths are known")
    source: str = Field(description="a key of [sources]")
    where: str = Field(default="", description="place in the source, and its doubts")

    @model_validator(mode="after")
    def _rising(self) -> Codes:
        if self.value[0] < 0 or any(a >= b for a, b in pairwise(self.value)):
            raise ValueError(f"value = {list(self.value)} does not rise from 0 or more")
        return self

    @property
    def text(self) -> str:
        """The widths for people."""
        return f"{', '.join(map(str, self.value))} {self.unit}"


class Measure(Frozen):
    """An energy, a time or a power. One of kind ``unknown`` has no value; it is never zero."""

    value: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="best estimate; absent if and only if kind is unknown"
    )
    unit: MeasureUnit = Field(description="unit of value, low and high")
    kind: Kind = Field(description="how the number is known")
    source: str = Field(description="a key of [sources]")
    where: str = Field(default="", description="place in the source, and its doubts")
    low: float | None = Field(default=None, ge=0, description="lower end of the range")
    high: float | None = Field(default=None, ge=0, description="upper end of the range")
    at_least: bool = Field(default=False, description="the source gives only a lower bound")

    @model_validator(mode="after")
    def _consistent(self) -> Measure:
        if self.kind == "unknown":
            if self.value is not None or self.low is not None or self.high is not None:
                raise ValueError("a number of kind 'unknown' has no value and no range")
            return self
        if self.value is None:
            raise ValueError("a value is missing; if there is none, say kind = 'unknown'")
        _check_range(self.value, self.low, self.high)
        return self

    def quantity(self) -> Quantity:
        """The number in its base unit (J, s or W)."""
        base = to_base(1.0, self.unit)[1]

        def convert(number: float | None) -> float | None:
            return None if number is None else to_base(number, self.unit)[0]

        return Quantity(
            value=convert(self.value),
            unit=base,
            kind=self.kind,
            source=self.source,
            where=self.where,
            low=convert(self.low),
            high=convert(self.high),
            at_least=self.at_least,
        )


def _unit(expected: str) -> Callable[[Any], Any]:
    def check(number: Any) -> Any:
        if to_base(1.0, number.unit)[1] != expected:
            raise ValueError(f"unit {number.unit!r} does not measure what {expected!r} measures")
        return number

    return check


def _at_least(minimum: int) -> Callable[[Count], Count]:
    def check(count: Count) -> Count:
        if count.value < minimum:
            raise ValueError(f"value = {count.value}, at least {minimum} is needed")
        return count

    return check


Number = Annotated[Count, AfterValidator(_unit("1")), AfterValidator(_at_least(1))]
NumberOrNone = Annotated[Count, AfterValidator(_unit("1")), AfterValidator(_at_least(0))]
SignedNumber = Annotated[Count, AfterValidator(_unit("1"))]
Bytes = Annotated[Count, AfterValidator(_unit("byte")), AfterValidator(_at_least(0))]
Bits = Annotated[Count, AfterValidator(_unit("bit")), AfterValidator(_at_least(0))]
Ticks = Annotated[Count, AfterValidator(_unit("tick")), AfterValidator(_at_least(0))]
Energy = Annotated[Measure, AfterValidator(_unit("J"))]
Time = Annotated[Measure, AfterValidator(_unit("s"))]
Power = Annotated[Measure, AfterValidator(_unit("W"))]
