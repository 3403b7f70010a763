"""Small SiamFC++ checkpoints with seeded weights, and pictures to calibrate them with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.frontends.checkpoint import Checkpoint
from nmcompile.ir.program import Preprocess

EXEMPLAR, SEARCH = 45, 93
PREPROCESS = Preprocess("RGB", 1.0, (0.45, 0.42, 0.4), (0.25, 0.24, 0.26))


def config(
    timesteps: int,
    channels: tuple[int, ...] = (6, 8, 8, 8, 8),
    groups: tuple[int, ...] = (1, 1, 1, 1, 1),
) -> dict[str, object]:
    """A score map of one place; both pools have windows that are cut at the border."""
    return {
        "channels": list(channels),
        "head": 4,
        "exemplar_size": EXEMPLAR,
        "search_size": SEARCH,
        "timesteps": timesteps,
        "kernels": [3, 2, 2, 1, 1],
        "strides": [2, 1, 1, 1, 1],
        "groups": list(groups),
    }


def small_siamfcpp(
    timesteps: int,
    seed: int = 0,
    pictures_: int = 2,
    groups: tuple[int, ...] = (1, 1, 1, 1, 1),
) -> Checkpoint:
    """Seeded weights and normalisation; neurons that fire, with leaks and thresholds of their own.

    Args:
        timesteps: T, 0 for the ANN. seed: of the weights. pictures_: for calibration.
        groups: of the convolutions.
    """
    import torch

    from nmcompile import architectures

    torch.manual_seed(seed)
    shape = config(timesteps, groups=groups)
    module = architectures.build("siamfcpp", shape)
    for name, parameter in module.state_dict().items():
        if name.endswith("running_var"):
            parameter.uniform_(0.5, 1.5)
        elif name.endswith("running_mean") or (name.endswith("bias") and parameter.ndim == 1):
            parameter.normal_(0.2 if name.startswith("backbone") else 0.0, 0.2)
        elif name.endswith(("leak", "threshold")):
            parameter.uniform_(-0.6, 0.0)
        elif parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
    module.state_dict()["box_scale"].fill_(0.8)
    module.state_dict()["box_bias"].fill_(0.3)
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    images = pictures(pictures_, seed) if pictures_ else None
    return Checkpoint("siamfcpp", shape, state, PREPROCESS, images=images)


def pictures(count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Waves of several lengths and some noise, uint8 `(N, SEARCH, SEARCH, 3)`."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SEARCH, :SEARCH][..., None]
    lengths = rng.uniform(4.0, 20.0, (count, 1, 1, 3))
    waves = 127 + 100 * np.sin((x + rng.uniform(0.2, 2.0, (count, 1, 1, 1)) * y) / lengths)
    noisy: npt.NDArray[np.float64] = waves + rng.normal(0.0, 8.0, waves.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
