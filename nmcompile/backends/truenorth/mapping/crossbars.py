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

    def add(self, bits: Bits) -> int:
        """The block with these cross-points, `(axons, neurons)`."""
        axons, neurons = bits.shape
        words = -(-neurons // WORD_BITS)
        padded = np.zeros((axons, words * WORD_BITS), np.bool_)
        padded[:, :neurons] = bits
        packed = np.packbits(padded, axis=1, bitorder="little")
        key = np.array([axons, neurons], np.int64).tobytes() + packed.tobytes()
        if key not in self._known:
            self._known[key] = len(self._shapes)
            self._shapes.append((axons, neurons))
            self._words.append(packed.reshape(-1).view("<u8").astype(np.uint64))
        return self._known[key]

    def of_boxes(
        self, layer: str, forms: Sequence[tuple[int, Form]], owner: I64, bias: Bits
    ) -> int:
        """The block of a core of a layer.

        Args:
            layer: its name. forms: number and form of every box of the core.
            owner: of every neuron, the original (box by box) that it is or copies; -1 for one
                that listens to no axon.
            bias: of every original, whether it listens to the bias axon, the last one; empty
                where there is none.
        """
        key = (layer, tuple(n for n, _ in forms), owner.tobytes(), bias.tobytes())
        if key not in self._cores:
            own = [form.crossbar for _, form in forms]
            rows, columns = (sum(part.shape[k] for part in own) for k in range(2))
            whole = np.zeros((rows + bool(len(bias)), columns + 1), np.bool_)
            row = column = 0
            for part in own:
                whole[row : row + len(part), column : column + part.shape[1]] = part
                row, column = row + len(part), column + part.shape[1]
            if len(bias):
                whole[-1, :columns] = bias
            self._cores[key] = self.add(whole[:, owner])
        return self._cores[key]

    def relays(self, axon: I64, axons: int) -> int:
        """The block of a relay core whose neuron j repeats axon `axon[j]`."""
        bits = np.zeros((axons, len(axon)), np.bool_)
        bits[axon, np.arange(len(axon))] = True
        return self.add(bits)
