"""Figures of a table from the boxes of sequences, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from support.videos import moving_patch

from nmcompile.datasets.layouts import Entry
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.summaries import followed, ope_paired, ope_row

COST = {"tracked": 3, "sops": None, "macs": None}


def entry(name: str, tags: dict[str, list[bool]] | None = None) -> Entry:
    frames, boxes = moving_patch(4)
    flags = {k: np.array(v) for k, v in (tags or {}).items()}
    return Entry(VideoSequence(name, frames, boxes), truth=None, tags=flags)  # type: ignore[arg-type]


def result(shift: float) -> dict[str, object]:
    """Boxes that lie `shift` pixels below the truth from the second frame on."""
    boxes = moving_patch(4)[1]
    boxes[1:, 1] += shift
    return {"boxes": boxes.tolist(), **COST}


def test_seeds_are_judged_one_by_one() -> None:
    """15 and 35 pixels off are one hit of two; their mean error of 25 pixels would be none."""
    score = followed(entry("a"), [result(15.0), result(35.0)])
    row = ope_row([score], [result(15.0), result(35.0)])
    assert row["precision_20px"]["mean"] == pytest.approx((1 + 3 * 0.5) / 4)
    assert row["precision_curve"][20] == pytest.approx(row["precision_20px"]["mean"])
    assert row["auc"]["mean"] == pytest.approx(np.mean(row["success_curve"]))
    assert row["sops_per_frame"] is None


def test_tags_pick_frames_and_attributes_sequences() -> None:
    tagged = entry("a", {"occlusion": [False, False, True, True]})
    score = followed(tagged, [result(7.0)])
    row = ope_row([score], [result(7.0)])
    assert row["mean_iou"]["mean"] == pytest.approx((1 + 3 * (7 / 21)) / 4)
    assert row["attributes"]["occlusion"]["mean_iou"]["mean"] == pytest.approx(7 / 21)
    assert row["attributes"]["occlusion"]["mean_iou"]["samples"] == 2


def test_pairs_are_sequences() -> None:
    one = [followed(entry(n), [result(0.0)]) for n in "ab"]
    two = [followed(entry(n), [result(s)]) for n, s in (("a", 7.0), ("b", 0.0))]
    difference = ope_paired(one, two)["mean_iou"]
    assert difference["difference"] == pytest.approx(-(3 * (14 / 21) / 4) / 2)
    assert difference["pairs"] == 2
