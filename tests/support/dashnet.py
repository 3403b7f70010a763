"""A small DashNet checkpoint, and an invented recording of a bright square that moves."""

from __future__ import annotations

import numpy as np

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.datasets.events.simulator import SimulatorOptions, events_of_film, frame_times
from nmcompile.frontends.checkpoint import Checkpoint
from nmcompile.ir.program import Preprocess

CONFIG: dict[str, object] = {
    "input_size": 40,
    "ann_width": 0.125,
    "snn_width": 0.125,
    "timesteps": 3,
    "timestep_s": 1 / 240,
    "tau_s": 2 / 240,
}
TRACKER: dict[str, object] = {
    "timestep_s": 1 / 240,
    "period_s": 1 / 240,
    "time_unit_s": 4e-3,
    "sigma_px": 10.0,
}


def small_dashnet(seed: int = 0) -> Checkpoint:
    """Seeded weights, the SNN's large enough to fire."""
    import torch

    from nmcompile import architectures

    torch.manual_seed(seed)
    module = architectures.build("dashnet", CONFIG)
    state = {
        name: value.numpy() * (5.0 if name.startswith("snn") and value.ndim > 1 else 1.0)
        for name, value in module.state_dict().items()
    }
    how = Preprocess("gray", 255.0, (0.0,), (1.0,))
    return Checkpoint("dashnet", CONFIG, state, how, tracker=TRACKER)


def moving_square(frames: int = 4, speed: float = 2.0, side: int = 12) -> HybridSequence:
    """A bright square on dark ground, `speed` pixels to the right per 1/240 s; frames at 30 Hz."""
    times = frame_times(frames, 30.0, 7)
    greys, boxes = [], []
    for number in range(len(times)):
        left = 8 + round(number * speed)
        picture = np.full((48, 120), 40.0, np.float32)
        picture[18 : 18 + side, left : left + side] = 200.0
        greys.append(picture)
        boxes.append((left, 18, side, side))
    pictures = [np.repeat(g[..., None], 3, axis=2).astype(np.uint8) for g in greys[::8]]
    return HybridSequence(
        "square",
        tuple(pictures),
        np.array(times[::8], np.int64),
        events_of_film(greys, times, SimulatorOptions(threshold=30.0)),
        np.array(boxes, np.float64),
        np.array(times, np.int64),
    )
