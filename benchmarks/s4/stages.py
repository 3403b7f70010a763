"""The networks that are compared: one checkpoint per stage of the training, and the sequences."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from figures import QUICK

from nmcompile.architectures.siamfcpp import SiamFCpp, SiamFCppConfig
from nmcompile.datasets.sequence import VideoSequence, open_sequence
from nmcompile.frontends.checkpoint import load_checkpoint
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.trackers.siamfcpp.loop import SiamFCppTracker
from nmcompile.trackers.siamfcpp.torch_engine import TorchMapsEngine, torch_params

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
DATA: Final = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared" / "data"))
SEQUENCES: Final = ("Crossing", "Couple", "Dog", "Football1", "vot15_bag")
SHORT: Final = ("Football1", "Crossing")
QUICK_FRAMES: Final = 30
REFERENCE: Final = "T = 3"
SHIPPED: Final = "T = 1, three losses, longer (models/s4)"
TERNARY: Final = "T = 1, ternary, for 256 axons (models/s4-truenorth)"
CHECKPOINTS: Final = {
    "ANN": HERE / "stages" / "ann.pt",
    REFERENCE: ROOT / "models" / "spiking-siamfcpp" / "spiking-siamfcpp.pt",
    "T = 2": HERE / "stages" / "t2.pt",
    "T = 1": HERE / "stages" / "t1.pt",
    "T = 1, three losses": HERE / "stages" / "t1-kd.pt",
    "T = 1, feature loss": HERE / "stages" / "t1-feature.pt",
    "T = 1, response loss": HERE / "stages" / "t1-response.pt",
    "T = 1, box loss": HERE / "stages" / "t1-box.pt",
    SHIPPED: ROOT / "models" / "s4" / "s4.pt",
    TERNARY: ROOT / "models" / "s4-truenorth" / "s4-truenorth.pt",
}
ON_CORES: Final = {REFERENCE: "tianjic", SHIPPED: "tianjic", TERNARY: "truenorth"}
"""The shipped networks, and the chip whose integer program is tracked with."""


@dataclass(frozen=True)
class Network:
    """A stage, ready to track.

    Attributes:
        model: in evaluation mode. engine: the same behind the loop. tracker: settings of the loop.
    """

    model: SiamFCpp
    engine: TorchMapsEngine
    tracker: dict[str, object]

    def start(self, image: Any, box: Any) -> Any:
        """A new track: a function from the next frame to its box."""
        params = torch_params(self.model, self.tracker)
        return SiamFCppTracker(self.engine, params, image, box).step


def network(path: Path, shuffled: int | None = None) -> Network:
    """The network of a checkpoint, with the weights of every layer shuffled by a seed if given."""
    found = load_checkpoint(path)
    model = SiamFCpp(SiamFCppConfig.from_mapping(found.config))
    load_state(model, found)
    if shuffled is not None:
        rng = np.random.default_rng(shuffled)
        for weight in (p for p in model.parameters() if p.ndim == 4):
            order = torch.from_numpy(rng.permutation(weight.numel()))
            weight.data = weight.data.flatten()[order].reshape(weight.shape)
    how = found.preprocess
    return Network(model, TorchMapsEngine(model, how.mean, how.std), dict(found.tracker))


def sequences() -> list[VideoSequence]:
    """The real sequences (the beginnings of two when quick)."""
    if not (DATA / "sequences").is_dir():
        sys.exit(f"the real sequences are not at {DATA}: set NMCOMPILE_DATA")
    names: Sequence[str] = SHORT if QUICK else SEQUENCES
    opened = [open_sequence(DATA / "sequences" / name).annotated() for name in names]
    return [_beginning(s) for s in opened] if QUICK else opened


def _beginning(sequence: VideoSequence) -> VideoSequence:
    frames = [sequence.frames[i] for i in range(QUICK_FRAMES)]
    boxes = None if sequence.boxes is None else sequence.boxes[:QUICK_FRAMES]
    return VideoSequence(sequence.name, frames, boxes)
