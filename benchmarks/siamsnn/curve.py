"""Fidelity against synaptic operations: how cheap can the spiking tracker get?

For every T the integer network answers the same jittered search crops as the float tracker.
Operations are those of one search crop, beside the float network's multiply-accumulates.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import common
import numpy as np
from table3 import conv_macs, flops

from nmcompile.build.execute import reference_executor
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.fidelity import DEFAULT_CROPS, compare, observe, sample_crops
from nmcompile.evaluation.response_maps import tracker_params
from nmcompile.ir.program import Program
from nmcompile.passes.recipe import Recipe

TIMESTEPS = (5, 10, 20) if common.QUICK else (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 32)
MODELS = ("siamsnn",) if common.QUICK else ("siamsnn", "fdsiamfc_30", "siamfc_3s")
CROPS = 10 if common.QUICK else DEFAULT_CROPS
GOALS = {("siamsnn", 5): 0.90} | {(m, t): g for m in MODELS for t, g in ((10, 0.95), (20, 0.96))}
SHORT = 10
"""Third-party weights carry no scales: a train of at most so many timesteps wants smaller ones."""


def recipe(model: str, timesteps: int) -> Recipe:
    """The scales that the shipped checkpoint carries; percentiles of photographs for the others."""
    if model == "siamsnn":
        return Recipe(timesteps=timesteps)
    return Recipe(timesteps=timesteps, percentile=99.0 if timesteps <= SHORT else 99.5)


def main() -> None:
    """Print one table per model, draw the curves, write curve.json."""
    sequences = common.sequences()
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as scratch:
        for model in MODELS:
            path = common.checkpoint(model, Path(scratch))
            rows += measure(model, path, sequences)
    for model in MODELS:
        print(f"\n{model}: float network {first(rows, model)['float_macs']:.3e} MAC per crop")
        print(table([r for r in rows if r["model"] == model]))
    draw(rows)
    figures = [
        common.figure(
            f"fidelity {r['model']} T={r['timesteps']}",
            r["correlation"],
            "1",
            goal=GOALS.get((str(r["model"]), int(str(r["timesteps"])))),
        )
        for r in rows
    ]
    common.write_result("curve", figures, rows)


def measure(model: str, path: Path, sequences: list[VideoSequence]) -> list[dict[str, object]]:
    """One row per T."""
    rows: list[dict[str, object]] = []
    floats = common.programs(path, recipe(model, TIMESTEPS[0]))["float"]
    params = tracker_params(floats)
    crops = sample_crops(sequences, params, CROPS)
    reference = observe(reference_executor(floats), crops)
    for timesteps in TIMESTEPS:
        integer: Program = common.programs(path, recipe(model, timesteps))["integer"]
        found = compare(reference, observe(reference_executor(integer), crops))
        rows.append(
            {
                "model": model,
                "timesteps": timesteps,
                "percentile": recipe(model, timesteps).percentile,
                "correlation": round(found.correlation.mean, 4),
                "within": round(found.correlation.within or 0.0, 4),
                "hit16": round(found.hit16.mean, 4),
                "float_hit16": round(found.reference_hit16.mean, 4),
                "sops": found.sops_per_crop,
                "first_layer_macs": conv_macs(floats.network("search"))[0][0],
                "float_macs": flops(floats.network("search"))[0],
            }
        )
        print(rows[-1], flush=True)
    return rows


def spent(row: dict[str, object]) -> float:
    """Operations of one crop, the first layer's included, per multiply-accumulate of the float."""
    total = float(str(row["sops"])) + float(str(row["first_layer_macs"]))
    return total / float(str(row["float_macs"]))


def first(rows: list[dict[str, object]], model: str) -> dict[str, object]:
    """The first row of a model."""
    return next(r for r in rows if r["model"] == model)


def table(rows: list[dict[str, object]]) -> str:
    """T, fidelity with its error, hits, operations and their ratio to the float network's."""
    header = ("T", "fidelity", "hit16 (float)", "SOPs / crop", "+ conv1 MACs", "sum / float MACs")
    body = (
        (
            r["timesteps"],
            f"{r['correlation']:.3f} ± {r['within']:.3f}",
            f"{r['hit16']:.2f} ({r['float_hit16']:.2f})",
            f"{float(str(r['sops'])):.3e}",
            f"{float(str(r['first_layer_macs'])):.2e}",
            f"{spent(r):.2f}",
        )
        for r in rows
    )
    return common.markdown(header, body)


def draw(rows: list[dict[str, object]]) -> None:
    """curve.svg: fidelity over SOPs / float MACs, T written beside every point."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "nmcompile"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.0, 4.2))
    for model in MODELS:
        mine = [r for r in rows if r["model"] == model]
        x = np.array([spent(r) for r in mine])
        y = np.array([float(str(r["correlation"])) for r in mine])
        error = np.array([float(str(r["within"])) for r in mine])
        axes.errorbar(x, y, yerr=error, marker="o", markersize=4, capsize=2, label=model)
        for r, a, b in zip(mine, x, y, strict=True):
            axes.annotate(f"{r['timesteps']}", (a, b), (3, -10), textcoords="offset points", size=7)
    axes.axvline(1.0, color="0.6", linewidth=0.8)
    axes.axhline(0.9, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("synaptic operations + conv1 MACs of a crop / MACs of the float network")
    axes.set_ylabel("fidelity (correlation of responses)")
    axes.legend(loc="lower right")
    figure.tight_layout()
    name = "curve-quick.svg" if common.QUICK else "curve.svg"
    figure.savefig(common.HERE / name, metadata={"Date": None})


if __name__ == "__main__":
    main()
