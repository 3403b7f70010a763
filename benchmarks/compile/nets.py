"""The models that are compiled: generated ones of a given size, and the full-size trackers.

Weights are random, except SiamFC-3s's where its file is there: the mapping depends on shapes, on
the values of weights only in how cores encode them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks" / "siamsnn")]

import common  # noqa: E402

from nmcompile import architectures  # noqa: E402
from nmcompile.frontends.checkpoint import Checkpoint, save_checkpoint  # noqa: E402
from nmcompile.ir.program import Preprocess  # noqa: E402

IMAGENET = Preprocess("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PIXELS = Preprocess("RGB", 255.0, (127.5,) * 3, (64.0,) * 3)
TERNARY: Final[dict[str, object]] = {"weight_bits": 2, "weight_step": "channel"}
CHANNELS, STRIDE = (4, 8, 8, 8, 4), 4
PER_PIXEL = 4 / 4 + (8 + 8 + 8 + 4) / 16
"""Neurons of the generated networks per pixel of the search image."""


def generated(neurons: int) -> Checkpoint:
    """SiamFC of few channels on an image so large that its search network has about so many."""
    search = STRIDE * round(sqrt(neurons / PER_PIXEL) / STRIDE) + 3
    config: dict[str, object] = {
        "channels": list(CHANNELS),
        "kernels": [5, 3, 3, 3, 3],
        "strides": [2, 2, 1, 1, 1],
        "groups": [1, 1, 2, 2, 2],
        "pools": [False] * 5,
        "batch_norm": [True] * 5,
        "relu": [True] * 5,
        "bn_eps": 1e-5,
        "exemplar_size": 47,
        "search_size": search,
        "response_scale": 0.01,
        "response_bias": 0.0,
    }
    side = (search - 47) // STRIDE + 1
    tracker = {"response_size": side, "total_stride": STRIDE, "upsampled_size": side}
    return _random("siamfc", config, search, PIXELS, TERNARY, tracker)


def siamfc_3s() -> Checkpoint:
    """SiamFC-3s with AlexNet."""
    config: dict[str, object] = {
        "channels": [96, 256, 384, 384, 256],
        "kernels": [11, 5, 3, 3, 3],
        "strides": [2, 1, 1, 1, 1],
        "groups": [1, 2, 1, 2, 2],
        "pools": [True, True, False, False, False],
        "batch_norm": [True, True, True, True, False],
        "relu": [True, True, True, True, False],
        "bn_eps": 1e-5,
        "exemplar_size": 127,
        "search_size": 255,
        "response_scale": 1e-3,
        "response_bias": 0.0,
    }
    return _random("siamfc", config, 255, PIXELS)


def siamfcpp() -> Checkpoint:
    """Spiking SiamFC++ with AlexNet at its published size, one timestep."""
    from nmcompile.architectures.siamfcpp import SiamFCppConfig

    config = SiamFCppConfig(timesteps=1).to_mapping()
    return _random("siamfcpp", config, int(str(config["search_size"])), IMAGENET)


def spiketrack() -> Checkpoint:
    """SpikeTrack B256 with one template."""
    from nmcompile.architectures.spiketrack.config import PUBLISHED

    config = PUBLISHED["B256-T1"]
    return _random("spiketrack", config.to_mapping(), config.size, IMAGENET)


TRACKERS: Final[dict[str, Callable[[], Checkpoint]]] = {
    "SiamFC-3s": siamfc_3s,
    "SiamFC++ AlexNet": siamfcpp,
    "SpikeTrack B256": spiketrack,
}


def write(name: str, path: Path) -> None:
    """The checkpoint of a tracker, or of a generated network of so many neurons."""
    weights = common.DATA / "weights" / common.THIRD_PARTY["siamfc_3s"]
    if name == "SiamFC-3s" and weights.is_file():
        common.checkpoint("siamfc_3s", path.parent).rename(path)
    else:
        save_checkpoint(TRACKERS[name]() if name in TRACKERS else generated(int(name)), path)


def _random(
    architecture: str,
    config: Any,
    size: int,
    preprocess: Preprocess,
    recipe: dict[str, object] | None = None,
    tracker: dict[str, Any] | None = None,
) -> Checkpoint:
    torch.manual_seed(0)
    module = architectures.build(architecture, config)
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif value.ndim == 4:
            torch.nn.init.kaiming_normal_(value)
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    coarse = np.random.default_rng(0).integers(0, 256, (1, size // 4 + 1, size // 4 + 1, 3))
    image = coarse.astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)[:, :size, :size]
    return Checkpoint(
        architecture=architecture,
        config=config,
        state=state,
        preprocess=preprocess,
        images=np.ascontiguousarray(image),
        tracker=tracker or {},
        recipe=recipe or {},
    )


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
