"""The report as one self-contained HTML page: inline style and SVG, no network.

A short inline script names the core under the pointer; without it the page reads the same.
Figures carry their full precision and their place in report.json (`<data>` elements).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from nmcompile.report import (
    bottlenecks,
    cost_tables,
    design_tables,
    floorplan,
    host_table,
    network_table,
    provenance_tables,
    svg,
    text,
    ticks,
    verdict,
)
from nmcompile.report.common_plan import common_plan
from nmcompile.report.figure import Figure
from nmcompile.report.judgement import Judgement
from nmcompile.report.schema import Report

if TYPE_CHECKING:
    from jinja2 import Environment

MANY_NETWORKS: Final = 8
"""Above this a table of networks leads the page, and what stands network by network is folded."""
MOST_BARS: Final = 24
HEAVIEST: Final = 12
"""Of more than `MOST_BARS` layers so many are drawn, and the others folded."""
MOST_ROWS: Final = 40
"""Longer tables are folded."""
_PARTS: Final = re.compile(r"[^_.]*[_.]|[^_.]+")
_MICRO: Final = re.compile(r"(?<=\d) u(?=[JsW]\b)")


@dataclass(frozen=True, slots=True)
class Picture:
    """A tracked frame for the page; it is not part of report.json.

    Attributes:
        data: the encoded picture.
        caption: what it shows.
        media_type: "image/png" or "image/jpeg".
    """

    data: bytes
    caption: str
    media_type: str = "image/jpeg"

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Datum:
    """A figure as text, with its full precision and its place in report.json."""

    path: str
    exact: float | None
    text: str

    @property
    def value(self) -> str:
        """For the element's attribute; nothing where the figure is unknown."""
        return "" if self.exact is None else repr(self.exact)


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a chart.

    Attributes:
        label: its name. drawing: the bar.
        figure: what the bar shows. parts: (name, figure) of what it is made of.
        detail: what else is to be said.
    """

    label: str
    drawing: Markup
    figure: Datum
    parts: tuple[tuple[str, Datum], ...] = ()
    detail: str = ""


def render_html(
    report: Report,
    pictures: Sequence[Picture] = (),
    *,
    manifest: Mapping[str, Any] | None = None,
    judgement: Judgement | None = None,
) -> str:
    """Render the page.

    Args:
        report: what to render.
        pictures: frames of a tracked sequence, shown as a strip.
        manifest: of the build folder; adds versions and files.
        judgement: what budgets say.
    """
    page = _environment().get_template("report.html.j2")
    many = len(report.mapping.networks) > MANY_NETWORKS
    return page.render(
        report=report,
        pictures=pictures,
        manifest=manifest,
        judgement=judgement,
        chip=verdict.chip_name(report),
        verdict=verdict.verdict_line(report),
        summary=verdict.summary_line(report),
        cost=cost_tables,
        design=design_tables,
        provenance=provenance_tables,
        datum=datum,
        components=tuple(component_bars(report)),
        layers=_heaviest(layer_bars(report)),
        timelines=ticks.timelines(report),
        plans=_plans(report, together=many),
        many=many,
        limits=bottlenecks.bottlenecks(report),
        network_columns=network_table.COLUMNS,
        network_rows=network_table.network_rows(report) if many else (),
        host=host_table,
        most_rows=MOST_ROWS,
        shades=range(1, floorplan.SHADES + 1),
    )


def _plans(report: Report, *, together: bool) -> tuple[floorplan.Plan, ...]:
    """The floor plans: one for all networks where that is asked for and they share no core."""
    networks = [n for n in report.mapping.networks if n.floor_plan is not None]
    common = common_plan(networks) if together else None
    if common is not None:
        return (floorplan.drawn_plan(f"{len(networks)} networks", common),)
    return tuple(
        floorplan.drawn_plan(network.network, network.floor_plan)
        for network in networks
        if network.floor_plan is not None
    )


def datum(path: str, figure: Figure) -> Datum:
    """A figure of the report; `path` leads to it."""
    return Datum(f"{path}.value", figure.value, text.figure_text(figure))


def component_bars(report: Report) -> Iterator[Bar]:
    """Energy by component, the total last."""
    section = report.energy
    scale = svg.scale_of([section.total])
    for index, part in enumerate(section.components):
        path = f"energy.components.{index}.figure.value"
        yield Bar(
            label=text.COMPONENT_NAMES[part.name],
            drawing=svg.bar([(f"c-{part.name}", part.figure)], part.figure, scale),
            figure=Datum(path, part.figure.value, text.part_text(part.figure, part.note)),
            detail=_detail(part.figure, part.note),
        )
    yield Bar(
        label="total",
        drawing=svg.bar([("c-total", section.total)], section.total, scale),
        figure=datum("energy.total", section.total),
        detail=_detail(section.total, ""),
    )


def layer_bars(report: Report) -> tuple[Bar, ...]:
    """Synapse and neuron energy by layer."""
    rows = report.energy.layers
    scale = svg.scale_of([row.total for row in rows])
    alike = len({row.layer for row in rows}) < len(rows)
    note = cost_tables.neuron_note(report)
    return tuple(
        Bar(
            label=f"{row.step}: {row.layer}" if alike else row.layer,
            drawing=svg.bar(
                [("c-synapse", row.synapse), ("c-neuron", row.neuron)], row.total, scale
            ),
            figure=datum(f"energy.layers.{index}.total", row.total),
            # what all neurons have in common stands below the chart
            parts=()
            if note
            else (
                ("synapses", datum(f"energy.layers.{index}.synapse", row.synapse)),
                ("neurons", datum(f"energy.layers.{index}.neuron", row.neuron)),
            ),
            detail=_detail(row.total, ""),
        )
        for index, row in enumerate(rows)
    )


def _heaviest(bars: tuple[Bar, ...]) -> tuple[tuple[Bar, ...], tuple[Bar, ...]]:
    """What is drawn at once, heaviest first where that is a part, and the others."""
    if len(bars) <= MOST_BARS:
        return bars, ()
    order = sorted(bars, key=lambda bar: -(bar.figure.exact or 0.0))
    return tuple(order[:HEAVIEST]), tuple(order[HEAVIEST:])


def _detail(figure: Figure, note: str) -> str:
    if figure.value == 0:
        return note or "did not happen"
    parts = (text.range_text(figure), figure.kind, text.bound_text(figure))
    return " · ".join(part for part in parts if part and part != "unknown")


def _micro(value: object) -> object:
    """Micro signs for the page; the other renderings stay in ASCII."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _MICRO.sub(" µ", value)


def _breakable(text: str) -> Markup:
    """A name whose lines may end behind an underscore or a dot."""
    return Markup("").join(
        Markup("{}<wbr>").format(part) if part[-1] in "_." else Markup("{}").format(part)
        for part in _PARTS.findall(text)
    )


def _compact_json(value: object) -> Markup:
    """JSON for a script element; a name from a model cannot end the element."""
    packed = json.dumps(value, separators=(",", ":"))
    for mark in "<>&":
        packed = packed.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(packed)  # noqa: S704  # the marks of HTML are gone


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nmcompile.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_micro,
    )
    environment.filters.update(
        figure=text.figure_text,
        spread=text.range_text,
        count=text.count_text,
        percent=text.percent_text,
        significant=text.significant,
        bound=text.bound_text,
        plural=text.plural,
        sentence=text.sentence,
        tojson_compact=_compact_json,
        breakable=_breakable,
    )
    return environment
