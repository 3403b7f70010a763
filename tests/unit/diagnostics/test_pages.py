"""Every code that the source uses has one explanation page, and every page has a use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nmcompile
from nmcompile.diagnostics import NmError, exit_code_of, explain, explained_codes
from nmcompile.diagnostics.explain import title_of

SOURCE = Path(nmcompile.__file__).parent
SECTIONS = ["## What it means", "## Why", "## How to go on"]


def used_codes() -> set[str]:
    """The codes that stand in string literals of the source; docstrings may mention ranges."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.name != "exit_codes.py":
            found |= set(re.findall(r"[\"'](NM\d{4})[\"']", path.read_text(encoding="utf-8")))
    return found


def test_every_used_code_has_a_page() -> None:
    assert sorted(used_codes() - set(explained_codes())) == []


def test_no_page_is_orphaned() -> None:
    assert sorted(set(explained_codes()) - used_codes()) == []


@pytest.mark.parametrize("code", explained_codes())
def test_page_follows_the_convention(code: str) -> None:
    exit_code_of(code)
    page = explain(code)
    title = page.splitlines()[0]
    assert re.fullmatch(rf"# {code}: \S.*[^.]", title)
    assert title_of(code)
    assert re.findall(r"^## .*$", page, flags=re.MULTILINE) == SECTIONS
    assert page.endswith("\n")
    bodies = re.split(r"^#.*$", page, flags=re.MULTILINE)[2:]
    assert all(body.strip() for body in bodies)


def test_codes_are_found_in_any_case() -> None:
    assert explain("nm0602") == explain("NM0602")


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(NmError) as caught:
        explain("NM0699")
    assert caught.value.codes == ("NM0003",)
