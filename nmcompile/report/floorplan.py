"""The chip as a floor plan: one square a core, shaded by what it holds or does.

The shapes of every shading are drawn once; style sheets choose which one is seen. A core's words
come from columns of numbers that the page's script reads; small plans also carry them as titles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from markupsafe import Markup

from nmcompile.report.sections import FloorPlan
from nmcompile.report.table import Table, table
from nmcompile.report.text import DASH, count_text, percent_text, plural

SHADES: Final = 7
MOST_TITLES: Final = 1024
"""Up to so many cores, every core says what it holds without the script."""
BUSIEST: Final = 8
_TITLE: Final = Markup(
    '<rect x="{x}" y="{y}" width="1" height="1"><title>core {n} {words}</title></rect>'
)


@dataclass(frozen=True)
class HeatMap:
    """One shading of a plan.

    Attributes:
        key: for element names.
        title: what the shade means, in a word or two.
        note: the same in a sentence.
        shapes: SVG paths, one a shade.
        high: text of the darkest shade; the palest stands for just above zero.
    """

    key: str
    title: str
    note: str
    shapes: Markup
    high: str


@dataclass(frozen=True)
class Fact:
    """A number of every core.

    Attributes:
        name: what it is. values: by core. allowed: what a core allows, None for no limit.
    """

    name: str
    values: Sequence[float]
    allowed: int | None = None


@dataclass(frozen=True)
class Plan:
    """The plan of one network, ready for the page.

    Attributes:
        network: its name.
        summary: the plan in a sentence.
        mark: margin of the frame around a chosen core, in cores; small cores need a large one.
        view: the part of the drawing with chips that hold cores, as a `viewBox`.
        chips: outlines of the chips that hold cores.
        maps: the shadings.
        titles: a square with words for every core; empty where they are too many.
        data: columns for the page's script.
        busiest: the cores with the most synapse accesses.
    """

    network: str
    summary: str
    mark: float
    view: str
    chips: Markup
    maps: tuple[HeatMap, ...]
    titles: Markup
    data: dict[str, Any]
    busiest: Table


def drawn_plan(network: str, plan: FloorPlan) -> Plan:
    """Draw the plan of one network."""
    facts = core_facts(plan)
    small = len(plan.x) <= MOST_TITLES
    chips = _chips(plan)
    return Plan(
        network=network,
        summary=f"{plural(len(plan.x), 'core')} of {network} on {plural(len(chips), 'chip')}",
        mark=round(max(0.06, plan.columns / 160), 2),
        view=_view(plan, chips),
        chips=_outlines(plan, chips),
        maps=heat_maps(plan),
        titles=_titles(plan, facts) if small else Markup(""),
        data=_data(plan, facts),
        busiest=_busiest(network, plan, facts),
    )


def core_facts(plan: FloorPlan) -> tuple[Fact, ...]:
    """What is known of every core, capacities first."""
    facts = [Fact(_words(use.limit), use.used, use.allowed) for use in plan.uses]
    named = {fact.name for fact in facts}
    further = (
        Fact("neurons", plan.neurons),
        Fact("input axons", plan.axons),
        Fact("spikes sent", plan.spikes),
        Fact("packets received", plan.packets),
        Fact("synapse accesses", plan.sops),
        Fact("busiest link of its router", core_link_load(plan)),
    )
    return (*facts, *(f for f in further if f.values and f.name not in named))


def utilisation(plan: FloorPlan) -> tuple[float, ...]:
    """Share that is taken of what every core has least left of."""
    shares = [[used / use.allowed for used in use.used] for use in plan.uses if use.allowed]
    return tuple(max(own) for own in zip(*shares, strict=True))


def core_link_load(plan: FloorPlan) -> tuple[float, ...]:
    """Packets on the busiest link that leaves the router of every core."""
    if not plan.link_load:
        return ()
    wide, across = plan.router_columns, plan.columns // plan.router_columns
    return tuple(
        plan.link_load[(y // plan.router_rows) * across + x // wide]
        for x, y in zip(plan.x, plan.y, strict=True)
    )


def heat_maps(plan: FloorPlan) -> tuple[HeatMap, ...]:
    """Every shading that the report has figures for."""
    share = utilisation(plan)
    names = ", ".join(_words(use.limit) for use in plan.uses)
    maps = []
    if share:
        note = f"share that a core has taken of what it has least left of, among {names}"
        shapes = _shapes(plan.x, plan.y, share, 1.0)
        maps.append(HeatMap("utilisation", "utilisation", note, shapes, "100 %"))
    for key, title, values, note in (
        ("spikes", "spikes", plan.spikes, "spikes that its neurons send in one inference"),
        ("accesses", "synapse accesses", plan.sops, "synapse accesses of one inference"),
    ):
        if values:
            top = max(values)
            shapes = _shapes(plan.x, plan.y, values, top)
            maps.append(HeatMap(key, title, f"{note}, by core", shapes, count_text(top)))
    if plan.link_load:
        maps.append(_link_map(plan))
    return tuple(maps)


def _link_map(plan: FloorPlan) -> HeatMap:
    """Links belong to routers, which may lie between cores that hold nothing."""
    wide, tall = plan.router_columns, plan.router_rows
    across = plan.columns // wide
    used = [(n % across, n // across, load) for n, load in enumerate(plan.link_load) if load]
    columns = zip(*used, strict=True) if used else ((), (), ())
    x, y, loads = (list(column) for column in columns)
    top = max(loads, default=0)
    shapes = Markup('<g transform="scale({w} {t})">{s}</g>').format(
        w=wide, t=tall, s=_shapes(x, y, loads, top)
    )
    note = "packets of one inference on the busiest of the four links that leave a router"
    return HeatMap("links", "link load", note, shapes, count_text(top))


def _shapes(x: Sequence[float], y: Sequence[float], values: Sequence[float], top: float) -> Markup:
    """One path a shade; its dashes are the squares, so that neighbours cost nothing."""
    squares: dict[int, list[tuple[int, int]]] = {}
    for column, row, value in zip(x, y, values, strict=True):
        squares.setdefault(_shade(value, top), []).append((int(row), int(column)))
    return Markup("").join(
        Markup('<path class="h{s}" d="{d}"/>').format(s=shade, d=_runs(sorted(squares[shade])))
        for shade in sorted(squares)
    )


def _runs(squares: Iterable[tuple[int, int]]) -> str:
    """Squares of one row side by side as one line, every line relative to the end of the last."""
    drawn, last_x, last_y = [], 0, 0
    for _, run in groupby(enumerate(squares), key=lambda at: (at[1][0], at[1][1] - at[0])):
        cells = [square for _, square in run]
        row, column = cells[0]
        drawn.append(f"m{column - last_x} {row - last_y}h{len(cells)}")
        last_x, last_y = column + len(cells), row
    return "".join(drawn)


def _shade(value: float, top: float) -> int:
    """0 for nothing at all, else 1 to `SHADES`."""
    if value <= 0 or top <= 0:
        return 0
    return min(SHADES, 1 + int(SHADES * value / top))


def _chips(plan: FloorPlan) -> dict[tuple[int, int], int]:
    """(row, column) of every chip that holds cores, and how many."""
    found: dict[tuple[int, int], int] = {}
    for x, y in zip(plan.x, plan.y, strict=True):
        place = (y // plan.chip_rows, x // plan.chip_columns)
        found[place] = found.get(place, 0) + 1
    return dict(sorted(found.items()))


def _view(plan: FloorPlan, chips: Iterable[tuple[int, int]]) -> str:
    rows, columns = zip(*chips, strict=True)
    x, y = min(columns) * plan.chip_columns, min(rows) * plan.chip_rows
    width = (max(columns) + 1) * plan.chip_columns - x
    height = (max(rows) + 1) * plan.chip_rows - y
    return f"{x - 0.12:g} {y - 0.12:g} {width + 0.12:g} {height + 0.12:g}"


def _outlines(plan: FloorPlan, chips: dict[tuple[int, int], int]) -> Markup:
    wide, tall = plan.chip_columns, plan.chip_rows
    outline = Markup('<rect x="{x}" y="{y}" width="{w}" height="{h}"/>')
    return Markup("").join(
        outline.format(x=column * wide - 0.06, y=row * tall - 0.06, w=wide, h=tall)
        for row, column in chips
    )


def _titles(plan: FloorPlan, facts: Sequence[Fact]) -> Markup:
    return Markup("").join(
        _TITLE.format(
            x=x,
            y=y,
            n=core,
            words=f"({x}, {y}) {_held(plan, core)}: "
            + ", ".join(f"{fact.name} {_value(fact, core)}" for fact in facts),
        )
        for core, (x, y) in enumerate(zip(plan.x, plan.y, strict=True))
    )


def _data(plan: FloorPlan, facts: Sequence[Fact]) -> dict[str, Any]:
    """What the script needs; link loads stay by router, which is shorter."""
    data: dict[str, Any] = {
        "columns": plan.columns,
        "rows": plan.rows,
        "x": plan.x,
        "y": plan.y,
        "layers": plan.layers,
        "held": plan.held,
        "facts": [
            {"name": f.name, "allowed": f.allowed, "values": f.values}
            for f in facts
            if f.name != "busiest link of its router"
        ],
    }
    if plan.link_load:
        across = plan.columns // plan.router_columns
        data["links"] = {
            "name": "busiest link of its router",
            "wide": plan.router_columns,
            "tall": plan.router_rows,
            "across": across,
            "values": plan.link_load,
        }
    return data


def _busiest(network: str, plan: FloorPlan, facts: Sequence[Fact]) -> Table:
    order = sorted(range(len(plan.x)), key=lambda core: (-plan.sops[core], core))[:BUSIEST]
    share = utilisation(plan)
    return table(
        f"Busiest cores of {network}",
        "core|place|holds" + "|utilisation>" * bool(share) + "".join(f"|{f.name}>" for f in facts),
        (
            (
                str(core),
                f"({plan.x[core]}, {plan.y[core]})",
                _held(plan, core),
                *([percent_text(share[core])] if share else []),
                *(count_text(fact.values[core]) for fact in facts),
            )
            for core in order
        ),
        "the cores with the most synapse accesses, in one inference",
    )


def _held(plan: FloorPlan, core: int) -> str:
    return plan.layers[plan.held[core]] if plan.held else DASH


def _value(fact: Fact, core: int) -> str:
    said = count_text(fact.values[core])
    return said if fact.allowed is None else f"{said} of {count_text(fact.allowed)}"


def _words(limit: str) -> str:
    """`input axons` for the names that targets give to that limit, and no underscores."""
    if limit in ("axons", "in_axons"):
        return "input axons"
    words = limit.replace("_", " ").replace("out axons", "output axons")
    return f"{words.removesuffix(' bytes')} (bytes)" if words.endswith(" bytes") else words
