"""Mapped networks on disk: one door for the graphs of every chip family."""

from __future__ import annotations

import json
from pathlib import Path

from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.graph import MappedGraph, unreadable
from nmcompile.mapping.template_crossbars import TemplateCrossbarGraph

FAMILIES: tuple[type[MappedGraph], ...] = (
    *(CoreGraph, CrossbarGraph, TemplateCrossbarGraph),
    FCoreGraph,
)
"""Every class of graph that a build can hold."""


def load_graph(stem: Path) -> MappedGraph:
    """Read `stem`.json and `stem`.safetensors as the class that their format names.

    Raises:
        NmError: NM0504 when a file is missing, damaged, of another version or of no known
            family; NM0309 when the tables contradict each other.
    """
    try:
        stored = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))["format"]
        family = {one.FORMAT: one for one in FAMILIES}[stored]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(stem, error) from error
    return family.load(stem)
