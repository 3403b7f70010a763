"""Weights that are not numbers are found where they enter, not layers later."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from nmcompile.diagnostics import Diagnostic, DiagnosticBag
from nmcompile.ir.arrays import Array
from nmcompile.ir.program import Program


def check_finite(program: Program) -> None:
    """Check every stored number of every layer.

    Raises:
        NmError: NM0122 with one diagnostic for each layer that holds NaN or infinities.
    """
    bag = DiagnosticBag()
    for network in program.networks:
        for node in network.nodes:
            for name, array in _arrays(node.op, ""):
                bad = int(np.count_nonzero(~np.isfinite(array.data)))
                if bad:
                    bag.add(
                        Diagnostic(
                            code="NM0122",
                            message="the layer holds values that are not finite numbers",
                            where=node.label,
                            found=f"{bad} of {array.data.size} in `{name}`",
                            help=("the training diverged: take an earlier checkpoint",),
                        )
                    )
    bag.raise_errors()


def _arrays(value: object, name: str) -> Iterator[tuple[str, Array]]:
    if isinstance(value, Array):
        yield name, value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _arrays(getattr(value, field.name), field.name)
