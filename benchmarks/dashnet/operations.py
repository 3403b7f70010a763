"""DashNet's Table 4: additions and multiplications per output, by the schedule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from figures import Figure, table

from nmcompile.architectures.dashnet import DashNet, DashNetConfig
from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.trackers.dashnet.loop import track_hybrid
from nmcompile.trackers.dashnet.operations import (
    PAPER_ANN,
    PAPER_OUTPUTS_PER_FRAME,
    PAPER_SNN,
    Operations,
)
from nmcompile.trackers.dashnet.params import HybridParams
from nmcompile.trackers.dashnet.torch_engine import TorchHybridEngine

COMMAND = "make bench-dashnet"
PEER = "DashNet, table 4"


class Counting(TorchHybridEngine):
    """Counts the synaptic operations of every window exactly."""

    def __init__(self, module: DashNet) -> None:
        super().__init__(module)
        self.operations: list[float] = []

    @torch.no_grad()
    def window(self, spikes: np.ndarray) -> np.ndarray:
        self.operations.append(synaptic_operations(self.module, spikes))
        return super().window(spikes)


def synaptic_operations(module: DashNet, spikes: np.ndarray) -> float:
    """Additions of one window: every spike at every synapse that it reaches, borders exact."""
    events = torch.from_numpy(spikes[:, None]).float()
    pooled = torch.nn.functional.max_pool2d(events[:, 0], 2)
    sources = [pooled, *(s[:, 0] for s in module.snn.spikes(events))]
    layers = [layer for name, layer in module.snn.named_children() if name != "lif"]
    total = 0.0
    for source, layer in zip(sources, layers, strict=True):
        if isinstance(layer, torch.nn.Conv2d):
            ones = torch.ones_like(layer.weight[:1])
            reached = torch.nn.functional.conv2d(
                source, ones, stride=layer.stride, padding=layer.padding
            )
            total += float(reached.sum()) * layer.out_channels
        else:
            total += float(source.sum()) * layer.weight.shape[0]  # type: ignore[union-attr]
    return total


def measure(
    films: Sequence[HybridSequence], engine: TorchHybridEngine, params: HybridParams
) -> list[Figure]:
    """Count the shipped model on the films; the full-size networks by the same activity."""
    counting = Counting(engine.module)
    outputs = 0
    for film in films:
        outputs += len(track_hybrid(counting, film, params).boxes)
    config, full = engine.module.config, DashNetConfig()
    dense = sum(row.macs for row in config.snn_layers)
    adds = sum(counting.operations) / outputs
    activity = adds / dense
    per_frame = 1.0 / (params.period_s * params.frame_rate_hz)
    small = (Operations.of_ann(config.ann_layers), Operations(adds, 0.0), per_frame)
    large = (
        Operations.of_ann(full.ann_layers),
        Operations.of_snn(full.snn_layers, activity),
        PAPER_OUTPUTS_PER_FRAME,
    )
    rows, figures = [], []
    for name, (ann, snn, share) in (
        ("shipped model", small),
        ("152 x 152 networks at the shipped model's activity", large),
        ("as printed, Table 4", (PAPER_ANN, PAPER_SNN, PAPER_OUTPUTS_PER_FRAME)),
    ):
        hybrid = snn.with_frames(ann, share)
        rows += [
            (name, part, f"{o.adds / 1e6:.2f}", f"{o.muls / 1e6:.2f}", f"{share:.2f}")
            for part, o in (("ANN", ann), ("SNN", snn), ("hybrid", hybrid))
        ]
        peers = name.startswith("152")
        for part, o, paper in (
            ("ANN", ann, PAPER_ANN),
            ("SNN", snn, PAPER_SNN),
            ("hybrid", hybrid, Operations(36.7e6, 3.7e6)),
        ):
            figures += [
                Figure(
                    f"{name}, {part}, {what}",
                    round(getattr(o, what) / 1e6, 3),
                    "M per output",
                    COMMAND,
                    peer=PEER if peers else None,
                    peer_value=getattr(paper, what) / 1e6 if peers else None,
                )
                for what in ("adds", "muls")
            ]
    print(f"\noperations per output; activity, summed over T: {activity:.3f} (paper: 0.287)\n")
    print(table(("networks", "", "M adds", "M muls", "outputs per frame"), rows), flush=True)
    figures.append(Figure("activity summed over a window", round(activity, 4), "", COMMAND))
    return figures
