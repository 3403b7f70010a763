"""The float network as a tracking engine: the reference that integer engines are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from nmcompile.architectures.siamfc import SiamFC

__all__ = ["CropInput", "TorchEngine"]


class CropInput:
    """Crops as a network reads them.

    Args:
        mean: Per channel, subtracted from RGB 0..255.
        std: Per channel, divided by.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self._mean = torch.tensor(mean, dtype=torch.float32).reshape(1, 3, 1, 1)
        self._std = torch.tensor(std, dtype=torch.float32).reshape(1, 3, 1, 1)

    def __call__(self, crops: npt.NDArray[np.uint8]) -> torch.Tensor:
        """`(N, 3, H, W)` float32 of RGB uint8 `(N, H, W, 3)`."""
        batch = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float()
        return (batch - self._mean) / self._std


class TorchEngine:
    """Runs a SiamFC in float32.

    Args:
        model: The network; it is put into evaluation mode.
        mean: Per channel, subtracted from RGB 0..255.
        std: Per channel, divided by.
    """

    def __init__(
        self,
        model: SiamFC,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.model = model.eval()
        self._input = CropInput(mean, std)
        self._template: torch.Tensor | None = None

    def _features(self, crops: npt.NDArray[np.uint8]) -> torch.Tensor:
        return self.model.features(self._input(crops))

    def set_template(self, crop: npt.NDArray[np.uint8]) -> None:
        """Take the exemplar crop (127, 127, 3)."""
        with torch.inference_mode():
            self._template = self._features(crop[None])

    def respond(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Responses (S, h, w) of search crops (S, 255, 255, 3)."""
        if self._template is None:
            raise RuntimeError("set_template comes before respond")
        with torch.inference_mode():
            response = self.model.correlate(self._template, self._features(crops))
        return response[:, 0].double().numpy()
