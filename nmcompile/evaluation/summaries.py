"""From finished parts to the figures of a result: one dictionary per protocol.

Every figure is `{mean, within, between, sequences, samples}` (see `Estimate`), every comparison
`{difference, standard_error, pairs, significant}` (see `Paired`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.layouts import Entry
from nmcompile.evaluation.estimates import (
    Estimate,
    Paired,
    independent_error,
    over_sequences,
    paired,
    series_error,
)
from nmcompile.evaluation.fidelity import Observed, compare, correlations
from nmcompile.evaluation.ope import (
    PRECISION_PIXELS,
    SUCCESS_THRESHOLDS,
    center_error,
    iou,
    precision_curve,
    success_curve,
)
from nmcompile.evaluation.parts import from_json
from nmcompile.evaluation.restart import score_segments
from nmcompile.evaluation.tasks import Result

__all__ = [
    "Followed",
    "comparison",
    "estimate",
    "fidelity_paired",
    "fidelity_row",
    "followed",
    "observed",
    "ope_paired",
    "ope_row",
    "restart_paired",
    "restart_row",
    "segment_values",
]

Values = npt.NDArray[np.float64]
Figures = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Followed:
    """One sequence, judged frame by frame (frames without a true box left out).

    Attributes:
        name: of the sequence. attributes: of the whole of it.
        tags: attribute of single frames -> which of them have it.
        overlaps: `(seeds, frames)` intersection over union. errors: of the centre, pixels.
    """

    name: str
    attributes: tuple[str, ...]
    tags: Mapping[str, npt.NDArray[np.bool_]]
    overlaps: Values
    errors: Values

    @property
    def overlap(self) -> Values:
        """Overlap of every frame, averaged over the seeds as all that follows."""
        return np.asarray(self.overlaps.mean(axis=0), np.float64)

    @property
    def near(self) -> Values:
        """1 where the centre is within 20 pixels."""
        return np.asarray((self.errors <= PRECISION_PIXELS).mean(axis=0), np.float64)

    @property
    def success(self) -> Values:
        """Share of the thresholds that each frame's overlap exceeds; its mean is the AUC."""
        above = self.overlaps[..., None] > np.array(SUCCESS_THRESHOLDS)
        return np.asarray(above.mean(axis=(0, 2)), np.float64)


def followed(entry: Entry, results: Sequence[Result]) -> Followed:
    """Judge the boxes of one sequence, of one result or of several (seeds)."""
    truth = entry.annotated_boxes
    known = np.isfinite(truth).all(axis=1)
    boxes = [from_json(result["boxes"])[known] for result in results]
    first = entry.sequence.first_box or 0
    frames = slice(first, first + len(truth))
    return Followed(
        entry.name,
        entry.attributes,
        {name: flags[frames][known] for name, flags in entry.tags.items()},
        np.stack([iou(found, truth[known]) for found in boxes]),
        np.stack([center_error(found, truth[known]) for found in boxes]),
    )


def ope_row(scores: Sequence[Followed], results: Sequence[Result]) -> Figures:
    """One configuration over all sequences, one-pass evaluation."""
    attributes = sorted({a for s in scores for a in (*s.attributes, *s.tags)})
    return {
        **_overall(scores),
        "success_curve": np.mean(
            [success_curve(s.overlaps.ravel()) for s in scores], axis=0
        ).tolist(),
        "precision_curve": np.mean(
            [precision_curve(s.errors.ravel()) for s in scores], axis=0
        ).tolist(),
        "sequences": [{"name": s.name, **_one(s)} for s in scores],
        "attributes": {
            name: _overall(part) for name in attributes if (part := _having(scores, name))
        },
        **operations(results),
    }


def ope_paired(reference: Sequence[Followed], other: Sequence[Followed]) -> Figures:
    """Differences of two configurations, paired by sequence."""

    def means(scores: Sequence[Followed], what: Callable[[Followed], Values]) -> Values:
        return np.array([what(s).mean() for s in scores])

    return {
        name: comparison(paired(means(reference, what), means(other, what)))
        for name, what in _MEASURES.items()
    }


def restart_row(
    segments: Sequence[tuple[Values, Values]], names: Sequence[str], results: Sequence[Result]
) -> Figures:
    """One configuration over the segments of all sequences.

    Args:
        segments: per sequence the segments' overlaps and precisions, see `segment_values`.
        names: of the sequences.
        results: for the operations.
    """
    overlaps, near = [s[0] for s in segments], [s[1] for s in segments]
    return {
        "mean_iou": estimate(over_sequences(overlaps)),
        "precision_20px": estimate(over_sequences(near)),
        "segments": int(sum(len(o) for o in overlaps)),
        "sequences": [
            {
                "name": name,
                "segments": len(o),
                "mean_iou": float(o.mean()) if len(o) else None,
                "mean_iou_error": independent_error(o),
                "precision_20px": float(p.mean()) if len(p) else None,
            }
            for name, o, p in zip(names, overlaps, near, strict=True)
        ],
        **operations(results),
    }


