"""The building blocks of every section: frozen models, counts, and figures with a range."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nmcompile.units import Kind, Quantity

Number = int | float
Bound = Literal["none", "at_least", "at_most", "unknown"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """Base of everything in a report: frozen, no unknown fields, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(Section):
    """A figure that was estimated or looked up: value, range, origin."""

    value: float | None = Field(description="Best figure in `unit`; null when nothing is known.")
    unit: str = Field(description="SI unit without prefix, such as J, s, Hz or W.")
    low: float | None = Field(description="Lower end of the range, in `unit`.")
    high: float | None = Field(description="Upper end of the range; null when nothing bounds it.")
    known_high: float | None = Field(
        description="Upper end for the known parts alone; equals `high` when nothing is missing."
    )
    bound: Bound = Field(
        description="`at_least` or `at_most` when a part has no figure; `unknown` when all have."
    )
    kind: Kind = Field(description="Weakest kind among the known inputs.")
    source: str = Field(description="Keys of the sources, separated by `; `.")
    where: str = Field(description="Place in the source; empty for a derived figure.")
    missing: tuple[str, ...] = Field(description="Parts for which no figure is known.")


def figure(quantity: Quantity) -> Figure:
    """A quantity as it stands in the report."""
    low, high = quantity.range
    known = quantity.value is not None
    bound: Bound = "at_least" if quantity.at_least else "none"
    return Figure(
        value=quantity.value,
        unit=quantity.unit,
        low=low if known else None,
        high=high if math.isfinite(high) else None,
        known_high=(quantity.value if quantity.high is None else quantity.high) if known else None,
        bound=bound if known else "unknown",
        kind=quantity.kind,
        source=quantity.source,
        where=quantity.where,
        missing=quantity.unknown_parts,
    )


def number(value: float) -> Number:
    """An integer where the value is one: counts read as counts."""
    return int(value) if float(value).is_integer() else float(value)
