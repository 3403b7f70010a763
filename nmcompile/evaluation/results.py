"""`results.json`: the finished parts of an evaluation as figures with errors and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from nmcompile import __version__
from nmcompile.build.deployment import Deployment
from nmcompile.datasets.layouts import Entry
from nmcompile.evaluation import summaries
from nmcompile.evaluation.estimates import jackknife
from nmcompile.evaluation.fidelity import Observed
from nmcompile.evaluation.parts import from_json
from nmcompile.evaluation.run import SEEDS, Plan, Row
from nmcompile.evaluation.tasks import Result
from nmcompile.evaluation.variants import SHUFFLED, STATIC
from nmcompile.evaluation.vot import Run, expected_overlap_curve, score

__all__ = ["SCHEMA_VERSION", "assemble"]

SCHEMA_VERSION: Final = 1
DIGITS: Final = 6

Figures = dict[str, Any]
Results = Mapping[str, Result]


def assemble(plan: Plan, results: Results) -> Figures:
    """Everything that an evaluation found, as deterministic JSON (floats of six digits).

    Args:
        plan: what was done.
        results: by part digest, as `run_parts` returns them.
    """
    request = plan.request
    tables = {
        "ope": _ope,
        "restart": _restart,
        "fidelity": _fidelity,
        "vot": _vot,
        "latency": _fidelity,
        "latency-restart": _restart,
    }
    protocols = {
        name: tables[name]([row for row in plan.rows if row.protocol == name], results)
        for name in dict.fromkeys(row.protocol for row in plan.rows)
    }
    body = {
        "schema_version": SCHEMA_VERSION,
        "nmcompile": __version__,
        "builds": [_build(folder) for folder in request.builds],
        "dataset": {
            "kind": plan.collection.kind,
            "name": plan.collection.name,
            "sequences": [_sequence(entry) for entry in plan.collection.entries],
        },
        "options": {
            "levels": list(request.levels),
            "baselines": request.baselines,
            "crops": request.crops,
            "seed": request.seed,
            "latencies": list(request.latencies),
        },
        "protocols": protocols,
    }
    rounded: Figures = _rounded(body)
    return rounded


def _ope(rows: Sequence[Row], results: Results) -> Figures:
    return _table(
        rows,
        results,
        summaries.followed,
        lambda scores, _, flat: summaries.ope_row(scores, flat),
        summaries.ope_paired,
    )


def _restart(rows: Sequence[Row], results: Results) -> Figures:
    return _table(
        rows,
        results,
        summaries.segment_values,
        lambda scores, names, flat: summaries.restart_row(scores, names, flat),
        summaries.restart_paired,
    )


def _table(
    rows: Sequence[Row],
    results: Results,
    judge: Callable[[Entry, Sequence[Result]], Any],
    figures: Callable[[list[Any], list[str], list[Result]], Figures],
    compare: Callable[[list[Any], list[Any]], Figures],
) -> Figures:
    """Judge every sequence of every row, sum up the rows, compare them."""
    judged = []
    found = []
    for row in rows:
        entries = [parts[0].entry for parts in row.parts]
        outcome = [[results[part.digest] for part in parts] for parts in row.parts]
        scores = [judge(e, r) for e, r in zip(entries, outcome, strict=True)]
        flat = [result for several in outcome for result in several]
        judged.append(scores)
        found.append({**_head(row), **figures(scores, [e.name for e in entries], flat)})
    pairs = [
        {**_labels(rows, first, second), **compare(judged[first], judged[second])}
        for first, second in _compared(rows)
    ]
    return {"rows": found, "paired": pairs}


def _fidelity(rows: Sequence[Row], results: Results) -> Figures:
    seen: list[Observed] = []
    for row in rows:
        parts = [part for several in row.parts for part in several]
        seen.append(
            summaries.observed([p.entry for p in parts], [results[p.digest] for p in parts])
        )
    floats = {row.variant.build: o for row, o in zip(rows, seen, strict=True) if _is_float(row)}
    found = [
        {**_head(row), **summaries.fidelity_row(floats[row.variant.build], other)}
        for row, other in zip(rows, seen, strict=True)
    ]
    pairs = []
    converted = [i for i, row in enumerate(rows) if not _is_float(row)]
    for i, k in _compared([rows[index] for index in converted]):
        first, second = converted[i], converted[k]  # with float each row is compared already
        if rows[first].variant.timesteps != rows[second].variant.timesteps:
            continue  # the curve shows them
        one = (floats[rows[first].variant.build], seen[first])
        two = (floats[rows[second].variant.build], seen[second])
        pairs.append({**_labels(rows, first, second), **summaries.fidelity_paired(one, two)})
    return {"rows": found, "paired": pairs}


def _vot(rows: Sequence[Row], results: Results) -> Figures:
    found = []
    for row in rows:
        runs = [_run(results[part.digest]) for parts in row.parts for part in parts]
        names = [part.entry.name for parts in row.parts for part in parts]
        whole = score(runs)
        by_sequence = [
            runs[i : i + len(row.parts[0])] for i in range(0, len(runs), len(row.parts[0]))
        ]

        def error(figure: str, groups: list[list[Run]] = by_sequence) -> float | None:
            return jackknife(
                groups, lambda some: getattr(score([r for g in some for r in g]), figure)
            )

        found.append(
            {
                **_head(row),
                "accuracy": whole.accuracy,
                "accuracy_error": error("accuracy"),
                "failures": whole.failures,
                "frames": whole.frames,
                "failures_per_sequence": whole.failures / len(runs),
                "robustness": whole.robustness,
                "robustness_error": error("robustness"),
                "eao": whole.eao,
                "eao_error": error("eao"),
                "eao_interval": list(whole.interval),
                "eao_interval_published": whole.published_interval,
                "eao_curve": expected_overlap_curve(runs).tolist(),
                "sequences": [
                    {"name": n, "accuracy": s.accuracy, "failures": s.failures, "frames": s.frames}
                    for n, s in zip(names, (score([r]) for r in runs), strict=True)
                ],
            }
        )
    return {"rows": found, "paired": []}


def _run(result: Result) -> Run:
    return Run(
        np.array(result["states"]), from_json(result["boxes"]), from_json(result["overlaps"])
    )


def _compared(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Which rows are compared: all with the first of their build, and two builds level by level."""
    first: dict[str, int] = {}
    pairs = []
    for i, row in enumerate(rows):
        head = first.setdefault(row.variant.name, i)
        if head != i:
            pairs.append((head, i))
    for i, one in enumerate(rows):
        for k, two in enumerate(rows[i + 1 :], i + 1):
            same = (one.variant.level, one.variant.timesteps) == (
                two.variant.level,
                two.variant.timesteps,
            )
            if same and one.variant.name != two.variant.name:
                pairs.append((i, k))
    return pairs


