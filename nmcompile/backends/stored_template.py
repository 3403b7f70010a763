"""The contents of a slot that cores hold as synapses, checked before they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.graph import MappedGraph

Slots = Mapping[str, npt.NDArray[Any]]


def stored_template(
    graph: MappedGraph, slots: Slots | None, low: int, high: int
) -> npt.NDArray[Any]:
    """The contents of the slot of a graph.

    Args:
        graph: a mapped network with a slot.
        slots: contents of the program's slots.
        low, high: smallest and largest element that its synapses hold.

    Raises:
        NmError: NM0215 when there is no template of the slot's shape, or an element is too large.
    """
    found = (slots or {}).get(graph.slot)
    if found is None or found.shape != graph.slot_shape:
        raise _refused(graph, f"{graph.slot_shape}", "none" if found is None else f"{found.shape}")
    least, most = int(np.min(found, initial=0)), int(np.max(found, initial=0))
    if least < low or most > high:
        limit = f"weights up to {high}" if low == -high else f"weights from {low} to {high}"
        raise _refused(graph, limit, str(most if most > high else least))
    return found


def _refused(graph: MappedGraph, limit: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0215",
            message=f"the cores hold the template `{graph.slot}` as synapses and cannot get it",
            where=graph.network,
            limit=limit,
            found=found,
            help=("run the template network first, or give the contents of its slot",),
        )
    )
