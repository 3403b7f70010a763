"""The state of a stage as a checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import torch

from nmcompile.frontends.checkpoint import Checkpoint, save_checkpoint
from nmcompile.ir.program import Preprocess
from nmcompile.trackers.siamfcpp.params import SiamFCppParams
from training.pairs import MEAN, STD
from training.s4_pairs import calibration
from training.s4_ternary import settle
from training.s4_trainer import load

TRACKER: Final = SiamFCppParams()
"""The published hyperparameters."""
SIZES: Final = ("exemplar_size", "search_size", "score_size")
"""Parameters that the networks say."""
CROPS: Final = 4
TERNARY_RECIPE: Final = {"weight_step": "channel"}
"""The magnitude of a ternary channel is its own step, so that its integers are exact."""


def write(state: Path, path: Path, *, half: bool = False) -> None:
    """Write a checkpoint.

    Args:
        state: of a stage. path: file to write.
        half: half precision and no calibration crops: a quarter of the size.
    """
    model = load(state).eval()
    ternary = settle(model)
    kind = torch.float16 if half else torch.float32
    tensors = {
        k: (v.to(kind) if v.is_floating_point() else v).contiguous().numpy()
        for k, v in model.state_dict().items()
    }
    tracker = {k: v for k, v in asdict(TRACKER).items() if k not in SIZES}
    made = Checkpoint(
        architecture="siamfcpp",
        config=model.config.to_mapping(),
        state=tensors,
        preprocess=Preprocess(channel_order="RGB", range=255.0, mean=(MEAN,) * 3, std=(STD,) * 3),
        images=None if half else calibration(model.config, CROPS),
        tracker={**tracker, "total_stride": model.config.stride},
        recipe=TERNARY_RECIPE if ternary else {},
    )
    save_checkpoint(made, path)
