"""The best point under limits, and why there is none.

Limits are those of budgets.toml: a figure's name with `max` or `min`. A figure that nobody knows is
within no limit. A lower bound below a `max` is taken as within, and said to be unproven.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from nmcompile.budget.budgets import Limit
from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean
from nmcompile.explore.measures import MEASURES, Measure
from nmcompile.explore.schema import Best, Row

__all__ = ["best_of", "limits_of", "measure_named"]

Limits = Mapping[str, Limit]


def measure_named(name: str, option: str) -> Measure:
    """A figure by its name.

    Raises:
        NmError: NM0001 when there is none.
    """
    if name in MEASURES:
        return MEASURES[name]
    raise NmError(
        Diagnostic(
            code="NM0001",
            message=f"there is no figure `{name}`",
            where=option,
            help=(did_you_mean(name, list(MEASURES), "figures"),),
        )
    )


def limits_of(most: Iterable[str], least: Iterable[str]) -> dict[str, Limit]:
    """Limits from `cores=128`.

    Args:
        most: what may not be exceeded. least: what has to be reached.

    Raises:
        NmError: NM0001 for an unknown figure or what is not a number.
    """
    found: dict[str, dict[str, float]] = {}
    for option, key, texts in (("--max", "max", most), ("--min", "min", least)):
        for text in texts:
            name, _, number = text.partition("=")
            measure = measure_named(name.strip(), option)
            try:
                found.setdefault(measure.name, {})[key] = float(number)
            except ValueError:
                raise NmError(
                    Diagnostic(
                        code="NM0001",
                        message="a limit is not a number",
                        where=option,
                        limit="NAME=NUMBER, in the unit of the name",
                        found=text,
                    )
                ) from None
    return {name: Limit(**values) for name, values in found.items()}


def best_of(rows: Sequence[Row], limits: Limits, by: str) -> Best | None:
    """The point that is best in `by` among those within all limits; None when none is done.

    Of equals the one with less energy, then fewer cores, then the first of the grid.
    """
    done = [row for row in rows if row.status == "done"]
    if not done:
        return None
    within = [r for r in done if r.figures.get(by) is not None and not _beyond(r, limits)]
    plain = {name: limit.model_dump(exclude_none=True) for name, limit in limits.items()}
    if not within:
        reasons = tuple(_reasons(done, limits, by))
        return Best(by=by, limits=plain, point=None, alike=(), unproven=(), reasons=reasons)
    order = (by, "energy_per_frame_j", "cores")
    best = min(within, key=lambda row: [_cost(row, name) for name in order])
    unproven = tuple(name for name in limits if _is_unproven(best, name, limits[name]))
    alike = sorted(
        (row for row in within if row is not best and _is_alike(best, row, by)),
        key=lambda row: [_cost(row, name) for name in order[1:]],
    )
    return Best(
        by=by,
        limits=plain,
        point=best.point,
        alike=tuple(row.point for row in alike),
        unproven=unproven,
        reasons=(),
    )


def _is_alike(best: Row, row: Row, by: str) -> bool:
    """Whether two accuracies differ by less than their standard errors, taken as independent."""
    one, two = best.accuracy, row.accuracy
    if one is None or two is None or one.measure != by:
        return False
    if one.standard_error is None or two.standard_error is None:
        return False
    return abs(one.mean - two.mean) < math.hypot(one.standard_error, two.standard_error)


def _cost(row: Row, name: str) -> float:
    """Smaller is better; what is not known comes last."""
    value = row.figures.get(name)
    if value is None:
        return float("inf")
    return value if MEASURES[name].better == "lower" else -value


def _beyond(row: Row, limits: Limits) -> list[str]:
    return [name for name, limit in limits.items() if not _holds(row.figures.get(name), limit)]


def _holds(value: float | None, limit: Limit) -> bool:
    if value is None:
        return False
    return not (
        (limit.max is not None and value > limit.max)
        or (limit.min is not None and value < limit.min)
    )


def _is_unproven(row: Row, name: str, limit: Limit) -> bool:
    """Whether the figure is a bound that leaves the other side of the limit open."""
    bound = row.bounds.get(name)
    return (bound == "at_least" and limit.max is not None) or (
        bound == "at_most" and limit.min is not None
    )


def _reasons(done: Sequence[Row], limits: Limits, by: str) -> Iterable[str]:
    """Limit by limit: how many points hold it, and how near the nearest comes."""
    unknown = sum(row.figures.get(by) is None for row in done)
    if unknown:
        yield f"{by} is not known for {unknown} of {len(done)} points"
    alone = True
    for name, limit in limits.items():
        measure = MEASURES[name]
        held = sum(_holds(row.figures.get(name), limit) for row in done)
        for key, wanted in limit.model_dump(exclude_none=True).items():
            known = [(v, r) for r in done if (v := r.figures.get(name)) is not None]
            text = f"{name} {'at most' if key == 'max' else 'at least'} {measure.text(wanted)}"
            if not known:
                yield f"{text}: not known for any point"
                continue
            value, row = (min if key == "max" else max)(known, key=lambda pair: pair[0])
            yield f"{text}: {held} of {len(done)} points; {measure.text(value)} at {row.label}"
        alone = alone and held > 0
    if alone and len(limits) > 1:
        near = min(done, key=lambda row: len(_beyond(row, limits)))
        missed = ", ".join(
            f"{name} = {MEASURES[name].text(near.figures.get(name))}"
            for name in _beyond(near, limits)
        )
        yield f"each limit has points within it, but none is within all: {near.label} has {missed}"
