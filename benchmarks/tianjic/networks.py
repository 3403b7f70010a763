"""DashNet at the size of the paper, with seeded weights, on an invented film.

Nobody published the weights. Those of the ANN are torch's initial ones, seed 0. Those of the SNN
are too, times one factor for every layer, found so that its neurons fire as often as the paper's
33.0 M additions per output say: 0.287 spikes per neuron over the window's four timesteps, 7.2 % a
timestep (a dense timestep takes 114.9 M). Events and frames come from the film simulator.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from nmcompile.architectures.dashnet import DashNet, DashNetConfig
from nmcompile.datasets.events.generated import GeneratedOptions, generated_hybrid
from nmcompile.datasets.events.windows import Window, spike_tensor
from nmcompile.frontends.checkpoint import Checkpoint, save_checkpoint
from nmcompile.ir.program import Preprocess
from nmcompile.trackers.dashnet.attention import attended

RATE = 0.287 / 4
"""Spikes per neuron and timestep."""
FILM_SEED, WEIGHT_SEED, SIGMA_PX = 11, 0, 38.0
SPIKING = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc1")
FRAME_RATE_HZ, TIMESTEP_S = 30.0, 1e-3
U8 = npt.NDArray[np.uint8]


def stimuli(config: DashNetConfig, count: int) -> tuple[list[U8], list[U8]]:
    """Views (2, S, S) of frames and windows (T, 2, S, S) of events, `count` of each."""
    film = generated_hybrid(FILM_SEED, GeneratedOptions(frames=count + 1))
    window = Window(
        round(1e6 * config.window_s), config.timesteps, config.input_size, config.input_size
    )
    step = film.events.duration_us // (count + 1)
    windows = [spike_tensor(film.events, step * (i + 1), window) for i in range(count)]
    views = []
    for frame, box in zip(film.frames[:count], film.frame_boxes, strict=False):
        grey = np.asarray(frame.astype(np.float64) @ [0.299, 0.587, 0.114]).round()
        x, y, w, h = box / config.input_size
        place = np.array([x + w / 2, y + h / 2, w, h])
        view = grey.astype(np.uint8)
        views.append(np.asarray(attended(view, place, SIGMA_PX)))
    return views, windows


def checkpoint(path: Path, config: DashNetConfig, windows: list[U8]) -> None:
    """Write both networks as one checkpoint."""
    torch.manual_seed(WEIGHT_SEED)
    module = DashNet(config)
    with torch.no_grad():
        _set_rates(module, torch.from_numpy(np.stack(windows, axis=1)).float())
    save_checkpoint(
        Checkpoint(
            architecture="dashnet",
            config=config.to_mapping(),
            state={k: v.detach().numpy() for k, v in module.state_dict().items()},
            preprocess=Preprocess("gray", 1.0, (0.0,), (1.0,)),
            tracker={"frame_rate_hz": FRAME_RATE_HZ},
            recipe={"ann": ["ann"]},
        ),
        path,
    )


def _set_rates(module: DashNet, events: torch.Tensor) -> None:
    """One factor on the weights of every spiking layer, by bisection."""
    steps, batch = events.shape[:2]
    x = functional.max_pool2d(events.flatten(0, 1), 2)
    for name in SPIKING:
        layer = module.snn.layer(name)
        currents = layer(x.flatten(1) if name == "fc1" else x).unflatten(0, (steps, batch))
        low, high = 0.01, 1000.0
        for _ in range(20):
            factor = (low * high) ** 0.5
            quiet = module.snn.lif(currents * factor).mean().item() < RATE
            low, high = (factor, high) if quiet else (low, factor)
        layer.weight.mul_(factor)
        x = module.snn.lif(currents * factor).flatten(0, 1)
