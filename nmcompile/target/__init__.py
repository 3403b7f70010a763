"""Chips as data: ``load_target(name_or_path) -> Target`` and ``target_names()``."""

from __future__ import annotations

from nmcompile.target.numbers import Count, Measure
from nmcompile.target.registry import (
    TargetFile,
    load_target,
    plugin_problems,
    target_files,
    target_names,
)
from nmcompile.target.schema import Source, Target

__all__ = [
    "Count",
    "Measure",
    "Source",
    "Target",
    "TargetFile",
    "load_target",
    "plugin_problems",
    "target_files",
    "target_names",
]
