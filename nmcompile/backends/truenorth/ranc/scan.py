"""Where the values of a JSON text are, and `connections` arrays straight to crossbar words.

A file of a few thousand cores has a billion characters, nearly all of them zeros and ones of
`connections`. It is mapped into memory, not read; only the other values become Python objects.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int64]

QUOTE, BACKSLASH, COMMA, COLON = (ord(c) for c in '"\\,:')
OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT = (ord(c) for c in "[]{}")
SPACE, TAB, NEWLINE, RETURN = (ord(c) for c in " \t\n\r")
ZERO = ord("0")


@njit
def skip_space(text: Bytes, at: int) -> int:
    """The next place that holds no white space, at most the end."""
    while at < len(text):
        c = text[at]
        if c not in (SPACE, TAB, NEWLINE, RETURN):
            break
        at += 1
    return at


@njit
def string_end(text: Bytes, at: int) -> int:
    """The place behind the string that begins at `at`, beyond the end if it does not end."""
    at += 1
    while at < len(text) and text[at] != QUOTE:
        at += 2 if text[at] == BACKSLASH else 1
    return at + 1


@njit
def value_end(text: Bytes, at: int) -> int:
    """The place behind the value that begins at `at`, -1 if it does not end.

    Brackets are counted, not matched: whoever reads the value checks it.
    """
    start, depth = at, 0
    while at < len(text):
        c = text[at]
        if c == QUOTE:
            at = string_end(text, at)
        elif c in (OPEN_LIST, OPEN_OBJECT):
            depth += 1
            at += 1
        elif depth == 0:
            if c <= SPACE or c in (COMMA, CLOSE_LIST, CLOSE_OBJECT):
                return at if at > start else -1
            at += 1
            continue
        else:
            depth -= c in (CLOSE_LIST, CLOSE_OBJECT)
            at += 1
        if depth == 0:
            return at if at <= len(text) else -1
    return at if depth == 0 and at > start else -1


@njit
def key_of(text: Bytes, at: int) -> tuple[int, int, int]:
    """Start and end of the key at `at`, without quotes, and the start of its value.

    Returns:
        (-1, place, place) where there is no key with a colon.
    """
    if at >= len(text) or text[at] != QUOTE:
        return -1, at, at
    end = string_end(text, at)
    colon = skip_space(text, end)
    if colon >= len(text) or text[colon] != COLON:
        return -1, at, at
    return at + 1, end - 1, skip_space(text, colon + 1)


@njit
def next_value(text: Bytes, at: int, close: int) -> tuple[int, int]:
    """What follows a value that ends at `at`, within brackets that `close` closes.

    Returns:
        (1, start of the next value), (0, place behind the bracket), (-1, place) for neither.
    """
    at = skip_space(text, at)
    if at < len(text) and text[at] == close:
        return 0, at + 1
    if at < len(text) and text[at] == COMMA:
        return 1, skip_space(text, at + 1)
    return -1, at


@njit
def first_value(text: Bytes, at: int, opening: int, close: int) -> tuple[int, int]:
    """The first value within brackets that open at `at`; returns as `next_value`."""
    if at >= len(text) or text[at] != opening:
        return -1, at
    at = skip_space(text, at + 1)
    if at < len(text) and text[at] == close:
        return 0, at + 1
    return 1, at


@njit
def members(text: Bytes, at: int, spans: Spans) -> tuple[int, int]:
    """Keys and values of the object at `at`.

    Args:
        text: JSON.
        at: its opening bracket.
        spans: `(most, 4)` start and end of every key (without quotes) and of its value; filled.

    Returns:
        How many there are, and the place behind the object; (-1, place) where it is no object of
        at most `most` members.
    """
    found = 0
    more, at = first_value(text, at, OPEN_OBJECT, CLOSE_OBJECT)
    while more == 1 and found < len(spans):
        start, end, value = key_of(text, at)
        if start < 0:
            return -1, at
        at = value_end(text, value)
        if at < 0:
            return -1, value
        spans[found, 0], spans[found, 1], spans[found, 2], spans[found, 3] = start, end, value, at
        found += 1
        more, at = next_value(text, at, CLOSE_OBJECT)
    return (found, at) if more == 0 else (-1, at)


@njit
def connection_words(
    text: Bytes, at: int, end: int, neurons: int, axons: int, words: npt.NDArray[np.uint64]
) -> int:
    """Read `[[0, 1, ...], ...]`, one row per neuron and one digit per axon, into a crossbar.

    Args:
        text: JSON.
        at: the opening bracket. end: behind the closing one.
        neurons: rows that count; further ones belong to no neuron.
        axons: most digits of a row; the rest of a short row is 0.
        words: `(axons, W)` zeros; bit `neuron & 63` of word `neuron >> 6` of an axon's row is set.

    Returns:
        Rows that were found; -1 - place where the text is something else.
    """
    at = skip_space(text, at)
    if at >= end or text[at] != OPEN_LIST:
        return -1 - at
    row = 0
    at = skip_space(text, at + 1)
    if at < end and text[at] == CLOSE_LIST:
        return 0
    while at < end:
        if text[at] != OPEN_LIST:
            return -1 - at
        word, bit = row >> 6, np.uint64(row & 63)
        column = 0
        at = skip_space(text, at + 1)
        while at < end and text[at] != CLOSE_LIST:
            digit = np.int64(text[at]) - ZERO
            if digit < 0 or digit > 1 or column >= axons:
                return -1 - at
            # without a branch: which digit comes next cannot be foreseen
            if row < neurons:
                words[column, word] |= np.uint64(digit) << bit
            column += 1
            at += 1
            if at < end and text[at] <= SPACE:
                at = skip_space(text, at)
            if at >= end or text[at] not in (COMMA, CLOSE_LIST):
                return -1 - at
            if text[at] == COMMA:
                at += 1
                if at < end and text[at] <= SPACE:
                    at = skip_space(text, at)
                if at < end and text[at] == CLOSE_LIST:
                    return -1 - at
        row += 1
        at = skip_space(text, at + 1)
        if at >= end or text[at] not in (COMMA, CLOSE_LIST):
            return -1 - at
        if text[at] == CLOSE_LIST:
            return row
        at = skip_space(text, at + 1)
    return -1 - at
