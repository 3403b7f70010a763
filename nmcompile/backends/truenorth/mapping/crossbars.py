"""Crossbar blocks: one row of bits per axon, one column per neuron; equal blocks are one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.mapping.forms import Form
from nmcompile.mapping.crossbar_graph import WORD_BITS

Bits = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]


class Blocks:
    """Collects the blocks of all cores."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._shapes: list[tuple[int, int]] = []
        self._words: list[npt.NDArray[np.uint64]] = []
        self._cores: dict[tuple[object, ...], int] = {}
        self._taps: dict[bytes, int] = {}
        self._forms: list[I64] = []
        self._slots: list[tuple[int, int, int]] = []

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The tables `block` and `crossbar`."""
        sizes = np.array([len(words) for words in self._words], np.int64)
        shapes = np.array(self._shapes, np.int64).reshape(-1, 2)
        return {
            "block.word0": np.cumsum(sizes) - sizes,
            "block.axons": shapes[:, 0],
            "block.neurons": shapes[:, 1],
            "crossbar.word": np.concatenate([np.zeros(0, np.uint64), *self._words]),
        }

    def written(self) -> dict[str, npt.NDArray[np.generic]]:
        """The tables `slot` and `tap` of crossbars that hold a template."""
        slots = np.array(self._slots, np.int64).reshape(-1, 3)
        numbers = np.repeat(np.arange(len(self._forms)), [len(f) for f in self._forms])
        taps = np.concatenate([np.zeros((0, 5), np.int64), *self._forms])
        names = ("axon", "neuron", "element", "plane", "sign")
        return {
            **{f"slot.{n}": slots[:, k] for k, n in enumerate(("block", "form", "element0"))},
            "tap.form": numbers,
            **{f"tap.{n}": taps[:, k] for k, n in enumerate(names)},
        }

    def add(self, bits: Bits, holds: str = "") -> int:
        """The block with these cross-points, `(axons, neurons)`.

        Args:
            bits: the cross-points. holds: what the host will write into them; blocks of different
                contents are never one.
        """
        axons, neurons = bits.shape
        words = -(-neurons // WORD_BITS)
        padded = np.zeros((axons, words * WORD_BITS), np.bool_)
        padded[:, :neurons] = bits
        packed = np.packbits(padded, axis=1, bitorder="little")
        key = np.array([axons, neurons], np.int64).tobytes() + packed.tobytes() + holds.encode()
        if key not in self._known:
            self._known[key] = len(self._shapes)
            self._shapes.append((axons, neurons))
            self._words.append(packed.reshape(-1).view("<u8").astype(np.uint64))
        return self._known[key]

    def of_boxes(
        self, layer: str, forms: Sequence[tuple[int, Form]], owner: I64, driven: Sequence[Bits]
    ) -> int:
        """The block of a core of a layer.

        Args:
            layer: its name. forms: number and form of every box of the core.
            owner: of every neuron, the original (box by box) that it is or copies; -1 for one
                that listens to no axon.
            driven: of every axon that the host drives, the last ones, whether each original
                listens to it.
        """
        key = (layer, tuple(n for n, _ in forms), owner.tobytes(), *(d.tobytes() for d in driven))
        if key not in self._cores:
            own = [form.crossbar for _, form in forms]
            rows, columns = (sum(part.shape[k] for part in own) for k in range(2))
            whole = np.zeros((rows + len(driven), columns + 1), np.bool_)
            row = column = 0
            for part in own:
                whole[row : row + len(part), column : column + part.shape[1]] = part
                row, column = row + len(part), column + part.shape[1]
            for index, listens in enumerate(driven, rows):
                whole[index, :columns] = listens
            self._cores[key] = self.add(whole[:, owner])
        return self._cores[key]

    def of_template(self, layer: str, forms: Sequence[tuple[int, Form]], owner: I64) -> int:
        """The open block of a core of a layer that holds a template.

        Args:
            layer, forms, owner: see `of_boxes`.
        """
        key = (layer, tuple(n for n, _ in forms), owner.tobytes())
        if key not in self._cores:
            own = [form.elements for _, form in forms]
            whole = np.zeros([sum(part.shape[k] for part in own) for k in range(2)], np.int64)
            row = column = 0
            for part in own:
                whole[row : row + len(part), column : column + part.shape[1]] = part
                row, column = row + len(part), column + part.shape[1]
            planes = np.concatenate([form.planes for _, form in forms])[owner]
            self._cores[key] = self._template(whole[:, owner], planes)
        return self._cores[key]

    def _template(self, elements: I64, planes: npt.NDArray[np.int32]) -> int:
        """An open block and its taps; taps that differ in their first element only are stored once.

        Args:
            elements: `(axons, neurons)` from 1 and signed, 0 for none. planes: of every neuron.
        """
        axon, neuron = np.nonzero(elements)
        value = elements[axon, neuron]
        number = np.abs(value) - 1
        first = int(number.min(initial=np.iinfo(np.int32).max))
        rows = np.stack([axon, neuron, number - first, planes[neuron], np.sign(value)], axis=1)
        form = self._taps.setdefault(rows.tobytes(), len(self._taps))
        if form == len(self._forms):
            self._forms.append(rows)
        fresh = len(self._shapes)
        block = self.add(np.zeros(elements.shape, np.bool_), f"template {form} {first}")
        if block == fresh:
            self._slots.append((block, form, first))
        return block

    def relays(self, axon: I64, axons: int) -> int:
        """The block of a relay core whose neuron j repeats axon `axon[j]`."""
        bits = np.zeros((axons, len(axon)), np.bool_)
        bits[axon, np.arange(len(axon))] = True
        return self.add(bits)
