"""Neurons of RANC as rows of a crossbar graph's parameters, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc.bounds import crossbar_bits, reach, steps
from nmcompile.backends.truenorth.ranc.file import RancFile
from nmcompile.backends.truenorth.ranc.neurons import floors
from nmcompile.backends.truenorth.ranc.schema import LINEAR, SYMMETRIC
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.crossbar_graph import AXON_TYPES, CrossbarGraph

I64 = npt.NDArray[np.int64]
Column = npt.NDArray[Any]

CLIP: Final = 2**29 - 1
RANGES: Final = {
    "leak": (-(2**20), 2**20),
    "positive_threshold": (0, CLIP),
    "negative_threshold": (-CLIP, 0),
    "reset_potential": (-CLIP, CLIP),
    "current_potential": (-CLIP, CLIP),
}
"""What a crossbar graph holds of every column."""
WEIGHTS: Final = (-256, 255)
SYMMETRIC_FLOORS: Final = (
    "symmetric resets: 0, or absolute reset mode, or what no membrane ever falls to"
)


def refuse(
    broken: npt.NDArray[np.bool_],
    where: Callable[[int], str],
    message: str,
    limit: str,
    found: Column,
    *ways: str,
) -> None:
    """Refuse the first row of which something is true.

    Args:
        broken: what is true. where: names a row.
        message, limit: of the diagnostic. found: the value of every row.
        ways: further than the two that always exist.

    Raises:
        NmError: NM0148.
    """
    rows = np.flatnonzero(broken)
    if len(rows):
        row = int(rows[0])
        ways = (*ways, "change the value in the file", "run the network in RANC itself")
        value = f"{found[row].tolist()}"
        raise NmError(Diagnostic("NM0148", message, where(row), limit, value, help=ways))


def parameters(file: RancFile, name: str) -> tuple[dict[str, Column], I64]:
    """The table of distinct neuron parameters, and the row of every neuron.

    Args:
        file: the network. name: of the file, for messages.

    Raises:
        NmError: NM0148 for the first neuron that a crossbar graph does not hold.
    """

    def where(row: int) -> str:
        return f"{name}: {file.neuron_name(row)}"

    refuse(
        file.types >= AXON_TYPES,
        lambda row: f"{name}: {file.axon_name(row)}",
        "a crossbar core has fewer types of axons",
        f"0..{AXON_TYPES - 1}",
        file.types,
    )
    weights = file.first_weights(AXON_TYPES)
    low, high = WEIGHTS
    beyond = ((weights < low) | (weights > high)).any(axis=1)
    refuse(beyond, where, "a weight is out of range", f"{low}..{high}", weights)
    for column, (low, high) in RANGES.items():
        found = file.neuron[column]
        beyond = (found < low) | (found > high)
        refuse(beyond, where, f"`{column}` is out of range", f"{low}..{high}", found)
    floor, exact = floors(file.neuron, file.config.neuron_reset_type, _lowest(file, weights))
    refuse(
        ~exact,
        where,
        "no crossbar neuron has this negative threshold",
        SYMMETRIC_FLOORS,
        file.neuron["negative_threshold"],
        "set neuron_reset_type to 0 (asymmetric), which acts below the threshold only",
    )
    columns: dict[str, Column] = {
        **{f"weight{kind}": weights[:, kind] for kind in range(AXON_TYPES)},
        "leak": file.neuron["leak"],
        "threshold": file.neuron["positive_threshold"],
        "floor": floor,
        "reset_value": file.neuron["reset_potential"],
        "reset_mode": file.neuron["reset_mode"],
    }
    first, rows = _distinct(list(columns.values()))
    nothing = np.zeros(len(first), np.int64)
    table: dict[str, Column] = dict.fromkeys(CrossbarGraph.SCHEMA["parameter"], nothing)
    table |= {column: values[first] for column, values in columns.items()}
    return {f"parameter.{column}": values for column, values in table.items()}, rows


def _distinct(columns: list[Column]) -> tuple[I64, I64]:
    """First rows of the distinct rows of a table, and which of them every row equals."""
    key = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        if len(column) and (column != column[0]).any():
            _, codes = np.unique(column, return_inverse=True)
            _, key = np.unique(key * (int(codes.max()) + 1) + codes, return_inverse=True)
    _, first, rows = np.unique(key, return_index=True, return_inverse=True)
    return first.astype(np.int64), rows.astype(np.int64)


def _lowest(file: RancFile, weights: I64) -> I64:
    """What no membrane ever undercuts, where the symmetric floor of a linear neuron asks."""
    neuron = file.neuron
    lowest = np.full(len(weights), np.iinfo(np.int64).min)
    asks = (neuron["reset_mode"] == LINEAR) & (neuron["negative_threshold"] < 0)
    if file.config.neuron_reset_type != SYMMETRIC or not asks.any():
        return lowest
    wide = {name: column.astype(np.int64) for name, column in neuron.items()}
    known = {
        "leak": wide["leak"],
        "threshold": wide["positive_threshold"],
        "floor": -wide["negative_threshold"],
        "reset_value": wide["reset_potential"],
        "reset_mode": wide["reset_mode"],
        "floor_mode": np.zeros(len(weights), np.int64),
    }
    types, first = file.axon_types(), file.first_neuron
    for core in np.unique(np.searchsorted(first, np.flatnonzero(asks), "right") - 1):
        own = slice(first[core], first[core + 1])
        bits = crossbar_bits(file.blocks[file.block[core]], int(file.neurons[core]))
        down, up = steps(bits, types[core], weights[own])
        parameter = {name: column[own] for name, column in known.items()}
        lowest[own] = reach(parameter, wide["current_potential"][own], down, up, 1).always
    return lowest
