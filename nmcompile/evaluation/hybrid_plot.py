"""ANN, SNN and hybrid against time, as DashNet's Fig. 2 draws their outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.evaluation.ope import iou
from nmcompile.trackers.dashnet.loop import HybridTrack, Mode

__all__ = ["write_hybrid_plot"]

NAMES: Final[dict[Mode, str]] = {
    "ann": "ANN, held between frames",
    "snn": "SNN alone",
    "hybrid": "hybrid",
}
COLOURS: Final[dict[Mode, str]] = {"ann": "#d4691e", "snn": "#2e8b63", "hybrid": "#1f5fa8"}
TRUTH: Final = "#555555"
_STYLE: Final[dict[Any, Any]] = {
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "nmcompile",
    "svg.fonttype": "none",
}


def write_hybrid_plot(
    tracks: Mapping[Mode, HybridTrack], sequence: HybridSequence, path: Path
) -> Path:
    """Draw centre x, centre y and overlap of every track against time; the same bytes each time.

    Args:
        tracks: by mode, of one recording.
        sequence: that recording; without boxes the overlap is left out.
        path: `.svg` or `.png`.

    Returns:
        `path`.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    first = next(iter(tracks.values()))
    truth = sequence.boxes_at(first.times_us)
    scored = bool(np.isfinite(truth).any())
    with rc_context(_STYLE):
        figure = Figure(figsize=(7.6, 6.4 if scored else 4.6), layout="constrained")
        axes = figure.subplots(3 if scored else 2, 1, sharex=True)
        axes[0].set_title(sequence.name, loc="left", fontsize=11)
        for row, label in ((0, "centre x, px"), (1, "centre y, px")):
            if scored:
                axes[row].plot(
                    *(_ms(first), _centre(truth, row)), color=TRUTH, dashes=(4, 2), label="true"
                )
            axes[row].set_ylabel(label)
        for mode, track in sorted(tracks.items()):
            style = {"color": COLOURS[mode], "drawstyle": "steps-post", "label": NAMES[mode]}
            for row in (0, 1):
                axes[row].plot(_ms(track), _centre(track.boxes, row), **style)
            if scored:
                axes[2].plot(_ms(track), iou(track.boxes, truth), **style)
        frames = first.frame_times_us if first.ann_runs else sequence.frame_times_us
        for axis in axes:
            axis.plot(
                frames * 1e-3, np.full(len(frames), 0.02), "|", color=COLOURS["ann"],
                transform=axis.get_xaxis_transform(), label="frame",
            )  # fmt: skip
        if scored:
            axes[2].set_ylabel("overlap")
            axes[2].set_ylim(0.0, 1.0)
        axes[-1].set_xlabel("time, ms")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=5)
        metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=140, metadata=metadata)
    return path


def _ms(track: HybridTrack) -> npt.NDArray[np.float64]:
    return np.asarray(track.times_us * 1e-3)


def _centre(boxes: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    return np.asarray(boxes[:, axis] + boxes[:, axis + 2] / 2.0)