def _is_float(row: Row) -> bool:
    return row.variant.level == "float"


def _labels(rows: Sequence[Row], first: int, second: int) -> Figures:
    return {"reference": rows[first].variant.label, "other": rows[second].variant.label}


def _head(row: Row) -> Figures:
    variant = row.variant
    head: Figures = {"label": variant.label, "build": variant.name, "level": variant.level}
    if variant.timesteps is not None:
        head["timesteps"] = variant.timesteps
    if variant.level == SHUFFLED:
        head["seeds"] = list(SEEDS)
    head["baseline"] = variant.level in (SHUFFLED, STATIC)
    return head


def _build(folder: Path) -> Figures:
    deployment = Deployment.open(folder)
    manifest = deployment.manifest
    return {
        "name": folder.resolve().name,
        "model": manifest["model"],
        "target": manifest["target"],
        "timesteps": max(n.timesteps for n in deployment.golden.networks),
        "recipe": manifest["options"]["recipe"],
        "programs": manifest["programs"],
    }


def _sequence(entry: Entry) -> Figures:
    boxes = entry.annotated_boxes
    return {
        "name": entry.name,
        "frames": len(boxes),
        "boxes": int(np.isfinite(boxes).all(axis=1).sum()),
        "attributes": list(entry.attributes),
        "digest": entry.digest,
    }


def _rounded(value: Any) -> Any:
    """Floats of `DIGITS` digits after the point, None for what is not a number."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if np.isfinite(value) else None
    return value
