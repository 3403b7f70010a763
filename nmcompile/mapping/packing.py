"""Synapses as fields of a memory of words: entries, formats, and the words of one source neuron.

The synapses of a source neuron in a core are a list of entries, each with a header and up to
`entry_synapses` synapses of one format:

* sparse: every synapse has its weight and the index of its neuron;
* run_length: the entry has the first index, every synapse the distance to the one before it;
  an entry ends where the distance is too wide for the format;
* dense: the entry has the first index, its synapses feed consecutive neurons.

    entry_bits = header + [index, unless sparse]
                 + n * (weight + delay + {index: sparse | skip: run_length | 0: dense})
    words = ceil(bits / word_bits) + (1 if fewer than `spill_bits` bits are left, or none are used)

with bits the sum over the entries. Sources of one population axon take as many words as the
longest of them (the rule of NxTF, see `targets/loihi1.toml`). A list is kept once for all axons
whose neuron indices differ by a shift of at most `base_offset_max`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
Bits = TypeVar("Bits", int, I64)
Compression = Literal["sparse", "run_length", "dense"]
Signs = Literal["mixed", "positive", "negative"]
Encoding = tuple[Compression, int]
"""How the synapses of an entry are indexed, and the width of a distance (0 but for run_length)."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Field widths and counts of a synapse memory of words; see `target.neurocore.WordSynapses`."""

    word_bits: int
    header_bits: int
    spill_bits: int
    entry_synapses: int
    index_bits: tuple[int, ...]
    skip_bits: tuple[int, ...]
    weight_bits: tuple[int, ...]
    delay_bits: tuple[int, ...]
    base_offset_max: int

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """All ways to index the synapses of an entry."""
        runs: tuple[Encoding, ...] = tuple(("run_length", bits) for bits in self.skip_bits)
        return (("dense", 0), ("sparse", 0), *runs)

    @property
    def word_bytes(self) -> int:
        """Whole bytes of a word."""
        return -(-self.word_bits // 8)

    @property
    def coupling_words(self) -> int:
        """Words of the one synapse that couples a second compartment to its neuron."""
        fields = Fields(self.weight_bits[-1], self.index_bits[-1])
        return self.words(self.bits(("sparse", 0), 1, 1, fields))

    def index_width(self, neurons: int) -> int:
        """The narrowest index that names `neurons` neurons."""
        return _narrowest(self.index_bits, max(neurons - 1, 1).bit_length())

    def delay_width(self, ticks: int) -> int:
        """The narrowest field for delays up to `ticks`; no field where there is no delay."""
        return _narrowest(self.delay_bits, ticks.bit_length()) if ticks else 0

    def weight_width(self, low: int, high: int) -> int:
        """The narrowest field for weights from `low` to `high`.

        Weights of one sign are stored as magnitudes (the format says the sign), others in two's
        complement.
        """
        if low < 0 < high:
            return _narrowest(self.weight_bits, 1 + max((-low - 1).bit_length(), high.bit_length()))
        return _narrowest(self.weight_bits, max(-low, high).bit_length())

    def words(self, bits: Bits) -> Bits:
        """Words of a source whose entries have `bits` bits in all."""
        return (bits + self.spill_bits) // self.word_bits + 1

    def bits(self, encoding: Encoding, entries: Bits, synapses: Bits, fields: Fields) -> Bits:
        """Bits of `entries` entries that hold `synapses` synapses."""
        compression, skip = encoding
        sparse = compression == "sparse"
        header = self.header_bits + (0 if sparse else fields.index)
        each = fields.weight + fields.delay + (fields.index if sparse else skip)
        return entries * header + synapses * each

    def entries(self, encoding: Encoding, starts: Sequence[int], lengths: Sequence[int]) -> int:
        """Entries for the neurons `starts[i] .. starts[i] + lengths[i] - 1`, in rising order."""
        compression, skip = encoding
        reach = {"dense": 1, "sparse": None, "run_length": 2**skip - 1}[compression]
        count = together = 0
        end: int | None = None
        for start, length in zip(starts, lengths, strict=True):
            # `end` is the last neuron so far: a stretch further away begins an entry
            if end is not None and reach is not None and start - end > reach:
                count += -(-together // self.entry_synapses)
                together = 0
            together += length
            end = start + length - 1
        return count + -(-together // self.entry_synapses)


@dataclass(frozen=True, slots=True)
class Fields:
    """Widths of the fields of one format that do not depend on its compression."""

    weight: int
    index: int
    delay: int = 0


def _narrowest(legal: tuple[int, ...], bits: int) -> int:
    return next((width for width in legal if width >= bits), legal[-1])


def signs_of(low: int, high: int) -> Signs:
    """Which signs the weights from `low` to `high` have."""
    if low < 0 < high:
        return "mixed"
    return "negative" if low < 0 else "positive"


def copies(group: I64, offset: I64, reach: int) -> tuple[I64, I64]:
    """How often a list must be kept so that every axon reaches a copy.

    Args:
        group: the list of every axon.
        offset: the shift of its neuron indices.
        reach: shifts that one copy serves: its own to its own + `reach` - 1.

    Returns:
        The lists in rising order, and the fewest copies of each.
    """
    width = int(offset.max(initial=0)) + reach + 1
    key = np.unique(group.astype(np.int64) * width + offset)
    lists, first = np.unique(key // width, return_index=True)
    stop = np.append(first[1:], len(key))
    count = np.zeros(len(lists), np.int64)
    at = first.astype(np.int64)
    active = np.arange(len(lists))
    while len(active):
        count[active] += 1
        at = np.searchsorted(key, key[at] + reach)
        more = at < stop[active]
        active, at = active[more], at[more]
    return lists, count