def segment_values(entry: Entry, results: Sequence[Result]) -> tuple[Values, Values]:
    """Mean overlap and precision of every segment of a sequence, averaged over results (seeds)."""
    truth = entry.annotated_boxes
    scores = [score_segments(from_json(result["boxes"]), truth) for result in results]
    overlaps = np.mean([[s.mean_iou for s in one] for one in scores], axis=0)
    near = np.mean([[s.precision_20px for s in one] for one in scores], axis=0)
    return np.asarray(overlaps, np.float64), np.asarray(near, np.float64)


def restart_paired(
    reference: Sequence[tuple[Values, Values]], other: Sequence[tuple[Values, Values]]
) -> Figures:
    """Differences of two configurations, paired by segment."""
    return {
        name: comparison(
            paired(
                np.concatenate([s[index] for s in reference]),
                np.concatenate([s[index] for s in other]),
            )
        )
        for index, name in enumerate(("mean_iou", "precision_20px"))
    }


def observed(entries: Sequence[Entry], results: Sequence[Result]) -> Observed:
    """The answers of one configuration, all sequences' crops together."""
    names = [e.name for e, r in zip(entries, results, strict=True) for _ in r["hits"]]

    def joined(what: str) -> Values | None:
        if any(r[what] is None for r in results):
            return None
        return np.concatenate([from_json(r[what]) for r in results])

    return Observed(
        tuple(names),
        np.concatenate([from_json(r["responses"]) for r in results]),
        np.concatenate([from_json(r["hits"]) for r in results]),
        joined("sops"),
        joined("macs"),
    )


def fidelity_row(reference: Observed, other: Observed) -> Figures:
    """One configuration against the float network of its own build."""
    result = compare(reference, other)
    return {
        "correlation": estimate(result.correlation),
        "hit16": estimate(result.hit16),
        "hit16_to_float": comparison(result.hit16_difference),
        "sops_per_crop": result.sops_per_crop,
        "macs_per_crop": result.macs_per_crop,
        "crops": result.crops,
    }


def fidelity_paired(first: tuple[Observed, Observed], second: tuple[Observed, Observed]) -> Figures:
    """Differences of two configurations, each a pair (its float network, itself), by crop."""
    return {
        "correlation": comparison(paired(correlations(*first), correlations(*second))),
        "hit16": comparison(paired(first[1].hits, second[1].hits)),
    }


def operations(results: Sequence[Result]) -> Figures:
    """Mean operations of one tracked frame, all scales, without the template."""
    frames = sum(r["tracked"] for r in results)
    return {
        f"{what}_per_frame": None
        if not frames or any(r[what] is None for r in results)
        else sum(r[what] for r in results) / frames
        for what in ("sops", "macs")
    }


def estimate(value: Estimate) -> Figures:
    """An estimate as JSON."""
    return dataclasses.asdict(value)


def comparison(value: Paired) -> Figures:
    """A paired difference as JSON."""
    return {**dataclasses.asdict(value), "significant": value.is_significant}


_MEASURES: Mapping[str, Callable[[Followed], Values]] = {
    "mean_iou": lambda s: s.overlap,
    "auc": lambda s: s.success,
    "precision_20px": lambda s: s.near,
}


def _overall(scores: Sequence[Followed]) -> Figures:
    return {
        name: estimate(over_sequences([what(s) for s in scores], series_error))
        for name, what in _MEASURES.items()
    }


def _one(score: Followed) -> Figures:
    figures: Figures = {"frames": len(score.overlap)}
    for name, what in _MEASURES.items():
        values = what(score)
        figures[name] = float(values.mean())
        figures[f"{name}_error"] = series_error(values)
    return figures


def _having(scores: Sequence[Followed], attribute: str) -> list[Followed]:
    """What has an attribute: the tagged frames, or whole sequences where frames have no tags."""
    found = []
    for score in scores:
        frames = score.tags.get(attribute)
        if frames is not None and frames.any():
            found.append(
                dataclasses.replace(
                    score, overlaps=score.overlaps[:, frames], errors=score.errors[:, frames]
                )
            )
        elif frames is None and attribute in score.attributes:
            found.append(score)
    return found
