"""SpikeTrack: the template network leaves memories, the search network asks them.

Both share one backbone, two convolutional stages and two of spiking transformers. The template
network takes T crops, one per step, when the tracker starts or updates its template; the search
network takes one crop per frame in a single step. At six depths the search map asks the memory that
the template left there. Information goes from template to search only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from nmcompile.architectures.spiketrack.attention import TransformerBlock
from nmcompile.architectures.spiketrack.config import SpikeTrackConfig
from nmcompile.architectures.spiketrack.head import CentreHead, Maps
from nmcompile.architectures.spiketrack.layers import ConvBlock, ConvBN, spiking
from nmcompile.architectures.spiketrack.memory import MemoryRetrieval


def _down(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return spiking(ConvBN(inputs, outputs, 3, stride=stride, bias=True))


class SpikeTrack(nn.Module):
    """Crops are RGB, `(T, N, 3, size, size)`, normalised as the weights expect.

    Args:
        config: the shape.
    """

    def __init__(self, config: SpikeTrackConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third, fourth = config.channels
        half, (middle, last) = first // 2, config.blocks

        def memory(channels: int) -> MemoryRetrieval:
            return MemoryRetrieval(channels, config.side, config.steps)

        def blocks(channels: int, count: int) -> list[nn.Module]:
            return [TransformerBlock(channels, config.side) for _ in range(count)]

        self.backbone = nn.Sequential(
            ConvBN(3, half, 7, stride=2, bias=True),
            *(ConvBlock(half), _down(half, first, 2), memory(first)),
            *(ConvBlock(first), _down(first, second, 2), memory(second)),
            *(ConvBlock(second), ConvBlock(second), _down(second, third, 2), memory(third)),
            *(*blocks(third, middle // 2), memory(third), *blocks(third, middle - middle // 2)),
            *(_down(third, fourth, 1), memory(fourth), *blocks(fourth, last), memory(fourth)),
        )
        self.head = CentreHead(fourth, config.head_width)

    def template(self, crops: torch.Tensor) -> list[torch.Tensor]:
        """The memories of T template crops, `(T, N, heads, C / heads, 4 C / heads)` each."""
        memories, x = [], crops
        for stage in self.backbone:
            if isinstance(stage, MemoryRetrieval):
                memories.append(stage.memorise(x))
            elif isinstance(stage, TransformerBlock):
                x = stage(x, template=True)
            else:
                x = stage(x)
        return memories

    def search(self, crops: torch.Tensor, memories: Sequence[torch.Tensor]) -> Maps:
        """What the head says about search crops `(1, N, 3, size, size)`."""
        asked, x = iter(memories), crops
        for stage in self.backbone:
            if isinstance(stage, MemoryRetrieval):
                x = stage(x, next(asked))
            elif isinstance(stage, TransformerBlock):
                x = stage(x, template=False)
            else:
                x = stage(x)
        maps: Maps = self.head(x)
        return maps

    def forward(self, template: torch.Tensor, search: torch.Tensor) -> Maps:
        """Template and search network, one after the other."""
        return self.search(search, self.template(template))


def build(config: Mapping[str, object]) -> SpikeTrack:
    """Build a SpikeTrack from a checkpoint's `config`."""
    return SpikeTrack(SpikeTrackConfig.from_mapping(config))
