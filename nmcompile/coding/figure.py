"""Spike timing plots of the codings for one drive, as SiamSNN (arXiv 2003.07584), Fig. 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmcompile.coding.schedule import RATE, Schedule, burst, phase, two_status
from nmcompile.coding.train import spike_values

DRIVE = 0.45
"""Constant input, in scales of the layer: enough for several spikes, not for one per timestep."""
PERIOD, GAMMA, LENGTH, BETA = 4, 0.5, 4, 0.65


def codings(timesteps: int) -> dict[str, Schedule]:
    """The four codings of the figure, in its order."""
    return {
        "constant threshold": RATE,
        f"weighted spikes, K = {PERIOD}": phase(PERIOD, timesteps),
        f"burst, gamma = {GAMMA}": burst(GAMMA, LENGTH, timesteps),
        f"two-status, p = {timesteps // 2}": two_status(timesteps // 2, BETA, 0, timesteps),
    }


def draw(path: Path, timesteps: int = 20, drive: float = DRIVE) -> dict[str, float]:
    """Write the plot (SVG or PNG by its name); the same arguments give the same bytes.

    Args:
        path: file to write.
        timesteps: T.
        drive: constant input, in scales of the layer.

    Returns:
        Per coding, the share of the input that the spikes transmit within T.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "nmcompile"
    from matplotlib import pyplot

    trains = {
        name: spike_values(schedule, np.full(timesteps, drive))
        for name, schedule in codings(timesteps).items()
    }
    figure, axes = pyplot.subplots(len(trains), 1, sharex=True, figsize=(7.0, 6.0))
    steps = np.arange(1, timesteps + 1)
    for axis, (name, values) in zip(axes, trains.items(), strict=True):
        fired = values > 0
        axis.vlines(steps[fired], 0.0, values[fired], color="C0", linewidth=2.0)
        axis.plot(steps[fired], values[fired], "o", color="C0", markersize=3.5)
        axis.axhline(0.0, color="0.4", linewidth=0.8)
        axis.set_ylim(0.0, 1.15 * max(1.0, values.max()))
        axis.set_ylabel("value")
        axis.set_title(name, fontsize=9, loc="left")
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlim(0.5, timesteps + 0.5)
    axes[-1].set_xticks(range(2, timesteps + 1, 2))
    axes[-1].set_xlabel("timestep")
    figure.suptitle(f"Spikes for a constant input of {drive} (value 1: the scale of the layer)")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
    return {name: float(v.sum()) / (drive * timesteps) for name, v in trains.items()}
