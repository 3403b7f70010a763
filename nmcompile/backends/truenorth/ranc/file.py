"""The content of RANC's two files as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc.schema import RancBus, RancConfig

I32 = npt.NDArray[np.int32]
NEURON = (
    *("reset_potential", "leak", "positive_threshold", "negative_threshold", "dx", "dy"),
    *("destination_axon", "destination_tick", "current_potential", "reset_mode"),
)
"""Columns of `RancFile.neuron`, apart from the weights."""
PACKET = ("entry", "x", "y", "axon", "tick")
"""Columns of `RancFile.packet`: the entry of `packets` that holds it, where it goes and when."""


@dataclass(frozen=True)
class RancFile:
    """One network with its stimulus, as RANC reads it.

    Attributes:
        config: `config.json`.
        bus: the output bus.
        entries: lists of packets, one per tick.
        packet: the packets, by the names in `PACKET`.
        place: `(cores, 2)` x and y.
        neurons: `(cores,)` neurons of each core, whose rows follow one another in `neuron`.
        axons: `(cores,)` likewise of axons in `types`; a core has `num_axons`, further ones are
            of type 0.
        types: type of every listed axon.
        neuron: by the names in `NEURON`.
        weights: `(neurons, num_weights)`.
        blocks: distinct crossbars, `(num_axons, W)` uint64 each: bit j & 63 of word j >> 6 of row
            a connects axon a to neuron j.
        block: `(cores,)` which of them every core has.
    """

    config: RancConfig
    bus: RancBus
    entries: int
    packet: dict[str, I32] = field(repr=False)
    place: I32 = field(repr=False)
    neurons: I32 = field(repr=False)
    axons: I32 = field(repr=False)
    types: I32 = field(repr=False)
    neuron: dict[str, I32] = field(repr=False)
    weights: I32 = field(repr=False)
    blocks: list[npt.NDArray[np.uint64]] = field(repr=False)
    block: I32 = field(repr=False)

    @property
    def first_neuron(self) -> npt.NDArray[np.int64]:
        """`(cores + 1,)` row of every core's first neuron, and their number."""
        return _starts(self.neurons)

    @property
    def first_axon(self) -> npt.NDArray[np.int64]:
        """`(cores + 1,)` likewise in `types`."""
        return _starts(self.axons)

    def axon_types(self) -> npt.NDArray[np.uint8]:
        """`(cores, num_axons)` type of every axon."""
        types = np.zeros((len(self.place), self.config.num_axons), np.uint8)
        column = np.arange(len(self.types)) - np.repeat(self.first_axon[:-1], self.axons)
        types[np.repeat(np.arange(len(self.place)), self.axons), column] = self.types
        return types

    def first_weights(self, types: int) -> npt.NDArray[np.int64]:
        """`(neurons, types)` weights of the first types; 0 for those that RANC's cores lack."""
        weights = np.zeros((len(self.weights), types), np.int64)
        known = min(types, self.config.num_weights)
        weights[:, :known] = self.weights[:, :known]
        return weights

    def axon_name(self, row: int) -> str:
        """`cores[3].axons[7]`, as messages name an entry of `types`."""
        core = int(np.searchsorted(self.first_axon, row, "right")) - 1
        return f"cores[{core}].axons[{row - int(self.first_axon[core])}]"

    def neuron_name(self, row: int) -> str:
        """`cores[3].neurons[7]`, as messages name a neuron."""
        core = int(np.searchsorted(self.first_neuron, row, "right")) - 1
        return f"cores[{core}].neurons[{row - int(self.first_neuron[core])}]"


def _starts(counts: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    starts: npt.NDArray[np.int64] = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return starts
