"""The report as one self-contained HTML page: inline style and SVG, no script, no network."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from nmcompile.report import cost_tables, design_tables, floorplan, svg, text, verdict
from nmcompile.report.figure import Figure
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
class Bar:
    """One row of a chart: label, drawing, texts."""

    label: str
    drawing: Markup
    value: str
    detail: str


def render_html(report: Report, pictures: Sequence[Picture] = ()) -> str:
    """Render the page.

    Args:
        report: what to render.
        pictures: frames of a tracked sequence, shown as a strip.
    """
    page = _environment().get_template("report.html.j2")
    return page.render(
        report=report,
        pictures=pictures,
        chip=verdict.chip_name(report),
        verdict=verdict.verdict_line(report),
        summary=verdict.summary_line(report),
        cost=cost_tables,
        design=design_tables,
        components=component_bars(report),
        layers=layer_bars(report),
        timelines=[
            (step.step, svg.timeline(step.tick_seconds, f"length of every tick of {step.step}"))
            for step in report.timing.steps
            if len(set(step.tick_seconds)) > 1  # a clock's ticks are all alike
        ],
        plans=[
            (network, floorplan.plans(network.floor_plan), floorplan.busiest(network.floor_plan))
            for network in report.mapping.networks
            if network.floor_plan is not None
        ],
    )


def component_bars(report: Report) -> tuple[Bar, ...]:
    """Energy by component, the total last."""
    section = report.energy
    scale = svg.scale_of([section.total])
    rows = [(text.COMPONENT_NAMES[c.name], c.name, c.figure, c.note) for c in section.components]
    return tuple(
        Bar(
            label=label,
            drawing=svg.bar([(f"c-{name}", figure)], figure, scale),
            value=text.part_text(figure, note),
            detail=_detail(figure, note),
        )
        for label, name, figure, note in (*rows, ("total", "total", section.total, ""))
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
            value=text.figure_text(row.total),
            detail=f"synapses {text.figure_text(row.synapse)}, neurons "
            + (note or text.figure_text(row.neuron)),
        )
        for row in rows
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
    )
    return environment
