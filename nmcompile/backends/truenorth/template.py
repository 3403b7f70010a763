"""Crossbars with the contents of the program's slot in them."""

from __future__ import annotations

from nmcompile.backends.stored_template import Slots, stored_template
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.mapping.template_crossbars import TemplateCrossbarGraph


def holding(graph: CrossbarGraph, slots: Slots | None) -> CrossbarGraph:
    """The graph that holds the template; the graph itself where its crossbars hold none.

    Args:
        graph: the mapped network. slots: contents of the program's slots.

    Raises:
        NmError: NM0215 when the template is missing or does not fit.
    """
    if not isinstance(graph, TemplateCrossbarGraph):
        return graph
    return graph.with_template(stored_template(graph, slots, *graph.template_range))
