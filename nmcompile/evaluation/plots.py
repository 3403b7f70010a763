"""Plots of an evaluation: success, precision and accuracy against T, as PNG and SVG.

Drawn from `results.json` alone, and the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nmcompile.evaluation.ope import PRECISION_THRESHOLDS, SUCCESS_THRESHOLDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PLOTS", "write_plots"]

Figures = Mapping[str, Any]

PLOTS: Final = ("success", "precision", "latency")
COLOURS: Final = ("#1f5fa8", "#d4691e", "#2e8b63", "#8253a8", "#b8354f", "#6b6b1f")
BASELINE: Final = "#8a8a8a"
_DASHES: Final = ("--", ":", "-.")
_STYLE: Final[dict[Any, Any]] = {
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "axes.edgecolor": "#555555",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "nmcompile",
    "svg.fonttype": "none",
}


def write_plots(results: Figures, folder: Path) -> tuple[Path, ...]:
    """Draw what the protocols of `results` allow; returns the files."""
    from matplotlib import rc_context

    protocols = results["protocols"]
    title = f"{results['builds'][0]['model']['name']}, {_dataset(results)}"
    written: list[Path] = []
    with rc_context(_STYLE):
        if "ope" in protocols:
            rows = protocols["ope"]["rows"]
            written += _save(_success(rows, title), folder / PLOTS[0])
            written += _save(_precision(rows, title), folder / PLOTS[1])
        timed = {n: protocols[n] for n in ("latency", "latency-restart") if n in protocols}
        if timed:
            written += _save(_latency(timed, title), folder / PLOTS[2])
    return tuple(written)


def _success(rows: Sequence[Figures], title: str) -> Figure:
    figure, axes = _canvas(title)
    for row, style in zip(rows, _styles(rows), strict=True):
        name = f"{row['label']}  {_figure(row['auc'])}"
        axes.plot(SUCCESS_THRESHOLDS, row["success_curve"], label=name, **style)
    axes.set(xlabel="overlap threshold", ylabel="success rate", xlim=(0, 1), ylim=(0, 1.02))
    _legend(figure, "AUC ± standard error")
    return figure


def _precision(rows: Sequence[Figures], title: str) -> Figure:
    figure, axes = _canvas(title)
    for row, style in zip(rows, _styles(rows), strict=True):
        name = f"{row['label']}  {_figure(row['precision_20px'])}"
        axes.plot(PRECISION_THRESHOLDS, row["precision_curve"], label=name, **style)
    axes.axvline(20.0, color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set(xlabel="centre error threshold (pixels)", ylabel="precision", xlim=(0, 50))
    axes.set_ylim(0, 1.02)
    _legend(figure, "at 20 pixels ± standard error")
    return figure


def _latency(timed: Mapping[str, Figures], title: str) -> Figure:
    """One panel per protocol: figure against T with error bars, float as a line."""
    from matplotlib.figure import Figure as NewFigure

    measures = {
        "latency": ("correlation", "correlation with the float response"),
        "latency-restart": ("mean_iou", "mean IoU, restart every 25 frames"),
    }
    figure = NewFigure(figsize=(6.2, 3.6 * len(timed) + 0.3), layout="constrained")
    panels = figure.subplots(len(timed), 1, squeeze=False, sharex=True)[:, 0]
    figure.suptitle(title, x=0.02, ha="left", fontsize=11)
    for axes, (name, protocol) in zip(panels, timed.items(), strict=True):
        key, label = measures[name]
        builds = dict.fromkeys(row["build"] for row in protocol["rows"])
        for build, colour in zip(builds, COLOURS, strict=False):
            rows = [r for r in protocol["rows"] if r["build"] == build and "timesteps" in r]
            floats = [r for r in protocol["rows"] if r["build"] == build and "timesteps" not in r]
            axes.errorbar(
                [r["timesteps"] for r in rows],
                [r[key]["mean"] for r in rows],
                yerr=[_known(r[key]["within"]) for r in rows],
                color=colour,
                marker="o",
                markersize=4,
                capsize=3,
                label=build or "integer",
            )
            if name == "latency-restart" and floats:
                style = {"color": colour, "linestyle": "--", "linewidth": 1.0}
                axes.axhline(floats[0][key]["mean"], **style, label=f"{build} float".strip())
        axes.set_ylabel(label)
    handles, labels = panels[-1].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside lower left", ncols=2)
    panels[-1].set_xlabel("timesteps T (error bars: standard error on these sequences)")
    panels[-1].set_xlim(0, 1.04 * max(r.get("timesteps", 0) for r in rows))
    return figure


def _legend(figure: Figure, title: str) -> None:
    """Below the plot, where no curve runs."""
    figure.legend(title=title, loc="outside lower left", ncols=2, alignment="left")


def _canvas(title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(6.2, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11)
    return figure, axes


def _styles(rows: Sequence[Figures]) -> list[dict[str, Any]]:
    """Colours for configurations, grey dashes for baselines; later lines dashed over earlier."""
    styles: list[dict[str, Any]] = []
    shown = hidden = 0
    for row in rows:
        if row["baseline"]:
            styles.append({"color": BASELINE, "linestyle": _DASHES[hidden % 3], "linewidth": 1.4})
            hidden += 1
        else:
            style = {"color": COLOURS[shown % len(COLOURS)]}
            styles.append({**style, "linestyle": "-" if shown == 0 else (0, (5, 1.5))})
            shown += 1
    return styles


def _known(error: float | None) -> float:
    """An error bar's length; an unknown one is not drawn."""
    return float("nan") if error is None else error


def _figure(estimate: Figures) -> str:
    errors = [e for e in (estimate["within"], estimate["between"]) if e is not None]
    return f"{estimate['mean']:.3f}" + (f" ± {max(errors):.3f}" if errors else "")


def _dataset(results: Figures) -> str:
    dataset = results["dataset"]
    count = len(dataset["sequences"])
    return f"{dataset['kind']}:{dataset['name']} ({count} sequence{'s' if count > 1 else ''})"


def _save(figure: Figure, stem: Path) -> list[Path]:
    """PNG and SVG without dates."""
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    figure.savefig(png, dpi=140, metadata={"Software": None})
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg]
