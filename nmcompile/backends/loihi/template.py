"""Templates as synapses: the host writes the contents of a slot into the weights of the cores.

Reads the `slot` table of a core graph and nothing else. Counts of non-zero weights follow what is
stored: a synaptic operation is a spike at a non-zero weight.
"""

from __future__ import annotations

import numpy as np

from nmcompile.backends.loihi.columns import ROW_NONZERO
from nmcompile.backends.loihi.tables import I32, Tables, row_weights
from nmcompile.backends.stored_template import Slots, stored_template
from nmcompile.mapping.coregraph import CoreGraph

WEIGHT = np.iinfo(np.int16)


class TemplateLoader:
    """Writes templates into the weights of one network.

    Args:
        graph: the mapped network. tables: its tables; `weight` and `row` must be writable.
    """

    def __init__(self, graph: CoreGraph, tables: Tables) -> None:
        self._graph = graph
        self._tables = tables
        self._weight = graph["slot.weight"]
        self._element = graph["slot.element"]
        self._sign = graph["slot.sign"]
        self._below = graph["slot.word"] * graph.slot_largest
        words = int(graph["slot.word"].max(initial=0)) + 1
        self._limit = words * graph.slot_largest or int(WEIGHT.max)
        self._bank: I32 = np.zeros((0,), np.int32)
        self._start = 0
        if not graph.slot:
            return
        row, low, high = row_weights(graph)
        written = np.zeros(graph.size("weight") + 1, np.int64)
        written[1:][self._weight] = 1
        written = np.cumsum(written)
        # All runs of every row that holds a written weight, so that its count can be renewed.
        rows = np.unique(row[written[high] > written[low]])
        mine = np.isin(row, rows)
        self._span = slice(
            int(low[mine].min(initial=graph.size("weight"))), int(high[mine].max(initial=0))
        )
        self._row = row[mine]
        self._low, self._high = low[mine] - self._span.start, high[mine] - self._span.start
        self._start = self._first_tick()

    def prepare(self, slots: Slots | None) -> None:
        """Take the contents of the slot for the next frame; write a single template at once.

        Raises:
            NmError: NM0215 when the network needs a template and there is none of its shape, or
                one that no stored weight can hold.
        """
        graph = self._graph
        if not graph.slot:
            return
        found = stored_template(graph, slots, -self._limit, self._limit)
        self._bank = found.astype(np.int32).reshape(-1, *graph.slot_shape[-3:])
        if len(self._bank) == 1:
            self._write(self._bank[0])

    def before(self, tick: int) -> None:
        """Of a bank, write the template that the spikes arriving in this tick of the frame meet."""
        step = tick - self._start
        if self._graph.slot and len(self._bank) > 1 and 0 <= step < len(self._bank):
            self._write(self._bank[step])

    @property
    def by_tick(self) -> bool:
        """Whether the weights change from tick to tick."""
        return len(self._graph.slot_shape) > 3

    def _write(self, template: I32) -> None:
        tables = self._tables
        element = template.reshape(-1)[self._element]
        part = np.clip(np.abs(element) - self._below, 0, self._graph.slot_largest or None)
        tables.weight[self._weight] = self._sign * np.sign(element) * part
        nonzero = np.concatenate([[0], np.cumsum(tables.weight[self._span] != 0)])
        counts = tables.row[:, ROW_NONZERO]
        counts[self._row] = 0
        np.add.at(counts, self._row, nonzero[self._high] - nonzero[self._low])

    def _first_tick(self) -> int:
        """Tick of timestep 1 in the population that the template feeds: the one read out."""
        graph = self._graph
        depth = next(p.depth for p in graph.populations if p.name == graph.output)
        return 1 + depth
