"""Where each key of a TOML file stands: line and column, for diagnostics.

``tomllib`` gives values without positions. This scanner walks a text that ``tomllib`` has
already accepted, so it only needs to know where keys, tables and values begin and end.
"""

from __future__ import annotations

import re
from typing import Final

Key = tuple[str | int, ...]
Position = tuple[int, int]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^\s,\]}#]+(?: \d[^\s,\]}#]*)?")  # a date may hold one space
_SPACE: Final = " \t"
_GAP: Final = " \t\r\n"


class TomlPositions:
    """Maps the path of a key (``("core", "neurons", "value")``) to (line, column), from 1.

    Elements of arrays of tables have their index in the path.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: dict[Key, Position] = {}
        self._counts: dict[Key, int] = {}
        self._document()

    def find(self, path: Key) -> Position:
        """The position of ``path``, or of its closest parent, or (1, 1)."""
        while path:
            if path in self._found:
                return self._found[path]
            path = path[:-1]
        return (1, 1)

    def _document(self) -> None:
        table: Key = ()
        while self._skip(_GAP):
            if self._text.startswith("[[", self._at):
                self._at += 2
                table = self._resolve(self._key(), self_is_element=True)
                self._at = self._text.index("]]", self._at) + 2
            elif self._text[self._at] == "[":
                self._at += 1
                table = self._resolve(self._key(), self_is_element=False)
                self._at = self._text.index("]", self._at) + 1
            else:
                self._pair(table)

    def _resolve(self, key: list[tuple[str, int]], *, self_is_element: bool) -> Key:
        """Record a table header; names of arrays of tables stand for their newest element."""
        path: Key = ()
        for number, (name, offset) in enumerate(key):
            path = (*path, name)
            self._record(path, offset)
            if self_is_element and number == len(key) - 1:
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
                self._record(path, offset)
        return path

    def _pair(self, table: Key) -> None:
        path = table
        for name, offset in self._key():
            path = (*path, name)
            self._record(path, offset)
        self._at = self._text.index("=", self._at) + 1
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Key) -> None:
        opening = self._text[self._at]
        if opening in "\"'":
            self._string()
        elif opening == "[":
            self._at += 1
            index = 0
            while self._skip(_GAP + ",") and self._text[self._at] != "]":
                self._record((*path, index), self._at)
                self._value((*path, index))
                index += 1
            self._at += 1
        elif opening == "{":
            self._at += 1
            while self._skip(_GAP + ",") and self._text[self._at] != "}":
                self._pair(path)
            self._at += 1
        else:
            match = _SCALAR.match(self._text, self._at)
            self._at = match.end() if match else self._at + 1

    def _string(self) -> str:
        quote = self._text[self._at]
        mark = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        start = self._at = self._at + len(mark)
        while not self._text.startswith(mark, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        content = self._text[start : self._at]
        self._at += len(mark)
        if len(mark) == 3:  # up to two quotes may stand before the closing mark
            while self._text.startswith(quote, self._at):
                self._at += 1
        return content

    def _key(self) -> list[tuple[str, int]]:
        parts: list[tuple[str, int]] = []
        while self._skip(_SPACE):
            offset = self._at
            if self._text[self._at] in "\"'":
                parts.append((self._string(), offset))
            else:
                match = _BARE.match(self._text, self._at)
                if match is None:
                    break
                self._at = match.end()
                parts.append((match.group(), offset))
            self._skip(_SPACE)
            if self._at >= len(self._text) or self._text[self._at] != ".":
                break
            self._at += 1
        return parts

    def _skip(self, characters: str) -> bool:
        """Skip characters and comments; False at the end of the text."""
        while self._at < len(self._text):
            if self._text[self._at] in characters:
                self._at += 1
            elif self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            else:
                return True
        return False

    def _record(self, path: Key, offset: int) -> None:
        line = self._text.count("\n", 0, offset) + 1
        column = offset - self._text.rfind("\n", 0, offset)
        self._found.setdefault(path, (line, column))
