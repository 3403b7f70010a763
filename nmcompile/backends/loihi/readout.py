"""From the recorded spikes of tiles to those of the output, in the order of its elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi.state import History
from nmcompile.backends.loihi.tables import I32
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.reference.jit import njit

Trains = npt.NDArray[Any]


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
        source: Trains = history.wide if self._wide else history.narrow
        column = history.column[self._tile] + self._within
        read = np.zeros((len(source), self._elements), source.dtype)
        _scatter(source, column.astype(np.int32), self._element, read)
        return read


@njit
def _scatter(source: Trains, column: I32, element: I32, read: Trains) -> None:
    """read[t, element[k]] = source[t, column[k]]; most spikes are zero, as `read` is."""
    for t in range(source.shape[0]):
        own, out = source[t], read[t]
        for k in range(column.shape[0]):
            value = own[column[k]]
            if value != 0:
                out[element[k]] = value
