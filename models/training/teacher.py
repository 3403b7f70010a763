"""A tracker that was trained on real video, asked about rendered pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from nmcompile.frontends.checkpoint_module import checkpoint_module
from nmcompile.frontends.wrap import wrap_state_dict


class Teacher:
    """Third-party SiamFC weights (`.pth` or `.safetensors`) with a 17 x 17 response.

    Args:
        path: file of weights that `nmcompile wrap` understands.
    """

    def __init__(self, path: Path) -> None:
        checkpoint = wrap_state_dict(path)
        self.model: Any = checkpoint_module(checkpoint)
        how = checkpoint.preprocess
        factor = how.range / 255.0
        self._mean = torch.tensor(how.mean).reshape(1, 3, 1, 1)
        self._std = torch.tensor(how.std).reshape(1, 3, 1, 1)
        self._factor = factor

    def responses(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Responses of every exemplar in every search crop (search, exemplar, h, w)."""
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            fz = self.model.features(self._input(z))
            fx = self.model.features(self._input(x))
        return functional.conv2d(fx.float(), fz.float())

    def _input(self, crops: torch.Tensor) -> torch.Tensor:
        return (crops.float() * self._factor - self._mean) / self._std
