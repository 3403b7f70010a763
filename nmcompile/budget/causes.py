"""Why two reports differ: which of the things that figures follow from has changed."""

from __future__ import annotations

from typing import Final

from nmcompile.budget.snapshot import Snapshot

_WORDS: Final = {
    "nmcompile": "another version of nmcompile",
    "model": "another model file",
    "calibration": "other calibration data",
    "energy table": "another energy or time table",
}
"""What changes by itself, and what to call it."""

_FOLLOWS: Final = (
    ("float", "the model's program", ("nmcompile", "model")),
    ("integer", "conversion settings", ("float", "calibration")),
    ("golden", "the target's rules", ("integer",)),
    ("mapping", "the mapping", ("golden",)),
    ("target", "other figures of the target", ("energy table", "golden")),
)
"""A level, what to call its change, and the levels that explain it when they changed too."""


def causes(old: Snapshot, new: Snapshot) -> tuple[str, ...]:
    """Changes that explain all others, upstream first; empty when nothing changed."""
    changed = {
        name
        for name in (*old.origin, *new.origin)
        if old.origin.get(name, "") != new.origin.get(name, "")
    }
    found = [words for name, words in _WORDS.items() if name in changed]
    found += [
        words
        for name, words, explained_by in _FOLLOWS
        if name in changed and not changed.intersection(explained_by)
    ]
    return tuple(found)
