"""The float networks of a checkpoint behind `MemoryEngine`, without compiling anything."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from nmcompile.architectures.spiketrack.network import SpikeTrack
from nmcompile.ir.program import Preprocess
from nmcompile.reference.float import channel_order
from nmcompile.trackers.spiketrack.params import SpikeTrackParams, completed

__all__ = ["TorchMemoryEngine", "torch_params"]


class TorchMemoryEngine:
    """Runs a SpikeTrack in the precision of its weights.

    Args:
        model: The network; it is put into evaluation mode.
        preprocess: How a crop becomes its input.
    """

    def __init__(self, model: SpikeTrack, preprocess: Preprocess) -> None:
        self.model = model.eval()
        self._how = preprocess
        self._type = next(model.parameters()).dtype
        self._mean = torch.tensor(preprocess.mean, dtype=self._type).reshape(-1, 1, 1)
        self._std = torch.tensor(preprocess.std, dtype=self._type).reshape(-1, 1, 1)
        self._memories: list[torch.Tensor] = []

    def set_templates(self, crops: npt.NDArray[np.uint8]) -> None:
        """Remember template crops `(T, R, R, 3)`."""
        with torch.inference_mode():
            self._memories = self.model.template(self._input(crops)[:, None])

    def maps(self, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Maps `(5, P, P)` of a search crop `(R, R, 3)`; scores and sizes as logits."""
        with torch.inference_mode():
            found = self.model.search(self._input(crop[None])[:, None], self._memories)
            parts = torch.logit(found.score), found.offset, torch.logit(found.size)
            return torch.cat(parts, 1)[0].double().numpy()

    def _input(self, crops: npt.NDArray[np.uint8]) -> torch.Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(channel_order(crops, self._how)))
        return (pixels.to(self._type) * (self._how.range / 255.0) - self._mean) / self._std


def torch_params(model: SpikeTrack, tracker: Mapping[str, object]) -> SpikeTrackParams:
    """The loop's hyperparameters of a checkpoint's `tracker`, sizes from the network."""
    config = model.config
    return completed(tracker, config.size, config.side, config.steps)
