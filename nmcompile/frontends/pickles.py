"""What a pickle would do, read from its opcodes without doing any of it."""

from __future__ import annotations

import io
import pickletools
import re
from dataclasses import dataclass
from typing import Any, Final

from nmcompile.frontends import refusals

_LEGACY_TORCH_MAGIC: Final = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The magic number, pickled, that begins what torch.save wrote before version 1.6."""

SCAN_BYTES: Final = 64 * 2**20
"""Longest pickle that is inspected; a state dict's is a few kilobytes."""

# What a dictionary of tensors and JSON values needs; torch's weights-only loader knows the same.
_PLAIN: Final = re.compile(
    r"collections\.OrderedDict"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|parameter)"
    r"|torch\.(storage\.)?\w*Storage"
    r"|torch\.(Size|device|Tensor|nn\.parameter\.Parameter)"
    r"|torch\.(u?int\d+|float\d+|bfloat16|bool)"
)
_TEXT_GETS: Final = ("BINGET", "LONG_BINGET", "GET")
_TEXT_PUTS: Final = ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE")


@dataclass(frozen=True)
class Scan:
    """The findings on one or several pickles in a row.

    Attributes:
        names: dotted names of the classes and functions that it asks for, in order.
        texts: its first strings, in order.
        complete: whether the opcodes ended with STOP.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    complete: bool

    @property
    def foreign(self) -> str | None:
        """The first name that plain tensors and JSON types do not need, or None."""
        return next((n for n in self.names if not _PLAIN.fullmatch(n)), None)


def is_legacy_torch(head: bytes) -> bool:
    """Whether these first bytes are a file of the old torch layout (of any pickle protocol)."""
    return head[:1] == b"\x80" and _LEGACY_TORCH_MAGIC in head[:24]


def scan(data: bytes, pickles: int = 1) -> Scan:
    """Inspect up to `pickles` concatenated pickles at the start of `data`; runs nothing."""
    stream = io.BytesIO(data[:SCAN_BYTES])
    reader = _Reader()
    complete = True
    for _ in range(pickles):
        complete = complete and reader.read(stream)
    return Scan(tuple(reader.names), tuple(reader.texts), complete)


class _Reader:
    """Collects names and strings over the opcodes, following the memo for strings only."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.texts: list[str] = []

    def read(self, stream: io.BytesIO) -> bool:
        self._memo: dict[int, str] = {}
        self._memo_size = 0
        self._recent: list[str] = ["?", "?"]
        self._last = "?"
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                self._step(opcode.name, argument)
        except refusals.READ_ERRORS:
            return False
        return True

    def _step(self, name: str, argument: Any) -> None:
        if name in ("GLOBAL", "INST"):
            self.names.append(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            self.names.append(".".join(self._recent[-2:]))
        elif name in ("EXT1", "EXT2", "EXT4"):
            self.names.append(f"copyreg extension {argument}")
        if name in _TEXT_PUTS:
            index = self._memo_size if name == "MEMOIZE" else int(argument)
            self._memo[index] = self._last
            self._memo_size += 1
            return
        self._last = "?"
        if name in _TEXT_GETS:
            self._push(self._memo.get(int(argument), "?"))
        elif (isinstance(argument, str) and "UNICODE" in name) or name.endswith("STRING"):
            self._push(str(argument))
            self.texts.append(str(argument))

    def _push(self, value: str) -> None:
        self._last = value
        self._recent.append(value)
