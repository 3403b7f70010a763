"""The float networks of a checkpoint behind `MapsEngine`, without compiling anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from nmcompile.architectures.siamfcpp import SiamFCpp
from nmcompile.trackers.siamfcpp.params import SiamFCppParams
from nmcompile.trackers.torch_engine import CropInput

__all__ = ["TorchMapsEngine", "torch_params"]


class TorchMapsEngine:
    """Runs a SiamFC++ in float32.

    Args:
        model: The network; it is put into evaluation mode.
        mean: Per channel, subtracted from RGB 0..255.
        std: Per channel, divided by.
    """

    def __init__(
        self,
        model: SiamFCpp,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.model = model.eval()
        self._input = CropInput(mean, std)
        self._kernels: tuple[torch.Tensor, torch.Tensor] | None = None

    def set_template(self, crop: npt.NDArray[np.uint8]) -> None:
        """Take the exemplar crop `(H, W, 3)`."""
        with torch.inference_mode():
            self._kernels = self.model.exemplar(self._input(crop[None]))

    def maps(self, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Maps `(6, S, S)` of a search crop `(H, W, 3)`."""
        if self._kernels is None:
            raise RuntimeError("set_template comes before maps")
        with torch.inference_mode():
            found = self.model.search(self._input(crop[None]), self._kernels)
            logs = torch.log(found.box / self.model.config.stride)
            return torch.cat([found.score, found.centre, logs], 1)[0].double().numpy()


def torch_params(model: SiamFCpp, tracker: dict[str, object]) -> SiamFCppParams:
    """The loop's hyperparameters of a checkpoint's `tracker`, sizes from the network."""
    config = model.config
    sizes = {
        "exemplar_size": config.exemplar_size,
        "search_size": config.search_size,
        "score_size": config.score_size,
    }
    return SiamFCppParams.from_mapping({**tracker, **sizes})
