"""DashNet's torch module behind `HybridEngine`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from nmcompile.architectures.dashnet import DashNet, DashNetConfig
from nmcompile.frontends.checkpoint import load_checkpoint
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.trackers.dashnet.params import HybridParams

__all__ = ["TorchHybridEngine", "load_engine"]


class TorchHybridEngine:
    """Answers with a module's forward pass.

    Args:
        module: in evaluation mode; takes pixels 0..255 as they are.
    """

    def __init__(self, module: DashNet) -> None:
        self.module = module

    @property
    def input_size(self) -> int:
        """Side of the networks' input, pixels."""
        return self.module.config.input_size

    @property
    def timesteps(self) -> int:
        """T of the SNN."""
        return self.module.config.timesteps

    @torch.no_grad()
    def frame(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """The ANN's box `(4,)` for `(2, S, S)` uint8."""
        found = self.module.ann(torch.from_numpy(image[None]).float())
        return np.asarray(found[0].double().numpy())

    @torch.no_grad()
    def window(self, spikes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """The SNN's box `(4,)` for `(T, 2, S, S)` of 0 and 1."""
        found = self.module.snn(torch.from_numpy(spikes[:, None]).float())
        return np.asarray(found[0].double().numpy())


def load_engine(path: Path) -> tuple[TorchHybridEngine, HybridParams]:
    """A DashNet checkpoint as an engine, with its tracker's parameters.

    Raises:
        NmError: NM01xx for an unusable file, NM0517 for its tracker's parameters.
    """
    checkpoint = load_checkpoint(path)
    module = DashNet(DashNetConfig.from_mapping(checkpoint.config))
    load_state(module, checkpoint)
    return TorchHybridEngine(module), HybridParams.from_mapping(checkpoint.tracker)
