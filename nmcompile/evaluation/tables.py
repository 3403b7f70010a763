"""The tables of an evaluation as Markdown: every figure with its standard error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["results_markdown"]

Figures = Mapping[str, Any]

_TITLES = {
    "ope": "One-pass evaluation",
    "restart": "Restart every 25 frames",
    "fidelity": "Fidelity: response maps against the float network",
    "vot": "Supervised protocol of VOT",
    "latency": "Fidelity against T",
    "latency-restart": "Restart evaluation against T",
}
_FIGURES = {
    "mean_iou": "mean IoU",
    "precision_20px": "P@20 px",
    "correlation": "correlation",
    "hit16": "hit16",
}


def results_markdown(results: Figures) -> str:
    """All tables of `results.json`."""
    dataset = results["dataset"]
    count, boxes = len(dataset["sequences"]), sum(s["boxes"] for s in dataset["sequences"])
    lines = [
        f"# {results['builds'][0]['model']['name']} on {dataset['kind']}:{dataset['name']}",
        "",
        f"{count} sequence{'s' if count > 1 else ''}, {boxes} annotated frames. "
        "mean ± standard error; the error is the larger of the one within these sequences and "
        "the one between them. A * marks a difference whose 95 % interval (Student's t) excludes "
        "zero.",
    ]
    for name, protocol in results["protocols"].items():
        lines += ["", f"## {_TITLES[name]}", ""]
        lines += _BODIES[name](protocol)
    return "\n".join(lines)


def _ope(protocol: Figures) -> list[str]:
    rows = protocol["rows"]
    lines = _markdown(
        ("tracker", "mean IoU", "AUC", "P@20 px", "SOPs per frame"),
        [
            (
                row["label"],
                _estimate(row["mean_iou"]),
                _estimate(row["auc"]),
                _estimate(row["precision_20px"]),
                _count(row["sops_per_frame"]),
            )
            for row in rows
        ],
    )
    lines += ["", *_sequences(rows, "mean_iou", "precision_20px")]
    names = list(dict.fromkeys(name for row in rows for name in row["attributes"]))
    if names:
        lines += ["", "Mean IoU by attribute (number of sequences):", ""]
        heads = [f"{n} ({rows[0]['attributes'][n]['mean_iou']['sequences']})" for n in names]
        lines += _markdown(
            ("tracker", *heads),
            [
                (row["label"], *(_estimate(row["attributes"][n]["mean_iou"]) for n in names))
                for row in rows
            ],
        )
    return lines + _pairs(protocol["paired"], ("mean_iou", "precision_20px"))


def _restart(protocol: Figures) -> list[str]:
    lines = _markdown(
        ("tracker", "segments", "mean IoU", "P@20 px", "SOPs per frame"),
        [
            (
                row["label"],
                str(row["segments"]),
                _estimate(row["mean_iou"]),
                _estimate(row["precision_20px"]),
                _count(row["sops_per_frame"]),
            )
            for row in protocol["rows"]
        ],
    )
    lines += ["", *_sequences(protocol["rows"], "mean_iou", "precision_20px")]
    return lines + _pairs(protocol["paired"], ("mean_iou", "precision_20px"))


def _fidelity(protocol: Figures) -> list[str]:
    lines = _markdown(
        ("network", "correlation", "hit16", "hit16 to float", "SOPs per crop", "MACs per crop"),
        [
            (
                row["label"],
                _estimate(row["correlation"]),
                _estimate(row["hit16"]),
                _difference(row["hit16_to_float"]),
                _count(row["sops_per_crop"]),
                _count(row["macs_per_crop"]),
            )
            for row in protocol["rows"]
        ],
    )
    return lines + _pairs(protocol["paired"], ("correlation", "hit16"))


def _vot(protocol: Figures) -> list[str]:
    first = protocol["rows"][0]
    low, high = first["eao_interval"]
    lines = _markdown(
        ("tracker", "accuracy", "failures", "robustness (S = 30)", f"EAO [{low}, {high}]"),
        [
            (
                row["label"],
                _pm(row["accuracy"], row["accuracy_error"]),
                f"{row['failures']} in {row['frames']} frames",
                _pm(row["robustness"], row["robustness_error"]),
                _pm(row["eao"], row["eao_error"]),
            )
            for row in protocol["rows"]
        ],
    )
    if not first["eao_interval_published"]:
        lines += [
            "",
            "The sequences are too short for the published interval [108, 371]: this EAO compares "
            "with no published one.",
        ]
    return lines


_BODIES = {
    "ope": _ope,
    "restart": _restart,
    "fidelity": _fidelity,
    "vot": _vot,
    "latency": _fidelity,
    "latency-restart": _restart,
}


def _sequences(rows: Sequence[Figures], figure: str, beside: str) -> list[str]:
    """One column per sequence, IoU with its error and P@20."""
    names = [s["name"] for s in rows[0]["sequences"]]
    return _markdown(
        ("mean IoU / P@20 px", *names),
        [
            (
                row["label"],
                *(
                    f"{_pm(s[figure], s[f'{figure}_error'])} / {_number(s[beside], 2)}"
                    for s in row["sequences"]
                ),
            )
            for row in rows
        ],
    )


def _pairs(pairs: Sequence[Figures], figures: Sequence[str]) -> list[str]:
    if not pairs:
        return []
    count = pairs[0][figures[0]]["pairs"]
    return [
        "",
        f"Paired differences ({count} pairs):",
        "",
        *_markdown(
            ("compared", *(_FIGURES[f] for f in figures)),
            [
                (f"{p['other']} - {p['reference']}", *(_difference(p[f]) for f in figures))
                for p in pairs
            ],
        ),
    ]


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    return [line(head), "| " + " | ".join("-" * w for w in widths) + " |", *map(line, rows)]


def _estimate(figure: Figures) -> str:
    errors = [e for e in (figure["within"], figure["between"]) if e is not None]
    return _pm(figure["mean"], max(errors) if errors else None)


def _difference(figure: Figures) -> str:
    star = "*" if figure["significant"] else ""
    error = figure["standard_error"]
    return f"{figure['difference']:+.3f} ± {'?' if error is None else f'{error:.3f}'}{star}"


def _pm(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f} ± {'?' if error is None else f'{error:.3f}'}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _count(value: float | None) -> str:
    """A count with three digits and a unit; "not counted" is not zero."""
    if value is None:
        return "not counted"
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f}"
