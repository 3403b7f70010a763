"""Chips as data: ``load_target(name_or_path) -> Target`` and ``target_names()``."""

from __future__ import annotations

from nmcompile.target.crossbar import CrossbarTarget
from nmcompile.target.families import of_family, target_from_json
from nmcompile.target.fcore import FCoreTarget
from nmcompile.target.neurocore import NeurocoreTarget
from nmcompile.target.numbers import Codes, Count, Measure
from nmcompile.target.registry import (
    TargetFile,
    load_target,
    plugin_problems,
    target_files,
    target_names,
)
from nmcompile.target.schema import Source, Target

__all__ = [
    "Codes",
    "Count",
    "CrossbarTarget",
    "FCoreTarget",
    "Measure",
    "NeurocoreTarget",
    "Source",
    "Target",
    "TargetFile",
    "load_target",
    "of_family",
    "plugin_problems",
    "target_files",
    "target_from_json",
    "target_names",
]
