"""A JSON text that is mapped into memory and read part by part; errors name file and JSON path."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from nmcompile.backends.truenorth.ranc import scan
from nmcompile.diagnostics import Diagnostic, NmError

T = TypeVar("T")
Span = tuple[int, int]
OBJECT = (scan.OPEN_OBJECT, scan.CLOSE_OBJECT)
LIST = (scan.OPEN_LIST, scan.CLOSE_LIST)
READ_AHEAD = 1 << 24
"""Bytes; a multiple of every system's page size."""
MEMBERS_MAX = 64
"""Keys of one object, those that nobody reads included."""
PROBLEMS_MAX = 8
"""Faults of one value that are reported together."""


def fault(message: str, where: str, found: str = "", limit: str = "") -> Diagnostic:
    """NM0147: this is not a file that RANC could run."""
    way = "`nmcompile explain NM0147` says what the two files hold"
    return Diagnostic("NM0147", message, where, limit, found, help=(way,))


class RancText:
    """One file.

    Attributes:
        name: without its folder. data: its bytes.
    """

    def __init__(self, path: Path) -> None:
        """Map a file.

        Raises:
            NmError: NM0147.
        """
        self.name = path.name
        try:
            with path.open("rb") as file:
                self._view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise NmError(fault("cannot read this file of RANC", self.name, str(error))) from error
        self.data = np.frombuffer(self._view, np.uint8)

    def at(self, path: str) -> str:
        """How messages name a value."""
        return f"{self.name}: {path}" if path else self.name

    def value(self, adapter: TypeAdapter[T], path: str, span: Span) -> T:
        """A validated value.

        Raises:
            NmError: NM0147.
        """
        try:
            return adapter.validate_json(self.data[span[0] : span[1]].tobytes())
        except ValidationError as error:
            errors = error.errors(include_url=False)[:PROBLEMS_MAX]
            raise NmError(*(self._problem(path, span[0], e) for e in errors)) from None

    def members(self, path: str, start: int) -> tuple[dict[str, Span], int]:
        """Key -> place of its value, and the place behind the object.

        Of a repeated key the first value counts, as in RANC.

        Raises:
            NmError: NM0147 when there is no object.
        """
        spans = np.empty((MEMBERS_MAX, 4), np.int64)
        count, at = scan.members(self.data, start, spans)
        if count < 0:
            raise self._broken(path, "object", at)
        found: dict[str, Span] = {}
        for key0, key1, first, last in spans[:count].tolist():
            found.setdefault(self._string(key0, key1), (first, last))
        return found, at

    def walk(self, start: int, members: Mapping[str, Callable[[int], int]]) -> set[str]:
        """Read the members of a large object, one after the other.

        Args:
            start: its opening bracket.
            members: key -> what reads the value from its start and returns its end.

        Returns:
            The keys that were there; of a repeated key, the first value counts.

        Raises:
            NmError: NM0147 when there is no object.
        """
        seen: set[str] = set()
        more, at = scan.first_value(self.data, start, *OBJECT)
        while more == 1:
            first, last, value = scan.key_of(self.data, at)
            if first < 0:
                raise self._broken("", "object", at)
            key = self._string(first, last)
            at = self.end(value) if key in seen or key not in members else members[key](value)
            seen.add(key)
            more, at = scan.next_value(self.data, at, scan.CLOSE_OBJECT)
        if more < 0:
            raise self._broken("", "object", at)
        return seen

    def walk_list(self, path: str, start: int, element: Callable[[int], int]) -> int:
        """Read the elements of a large list, one after the other.

        What has been read leaves the memory again.

        Args:
            path: of the list, for messages.
            start: its opening bracket.
            element: reads an element from its start and returns its end.

        Returns:
            The place behind the list.

        Raises:
            NmError: NM0147 when there is no list.
        """
        kept = 0
        more, at = scan.first_value(self.data, start, *LIST)
        while more == 1:
            end = element(at)
            more, at = scan.next_value(self.data, end, scan.CLOSE_LIST)
            if at - kept > 2 * READ_AHEAD:
                self._view.madvise(mmap.MADV_DONTNEED, kept, READ_AHEAD)
                kept += READ_AHEAD
        if more < 0:
            raise self._broken(path, "list", at)
        return at

    def end(self, start: int) -> int:
        """The place behind a value.

        Raises:
            NmError: NM0147 when it does not end.
        """
        end = scan.value_end(self.data, start)
        if end < 0:
            raise self._broken("", "object", start)
        return end

    def need(self, values: dict[str, Span], path: str, key: str) -> Span:
        """The place of a key's value.

        Raises:
            NmError: NM0147 when there is no such key.
        """
        if key not in values:
            raise NmError(fault(f"`{key}` is missing", self.at(path)))
        return values[key]

    def place(self, at: int, down: int = 1, right: int = 1) -> str:
        """`file:line:column` of a byte, or of a line and column counted from it."""
        lines = np.flatnonzero(self.data[:at] == scan.NEWLINE)
        column = at - int(lines[-1]) if len(lines) else at + 1
        last = right if down > 1 else column + right - 1
        return f"{self.name}:{len(lines) + down}:{last}"

    def _string(self, start: int, end: int) -> str:
        return self.data[start:end].tobytes().decode("utf-8", "replace")

    def _broken(self, path: str, what: str, at: int) -> NmError:
        whole = path or "the file"
        return NmError(fault(f"`{whole}` is not a JSON {what}", self.place(at)))

    def _problem(self, path: str, start: int, error: Any) -> Diagnostic:
        steps = [f"[{key}]" if isinstance(key, int) else f".{key}" for key in error["loc"]]
        name = (path + "".join(steps)).lstrip(".")
        if error["type"] == "json_invalid":
            told = re.fullmatch(r"(.*) at line (\d+) column (\d+)", error["ctx"]["error"])
            what, down, right = told.groups() if told else (error["ctx"]["error"], 1, 1)
            return fault("this is not valid JSON", self.place(start, int(down), int(right)), what)
        if error["type"] == "missing":
            return fault(f"`{error['loc'][-1]}` is missing", self.at(name))
        message, shown = str(error["msg"]), repr(error["input"])
        return fault(
            f"this value is wrong: {message[:1].lower() + message[1:]}",
            self.at(name),
            shown if len(shown) <= 60 else shown[:57] + "...",
        )
