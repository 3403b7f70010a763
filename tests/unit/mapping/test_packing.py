"""Words of synapse lists: hand-computed cases, and bits that are written out and read back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping import packing

from nmcompile.mapping.packing import Encoding, Fields, copies, signs_of

LOIHI1 = packing()
DENSE: Encoding = ("dense", 0)
SPARSE: Encoding = ("sparse", 0)


def words(encoding: Encoding, starts: list[int], lengths: list[int], fields: Fields) -> int:
    entries = LOIHI1.entries(encoding, starts, lengths)
    return LOIHI1.words(LOIHI1.bits(encoding, entries, sum(lengths), fields))


@pytest.mark.parametrize(
    ("encoding", "starts", "lengths", "fields", "bits", "expected"),
    [
        # 4 + 6 header, 6 index, 60 weights of 8 bit: 496 = 7 words and 48 bits
        (DENSE, [0], [60], Fields(8, 6), 496, 8),
        # the 61st synapse needs an entry of its own: 2 * 16 + 61 * 8
        (DENSE, [0], [61], Fields(8, 6), 520, 9),
        # 16 + 6 * 8 = 64: a full word is followed by an empty one
        (DENSE, [0], [6], Fields(8, 6), 64, 2),
        # 16 + 21 * 2 = 58 bits: 6 are left, enough
        (DENSE, [0], [21], Fields(2, 6), 58, 1),
        # 19 + 8 * 5 = 59 bits: 5 are left, too few
        (DENSE, [0], [8], Fields(5, 9), 59, 2),
        # two stretches are two entries: 2 * 20 + 6 * 8
        (DENSE, [0, 10], [3, 3], Fields(8, 10), 88, 2),
        # sparse has one entry: 10 + 6 * (8 + 10)
        (SPARSE, [0, 10], [3, 3], Fields(8, 10), 118, 2),
        # distances up to 8 need 4 bit: 20 + 6 * (8 + 4)
        (("run_length", 4), [0, 10], [3, 3], Fields(8, 10), 92, 2),
        # with 3 bit the distance of 8 begins another entry: 2 * 20 + 6 * (8 + 3)
        (("run_length", 3), [0, 10], [3, 3], Fields(8, 10), 106, 2),
        # delays lengthen every synapse: 20 + 4 * (8 + 6)
        (DENSE, [0], [4], Fields(8, 10, 6), 76, 2),
        # a source without synapses still takes a word
        (DENSE, [], [], Fields(8, 10), 0, 1),
    ],
)
def test_by_hand(
    encoding: Encoding,
    starts: list[int],
    lengths: list[int],
    fields: Fields,
    bits: int,
    expected: int,
) -> None:
    entries = LOIHI1.entries(encoding, starts, lengths)
    assert LOIHI1.bits(encoding, entries, sum(lengths), fields) == bits
    assert words(encoding, starts, lengths, fields) == expected


@pytest.mark.parametrize(
    ("low", "high", "width"),
    [
        *((0, 0, 0), (0, 1, 1), (0, 3, 2), (-1, 0, 1), (-3, 0, 2), (0, 255, 8), (0, 127, 8)),
        *((-1, 1, 2), (-2, 1, 2), (-2, 2, 3), (-8, 7, 4), (-33, 3, 8), (-128, 127, 8)),
    ],
)
def test_weight_width(low: int, high: int, width: int) -> None:
    assert LOIHI1.weight_width(low, high) == width


def test_signs() -> None:
    assert [signs_of(*r) for r in ((-1, 1), (0, 3), (-2, 0))] == ["mixed", "positive", "negative"]


@pytest.mark.parametrize(("neurons", "width"), [(1, 6), (64, 6), (65, 7), (1024, 10), (4096, 12)])
def test_index_width(neurons: int, width: int) -> None:
    assert LOIHI1.index_width(neurons) == width


@pytest.mark.parametrize(("ticks", "width"), [(0, 0), (1, 3), (7, 3), (8, 4), (31, 5), (62, 6)])
def test_delay_width(ticks: int, width: int) -> None:
    assert LOIHI1.delay_width(ticks) == width


def test_one_synapse_couples_a_second_compartment_in_one_word() -> None:
    assert LOIHI1.coupling_words == 1


@st.composite
def synapses(draw: st.DrawFn) -> list[int]:
    """Neuron indices of one source, rising, with short and long gaps."""
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 5, 8, 31, 32, 70]), max_size=150))
    found = np.cumsum([draw(st.integers(0, 40)), *steps]).tolist()
    return [index for index in found if index < 1024]


def write(indices: list[int], encoding: Encoding, fields: Fields) -> list[int]:
    """The bits of a list, one entry after the other; weights are written as ones."""
    kind, skip = encoding
    bits: list[int] = []
    here = 0
    while here < len(indices):
        entry = [indices[here]]
        while len(entry) < 60 and here + len(entry) < len(indices):
            gap = indices[here + len(entry)] - entry[-1]
            if (kind == "dense" and gap > 1) or (kind == "run_length" and gap >= 2**skip):
                break
            entry.append(indices[here + len(entry)])
        bits += field(0, 4) + field(len(entry), 6)
        bits += [] if kind == "sparse" else field(entry[0], fields.index)
        for i, index in enumerate(entry):
            bits += field(2**fields.weight - 1, fields.weight) + field(0, fields.delay)
            bits += field(index, fields.index) if kind == "sparse" else []
            bits += field(index - entry[i - 1] if i else 0, skip) if kind == "run_length" else []
        here += len(entry)
    return bits


def read(bits: list[int], encoding: Encoding, fields: Fields) -> list[int]:
    """The neuron indices that the bits of a list name."""
    kind, skip = encoding
    indices: list[int] = []
    at = 0

    def take(width: int) -> int:
        nonlocal at
        at += width
        return sum(bit << i for i, bit in enumerate(bits[at - width : at]))

    while at < len(bits):
        take(4)
        count = take(6)
        index = 0 if kind == "sparse" else take(fields.index)
        for i in range(count):
            take(fields.weight + fields.delay)
            if kind == "sparse":
                index = take(fields.index)
            elif kind == "run_length":
                index += take(skip)
            elif i:
                index += 1
            indices.append(index)
    return indices


def field(value: int, width: int) -> list[int]:
    assert 0 <= value < 2**width or width == 0
    return [(value >> i) & 1 for i in range(width)]


def in_words(bits: int) -> int:
    """Words by filling them: the last one needs room for the mark of its end."""
    count, free = 1, 64
    for _ in range(bits):
        if free == 0:
            count, free = count + 1, 64
        free -= 1
    return count if free > 5 else count + 1


def stretches(indices: list[int]) -> tuple[list[int], list[int]]:
    starts: list[int] = []
    lengths: list[int] = []
    for index in indices:
        if starts and starts[-1] + lengths[-1] == index:
            lengths[-1] += 1
        else:
            starts.append(index)
            lengths.append(1)
    return starts, lengths


@settings(max_examples=150, deadline=None)
@given(
    synapses(),
    st.sampled_from(LOIHI1.encodings),
    st.sampled_from([0, 1, 2, 5, 8]),
    st.sampled_from([0, 3, 6]),
)
def test_counted_bits_are_those_that_are_written(
    indices: list[int], encoding: Encoding, weight: int, delay: int
) -> None:
    fields = Fields(weight, 10, delay)
    bits = write(indices, encoding, fields)
    assert read(bits, encoding, fields) == indices
    starts, lengths = stretches(indices)
    entries = LOIHI1.entries(encoding, starts, lengths)
    assert LOIHI1.bits(encoding, entries, len(indices), fields) == len(bits)
    assert words(encoding, starts, lengths, fields) == in_words(len(bits))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 600), min_size=1, max_size=30), st.integers(1, 300))
def test_copies_reach_every_axon_and_one_fewer_does_not(offsets: list[int], reach: int) -> None:
    _, (count,) = copies(np.zeros(len(offsets), np.int64), np.array(offsets, np.int64), reach)
    left, best = sorted(set(offsets)), 0
    while left:
        left = [o for o in left if o >= left[0] + reach]
        best += 1
    assert count == best


def test_copies_of_several_lists() -> None:
    group = np.array([3, 3, 1, 1, 1, 3], np.int64)
    offset = np.array([0, 255, 0, 256, 512, 100], np.int64)
    lists, count = copies(group, offset, 256)
    assert lists.tolist() == [1, 3]
    assert count.tolist() == [3, 1]
