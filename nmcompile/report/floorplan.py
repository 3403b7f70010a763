"""The chip as a floor plan: one square a core, shaded by what it holds or does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nmcompile.report.sections import FloorPlan
from nmcompile.report.text import count_text

SHADES = 7
_SMALL = 1024
"""Up to so many cores, three plans are shown side by side and every core says what it holds;
above, the plan that matters most, without words on its cores."""
_SQUARE = "M{x} {y}h.88v.88h-.88z"
_CELL = Markup(
    '<rect class="h{s}" x="{x}" y="{y}" width=".88" height=".88"><title>{t}</title></rect>'
)


@dataclass(frozen=True)
class Plan:
    """One shaded plan, ready for the page.

    Attributes:
        title: what the shade means.
        drawing: the SVG.
        high: text of the darkest shade; the palest stands for just above zero.
    """

    title: str
    drawing: Markup
    high: str


def plans(plan: FloorPlan) -> tuple[Plan, ...]:
    """Plans of one network's cores: accesses, packets and neurons (accesses only when large)."""
    shown = [("synapse accesses", plan.sops)]
    if len(plan.core) <= _SMALL:
        shown += [("packets received", plan.packets), ("neurons", plan.neurons)]
    return tuple(
        Plan(
            title,
            _drawing(plan, values, title),
            count_text(max(values, default=0)),
        )
        for title, values in shown
    )


def busiest(plan: FloorPlan, most: int = 8) -> tuple[tuple[str, ...], ...]:
    """The cores with the most synapse accesses: core, place, layers, accesses, packets, neurons."""
    order = sorted(range(len(plan.core)), key=lambda i: (-plan.sops[i], plan.core[i]))[:most]
    return tuple(
        (
            str(plan.core[i]),
            f"({plan.x[i]}, {plan.y[i]})",
            plan.layers[i] if plan.layers else "",
            count_text(plan.sops[i]),
            count_text(plan.packets[i]),
            count_text(plan.neurons[i]),
        )
        for i in order
    )


def _drawing(plan: FloorPlan, values: Sequence[float], title: str) -> Markup:
    top = max(values, default=0)
    cells = (_cells if len(plan.core) <= _SMALL else _areas)(plan, values)
    busy = f"{len(plan.core)} of {plan.columns * plan.rows} cores are used; the highest is "
    label = f"Floor plan, {title} by core: {busy}{count_text(top)}"
    return Markup(
        '<svg class="plan" role="img" aria-label="{label}" viewBox="-.06 -.06 {w} {h}">'
        '<path class="free" d="{free}"/>{cells}<path class="chips" d="{chips}"/></svg>'
    ).format(
        label=label,
        w=plan.columns,
        h=plan.rows,
        free=_free(plan),
        cells=cells,
        chips=_borders(plan),
    )


def _cells(plan: FloorPlan, values: Sequence[float]) -> Markup:
    """One square a core, with what it holds in words."""
    top = max(values, default=0)
    return Markup("").join(
        _CELL.format(s=_shade(value, top), x=plan.x[i], y=plan.y[i], t=_tip(plan, i))
        for i, value in enumerate(values)
    )


def _areas(plan: FloorPlan, values: Sequence[float]) -> Markup:
    """One path a shade: thousands of cores must stay small."""
    top = max(values, default=0)
    squares: dict[int, list[str]] = {shade: [] for shade in range(SHADES + 1)}
    for x, y, value in zip(plan.x, plan.y, values, strict=True):
        squares[_shade(value, top)].append(_SQUARE.format(x=x, y=y))
    return Markup("").join(
        Markup('<path class="h{s}" d="{d}"/>').format(s=shade, d="".join(drawn))
        for shade, drawn in squares.items()
        if drawn
    )


def _free(plan: FloorPlan) -> str:
    """Cores that hold nothing, as one path: 4096 of them must stay small."""
    taken = set(zip(plan.x, plan.y, strict=True))
    return "".join(
        _SQUARE.format(x=x, y=y)
        for y in range(plan.rows)
        for x in range(plan.columns)
        if (x, y) not in taken
    )


def _borders(plan: FloorPlan) -> str:
    across = range(plan.chip_columns, plan.columns, plan.chip_columns)
    down = range(plan.chip_rows, plan.rows, plan.chip_rows)
    return "".join(
        [f"M{x - 0.06:g} 0V{plan.rows}" for x in across]
        + [f"M0 {y - 0.06:g}H{plan.columns}" for y in down]
    )


def _shade(value: float, top: float) -> int:
    """0 for nothing at all, else 1 to `SHADES`."""
    if value <= 0 or top <= 0:
        return 0
    return min(SHADES, 1 + int(SHADES * value / top))


def _tip(plan: FloorPlan, index: int) -> str:
    held = f" {plan.layers[index]}" if plan.layers else ""
    return (
        f"core {plan.core[index]} ({plan.x[index]}, {plan.y[index]}){held}: "
        f"{count_text(plan.neurons[index])} neurons, {count_text(plan.sops[index])} accesses, "
        f"{count_text(plan.packets[index])} packets"
    )
