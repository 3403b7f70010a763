"""The Pareto plot: energy against accuracy, cores against FPS; PNG and SVG, the same bytes always.

Points on a front are filled, joined and named. A thin horizontal line is the range of an energy; an
arrow at its end says that parts have no figure, so that there is no upper end. The dashed line is
the accuracy of the float network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from nmcompile.explore.schema import Exploration, Row
from nmcompile.units import format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PLOT", "write_plot"]

Styles = Mapping[str, dict[str, Any]]

PLOT: Final = "pareto"
COLOURS: Final = ("#1f5fa8", "#d4691e", "#2e8b63", "#8253a8", "#b8354f", "#6b6b1f")
MARKERS: Final = "osD^vP"
FRONT: Final = "#555555"
FLOAT: Final[dict[str, Any]] = {"color": "#555555", "linewidth": 1.0, "linestyle": (0, (4, 3))}
_STYLE: Final[dict[Any, Any]] = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e9e9e9",
    "grid.linewidth": 0.8,
    "axes.edgecolor": "#555555",
    "legend.frameon": False,
    "svg.hashsalt": "nmcompile",
    "svg.fonttype": "none",
}
_WORDS: Final = {"timesteps": "T = {}", "weight_bits": "{} bit", "percentile": "{} %"}
_ACCURACY: Final = {
    "mean_iou": "mean IoU",
    "correlation": "correlation with the float response",
    "response_correlation": "correlation with the float response",
}


def write_plot(found: Exploration, folder: Path) -> tuple[Path, ...]:
    """Draw the points that are done; nothing without any. Returns the files."""
    from matplotlib import rc_context

    rows = [row for row in found.rows if row.status == "done"]
    files = tuple(folder / f"{PLOT}.{kind}" for kind in ("png", "svg"))
    for file in files:
        file.unlink(missing_ok=True)
    if not rows:
        return ()
    with rc_context(_STYLE):
        figure = _figure(found, rows)
        figure.savefig(files[0], dpi=140, metadata={"Software": None})
        figure.savefig(files[1], metadata={"Date": None, "Creator": None})
    return files


def _figure(found: Exploration, rows: Sequence[Row]) -> Figure:
    from matplotlib.figure import Figure as NewFigure
    from matplotlib.lines import Line2D

    figure = NewFigure(figsize=(10.6, 4.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(_title(found), x=0.01, ha="left", fontsize=11)
    styles = _styles(rows)
    _energy(left, found, rows, styles)
    _cores(right, found, rows, styles)
    handles = [
        Line2D([], [], linestyle="none", label=name, **style) for name, style in styles.items()
    ]
    handles.append(Line2D([], [], color=FRONT, linewidth=1.0, label="Pareto front (filled points)"))
    if found.reference is not None:
        handles.append(Line2D([], [], label="float network", **FLOAT))
    figure.legend(handles=handles, loc="outside lower left", ncols=7)
    return figure


def _energy(axes: Axes, found: Exploration, rows: Sequence[Row], styles: Styles) -> None:
    """Energy against accuracy, with the range of the one and the error of the other."""
    points = {}
    bounded = False
    for row in rows:
        x = row.figures.get("energy_per_frame_j")
        if x is None or row.accuracy is None:
            continue
        y = row.accuracy.mean
        points[row.point] = (x, y)
        thin: dict[str, Any] = {"color": styles[row.target]["color"], "alpha": 0.45, "zorder": 1}
        ends = [end for end in (row.energy_low_j, x, row.energy_high_j) if end is not None]
        axes.plot([min(ends), max(ends)], [y, y], linewidth=0.9, **thin)
        if row.accuracy.standard_error is not None:
            axes.errorbar(x, y, yerr=row.accuracy.standard_error, capsize=2, linewidth=0.9, **thin)
        if row.bounds.get("energy_per_frame_j") == "at_least":
            bounded = True
            axes.plot([max(ends)], [y], marker=">", markersize=4, linestyle="none", **thin)
    if found.reference is not None:
        axes.axhline(found.reference.mean, **FLOAT)
    _points(axes, found, rows, points, found.fronts.energy_accuracy, styles)
    measure = next((r.accuracy.measure for r in rows if r.accuracy), "accuracy")
    axes.set_xlabel("energy per frame" + (" (arrow: parts have no figure)" if bounded else ""))
    known = any(r.accuracy and r.accuracy.standard_error is not None for r in rows)
    axes.set_ylabel(_ACCURACY.get(measure, measure) + (" (± standard error)" if known else ""))
    _logarithmic(axes, "x", [x for x, _ in points.values()], "J")


def _cores(axes: Axes, found: Exploration, rows: Sequence[Row], styles: Styles) -> None:
    """Cores against frames per second."""
    points = {}
    for row in rows:
        x, y = row.figures.get("cores"), row.figures.get("fps")
        if x is not None and y is not None:
            points[row.point] = (x, y)
    _points(axes, found, rows, points, found.fronts.cores_fps, styles)
    axes.set_xlabel("cores")
    axes.set_ylabel("frames per second of the chip alone")
    _logarithmic(axes, "x", [x for x, _ in points.values()], "1")
    _logarithmic(axes, "y", [y for _, y in points.values()], "1")


def _points(
    axes: Axes,
    found: Exploration,
    rows: Sequence[Row],
    points: Mapping[str, tuple[float, float]],
    front: Sequence[str],
    styles: Styles,
) -> None:
    """Points, those of the front filled, joined by steps and named."""
    varied = [n for n in found.axes if len({r.choices.get(n) for r in found.rows}) > 1]
    for row in rows:
        if row.point not in points:
            continue
        on_front = row.point in front
        fill = {} if on_front else {"markerfacecolor": "white"}
        x, y = points[row.point]
        axes.plot(
            [x],
            [y],
            linestyle="none",
            zorder=4 if on_front else 3,
            **{**styles[row.target], **fill},
        )
    steps = [points[name] for name in front]
    axes.step([x for x, _ in steps], [y for _, y in steps], where="post", color=FRONT, zorder=2,
              linewidth=1.0)  # fmt: skip
    named = {row.point: _name(row, varied) for row in rows}
    for place, names in _same_place(points, front).items():
        text = "\n".join(dict.fromkeys(named[name] for name in names if named[name]))
        axes.annotate(text, place, xytext=(6, -4), textcoords="offset points", fontsize=8.0,
                      color="#333333", va="top", zorder=4)  # fmt: skip


def _same_place(
    points: Mapping[str, tuple[float, float]], front: Sequence[str]
) -> dict[tuple[float, float], list[str]]:
    places: dict[tuple[float, float], list[str]] = {}
    for name in front:
        places.setdefault(points[name], []).append(name)
    return places


def _name(row: Row, varied: Iterable[str]) -> str:
    chosen = ((name, row.choices[name]) for name in varied if name in row.choices)
    return ", ".join(_WORDS.get(name, "{}").format(value) for name, value in chosen)


def _styles(rows: Sequence[Row]) -> Styles:
    """A colour and a marker per target."""
    names = list(dict.fromkeys(row.target for row in rows))
    return {
        name: {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        for i, name in enumerate(names)
    }


def _logarithmic(axes: Axes, which: Literal["x", "y"], values: Sequence[float], unit: str) -> None:
    """A logarithmic axis where the figures spread widely; ticks with SI prefixes."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    known, digits = [value for value in values if value > 0.0], 3
    if known and len(known) == len(values) and max(known) > 3.0 * min(known):
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        wide = max(known) > 100.0 * min(known)
        axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        axis.set_minor_formatter(NullFormatter())
        digits = 1  # 50 uJ, not 50.0 uJ: its ticks have one digit
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_si(value, unit, digits)))
    axes.margins(0.14)


def _title(found: Exploration) -> str:
    dataset = found.dataset
    text = f"{found.model}: fidelity to the float network"
    if dataset is not None:
        count = len(dataset.sequences)
        text = (
            f"{found.model}, {dataset.kind}:{dataset.name} ({count} sequence{'s' * (count > 1)}, "
            f"{dataset.protocol}, {dataset.level})"
        )
    missing = sum(row.status != "done" for row in found.rows)
    return text + (f"; {missing} of {len(found.rows)} points have no figures" if missing else "")
