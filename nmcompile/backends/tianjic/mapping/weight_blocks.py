"""The distinct blocks of weights of a network, as tables of its graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.forms import NO_TABLE, Forms
from nmcompile.backends.tianjic.mapping.stamp import StampCore
from nmcompile.mapping.fcore_graph import MAXIMUM, FCoreGraph
from nmcompile.mapping.fcore_weights import I8

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


class WeightBlocks:
    """Distinct blocks of weights, and which of their weights hold a template.

    Args:
        forms: in which cores may store weights.
    """

    def __init__(self, forms: Forms) -> None:
        self._forms = forms
        self._number: dict[tuple[object, ...], int] = {}
        self._rows: list[tuple[int, ...]] = []
        self._weights: list[I8] = []
        self._slot: list[I32] = []
        self._tables: list[I8] = []
        self._entry0: dict[bytes, int] = {}
        self._count = self._entries = 0

    def number(self, core: StampCore, words: I64) -> int:
        """The number of a core's block; `words` are those of a template's elements, by axon."""
        weight = np.ascontiguousarray(core.weight.astype(np.int8))
        written = None if core.element is None else (core.element.tobytes(), words.tobytes())
        given = has_weights(core)
        key = (weight.shape, weight.tobytes(), written, given)
        if key not in self._number:
            self._number[key] = len(self._rows)
            fixed = given and core.element is None
            stored, table = self._forms.stored(weight) if fixed else (weight, NO_TABLE)
            self._rows.append((self._count, *weight.shape, self._entry(table), len(table)))
            self._weights.append(stored.reshape(-1))
            if core.element is not None:
                self._add_elements(core.element, words)
            self._count += weight.size
        return self._number[key]

    def _entry(self, table: I8) -> int:
        """First entry of a table; equal tables of several cores are listed once."""
        if not len(table):
            return 0
        if table.tobytes() not in self._entry0:
            self._entry0[table.tobytes()] = self._entries
            self._tables.append(table)
            self._entries += len(table)
        return self._entry0[table.tobytes()]

    def _add_elements(self, element: I32, words: I64) -> None:
        axon, neuron = np.nonzero(element)
        signed = element[axon, neuron]
        place = self._count + axon * element.shape[1] + neuron
        columns = (place, np.abs(signed) - 1, np.sign(signed), words[axon])
        self._slot.append(np.stack(columns).astype(np.int32))

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The finished columns."""
        names = FCoreGraph.SCHEMA["block"]
        blocks = np.array(self._rows, np.int32).reshape(-1, len(names)).T
        slot = np.concatenate([np.zeros((4, 0), np.int32), *self._slot], axis=1)
        return {
            **{f"block.{n}": c for n, c in zip(names, blocks, strict=True)},
            "weight.value": np.concatenate([NO_TABLE, *self._weights]),
            "entry.value": np.concatenate([NO_TABLE, *self._tables]),
            **{f"slot.{n}": c for n, c in zip(FCoreGraph.SCHEMA["slot"], slot, strict=True)},
        }


def has_weights(core: StampCore) -> bool:
    """Whether a core multiplies: adders and cores that take a maximum store no weights."""
    return not len(core.senders) and core.kind != MAXIMUM
