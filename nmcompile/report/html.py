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
    cost_tables,
    design_tables,
    floorplan,
    provenance_tables,
    svg,
    text,
    ticks,
    verdict,
)
from nmcompile.report.figure import Figure
from nmcompile.report.judgement import Judgement
from nmcompile.report.schema import Report

if TYPE_CHECKING:
    from jinja2 import Environment

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
        layers=layer_bars(report),
        timelines=ticks.timelines(report),
        plans=[
            floorplan.drawn_plan(network.network, network.floor_plan)
            for network in report.mapping.networks
            if network.floor_plan is not None
        ],
        shades=range(1, floorplan.SHADES + 1),
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
    several = len({row.step for row in rows}) > 1
    note = cost_tables.neuron_note(report)
    return tuple(
        Bar(
            label=f"{row.step}: {row.layer}" if several else row.layer,
            drawing=svg.bar(
                [("c-synapse", row.synapse), ("c-neuron", row.neuron)], row.total, scale
            ),
            figure=datum(f"energy.layers.{index}.total", row.total),
            parts=(
                ("synapses", datum(f"energy.layers.{index}.synapse", row.synapse)),
                (
                    "neurons",
                    Datum(
                        f"energy.layers.{index}.neuron.value",
                        row.neuron.value,
                        note or text.figure_text(row.neuron),
                    ),
                ),
            ),
            detail=_detail(row.total, ""),
        )
        for index, row in enumerate(rows)
    )


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
    )
    return environment
