"""Weights of functional cores, those included that the host writes from a program slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.fcore_weights import held_weights

WEIGHT = np.iinfo(np.int8)


class Weights:
    """The weights of one mapped network.

    Args:
        graph: the mapped network.

    Attributes:
        value: `(weights,)` int8 as the cores use them now: indices are looked up.
    """

    def __init__(self, graph: FCoreGraph) -> None:
        self._graph = graph
        self.value = held_weights(graph)

    def write(self, slots: Mapping[str, npt.NDArray[Any]] | None) -> None:
        """Write the template of the next frame.

        Raises:
            NmError: NM0215 when the network needs a template and there is none of its shape, or
                one that no stored weight can hold.
        """
        graph = self._graph
        if not graph.slot:
            return
        found = (slots or {}).get(graph.slot)
        if found is None or found.shape != graph.slot_shape:
            shape = "none" if found is None else str(found.shape)
            raise self._refused(str(graph.slot_shape), shape)
        word = graph["slot.word"].astype(np.int64)
        each = graph.slot_largest or int(WEIGHT.max)
        limit = (int(word.max(initial=0)) + 1) * each
        largest = int(np.abs(found.astype(np.int64)).max(initial=0))
        if largest > limit:
            raise self._refused(f"weights up to {limit}", str(largest))
        element = found.astype(np.int64).reshape(-1)[graph["slot.element"]]
        part = np.clip(np.abs(element) - word * each, 0, each)
        self.value[graph["slot.weight"]] = graph["slot.sign"] * np.sign(element) * part

    def _refused(self, limit: str, found: str) -> NmError:
        return NmError(
            Diagnostic(
                code="NM0215",
                message=f"the cores hold the template `{self._graph.slot}` as weights and cannot"
                " get it",
                where=self._graph.network,
                limit=limit,
                found=found,
                help=("run the template network first, or give the contents of its slot",),
            )
        )
