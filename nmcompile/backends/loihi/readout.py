"""From the recorded spikes of tiles to those of the output, in the order of its elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi.state import History
from nmcompile.backends.loihi.tables import I32, U8
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.reference.jit import njit

Trains = npt.NDArray[Any]
WORD = 8
"""Neurons whose spikes are looked at together."""


class ReadOut:
    """What the host takes from the output population.

    Args:
        graph: the mapped network; its `readout` table says which neuron is which element.
    """

    def __init__(self, graph: CoreGraph) -> None:
        neuron0 = graph["tile.neuron0"]
        self._element = graph["readout.index"]
        self._elements = int(np.prod(graph.output_shape))
        neuron = graph["readout.neuron"]
        self._tile = np.searchsorted(neuron0, neuron, side="right") - 1
        self._within = neuron - neuron0[self._tile]
        wide = np.array([info.edge.wide for info in graph.populations])
        self._wide = bool(wide[graph["tile.population"][self._tile]].any())

    def spikes(self, history: History) -> Trains:
        """`(ticks, elements)` spikes or messages."""
        column = history.column[self._tile] + self._within
        if self._wide:
            messages = np.zeros((len(history.wide), self._elements), np.int32)
            messages[:, self._element] = history.wide[:, column]
            return messages
        element = np.full(history.narrow.shape[1], -1, np.int32)
        element[column] = self._element
        read = np.zeros((len(history.narrow), self._elements), np.uint8)
        _scatter(history.narrow.view(np.uint64), history.narrow, element, read)
        return read


@njit
def _scatter(words: npt.NDArray[np.uint64], spikes: U8, element: I32, read: U8) -> None:
    """read[t, element[k]] = spikes[t, k]; most words of spikes are zero."""
    for t in range(spikes.shape[0]):
        for w in range(words.shape[1]):
            if words[t, w] == 0:
                continue
            for k in range(WORD * w, WORD * w + WORD):
                if spikes[t, k] != 0 and element[k] >= 0:
                    read[t, element[k]] = spikes[t, k]
