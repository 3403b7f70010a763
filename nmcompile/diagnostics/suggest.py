"""Suggest the name that a user most likely meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate closest to ``name`` (case aside), or None when none is close."""
    known = {c.lower(): c for c in sorted(candidates, reverse=True)}
    close = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return known[close[0]] if close else None


def did_you_mean(name: str, candidates: Iterable[str], what: str = "known names") -> str:
    """Return a help line: ``did you mean `x`?``, or the list of what there is."""
    names = sorted(candidates)
    best = nearest(name, names)
    if best is not None:
        return f"did you mean `{best}`?"
    return f"{what}: {', '.join(names)}" if names else f"there are no {what}"
