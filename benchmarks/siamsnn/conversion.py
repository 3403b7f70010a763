"""What each choice of a conversion costs: fidelity and synaptic operations, one change at a time.

Every recipe converts the same networks; the integer networks answer the same jittered search crops
as the float ones (see `nmcompile.evaluation.fidelity`). Scales come from the crops of photographs
that the shipped checkpoint carries, never from a test sequence.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import common

from nmcompile.build.execute import reference_executor
from nmcompile.evaluation.fidelity import compare, observe, sample_crops
from nmcompile.evaluation.response_maps import tracker_params
from nmcompile.passes.presets import PRESETS
from nmcompile.passes.recipe import Coding, LayerRecipe, Recipe

MODELS = ("fdsiamfc_15",) if common.QUICK else ("fdsiamfc_15", "fdsiamfc_30", "siamsnn")
CROPS = 6 if common.QUICK else 30
"""Recipes answer the same crops, so their differences need fewer of them than absolute figures."""
BASE = Recipe(timesteps=20, percentile=99.9)
SHORT = Recipe(timesteps=5, percentile=99.0)
CONV1 = "backbone.conv1"
Rows = list[dict[str, object]]


def recipes() -> dict[str, Recipe]:
    """Name -> recipe; every group changes one thing."""
    first = {CONV1: LayerRecipe(weight_bits=8)}
    groups = {
        "base: running maximum, split, 99.9, v_init 0.5, T 20": BASE,
        "pooling gate": _with(BASE, pooling="gate"),
        "pooling or": _with(BASE, pooling="or"),
        "pooling average": _with(BASE, pooling="average"),
        "signed output relu": _with(BASE, signed_output="relu"),
        "percentile 99.0": _with(BASE, percentile=99.0),
        "percentile 99.5": _with(BASE, percentile=99.5),
        "percentile 100": _with(BASE, percentile=100.0),
        "v_init 0": _with(BASE, v_init=0.0),
        "v_init 0.25": _with(BASE, v_init=0.25),
        "channel normalisation": _with(BASE, normalisation="channel"),
        "tuned": _with(BASE, tune=True),
        "T 10": _with(BASE, timesteps=10),
        "T 10, percentile 99.0": _with(BASE, timesteps=10, percentile=99.0),
        "T 10, tuned": _with(BASE, timesteps=10, tune=True),
        "T 5": _with(BASE, timesteps=5),
        "T 5, percentile 99.0": SHORT,
        "T 5, percentile 99.0, v_init 0": _with(SHORT, v_init=0.0),
        "T 5, tuned": _with(SHORT, tune=True),
        "T 5, channel normalisation, tuned": _with(SHORT, normalisation="channel", tune=True),
        "4 bits, conv1 8": _with(BASE, weight_bits=4, layers=first),
        "4 bits, step per channel, conv1 8": _with(
            BASE, weight_bits=4, weight_step="channel", layers=first
        ),
        "burst, gamma 0.5": _with(BASE, coding=Coding(name="burst")),
        "burst, gamma 2": _with(BASE, coding=Coding(name="burst", gamma=2.0, burst_length=3)),
        "phase, phase input": _with(BASE, coding=Coding(name="phase"), input_coding="phase"),
        "two-status output": _with(BASE, output_coding=Coding(name="two_status", period=10)),
        "rate input": _with(BASE, input_coding="rate"),
        "preset siamsnn-psm": PRESETS["siamsnn-psm"],
        "preset siamsnn-paper": PRESETS["siamsnn-paper"],
    }
    if common.QUICK:
        names = ("base", "pooling gate", "signed", "T 5, percentile 99.0", "burst, gamma 2")
        return {k: v for k, v in groups.items() if k.startswith(names)}
    return groups


def _with(recipe: Recipe, **changes: object) -> Recipe:
    return recipe.model_copy(update=changes)


def main() -> None:
    """Print one table per model, write conversion.json."""
    models = sys.argv[1:] or MODELS
    sequences = common.sequences()
    rows: Rows = []
    with TemporaryDirectory() as scratch:
        for model in models:
            rows += measure(model, common.checkpoint(model, Path(scratch)), sequences)
            print(f"\n{model}\n{table([r for r in rows if r['model'] == model])}\n", flush=True)
    figures = [
        common.figure(f"fidelity {r['model']} {r['recipe']}", r["correlation"], "1")
        | {"command": "make bench-conversion"}
        for r in rows
    ]
    common.write_result(
        "conversion" if not sys.argv[1:] else f"conversion-{models[0]}", figures, rows
    )


def measure(model: str, path: Path, sequences: list) -> Rows:
    """One row per recipe."""
    floats = common.programs(path, BASE)["float"]
    crops = sample_crops(sequences, tracker_params(floats), CROPS)
    reference = observe(reference_executor(floats), crops)
    rows: Rows = []
    for name, recipe in recipes().items():
        began = time.perf_counter()
        integer = common.programs(path, recipe)["integer"]
        found = compare(reference, observe(reference_executor(integer), crops))
        rows.append(
            {
                "model": model,
                "recipe": name,
                "correlation": round(found.correlation.mean, 4),
                "within": round(found.correlation.within or 0.0, 4),
                "hit16": round(found.hit16.mean, 4),
                "float_hit16": round(found.reference_hit16.mean, 4),
                "sops": found.sops_per_crop,
            }
        )
        print(rows[-1], f"{time.perf_counter() - began:.0f} s", flush=True)
    return rows


def table(rows: Rows) -> str:
    """Fidelity with its error, hits, operations."""
    header = ("recipe", "fidelity", "hit16 (float)", "SOPs / crop")
    body = (
        (
            r["recipe"],
            f"{r['correlation']:.3f} ± {r['within']:.3f}",
            f"{r['hit16']:.2f} ({r['float_hit16']:.2f})",
            f"{float(str(r['sops'])):.3e}",
        )
        for r in rows
    )
    return common.markdown(header, body)


if __name__ == "__main__":
    main()
