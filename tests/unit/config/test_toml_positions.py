"""The TOML locator agrees with the text, whatever tomllib accepts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from nmcompile.data import targets_dir
from nmcompile.toml_positions import Key, TomlPositions

TEXT = '''\
# comment with = and [brackets]
top = "a # string with \\" and = signs"
"quoted key".inner = 1

[core]
neurons = { value = 1, unit = "1, }" , "low" = -2 } # trailing
list = [
  1, # one
  { x = "]" },
]
when = 1979-05-27 07:32:00
  text = """
  fake = 1
  [fake]
  quotes at the end\\\\"""""

[a . b]
c = \'\'\'literal \\\'\'\'
[[items]]
name = 'first'
[[items]]
name = "second"
[items.sub]
deep = true
'''


def leaves(data: Any, path: Key = ()) -> Iterator[Key]:
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))


def at(text: str, position: tuple[int, int]) -> str:
    line, column = position
    return text.splitlines()[line - 1][column - 1 :]


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        (("top",), "top ="),
        (("quoted key", "inner"), "inner = 1"),
        (("core",), "core]"),
        (("core", "neurons", "unit"), 'unit = "1, }"'),
        (("core", "neurons", "low"), '"low" = -2'),
        (("core", "list", 1, "x"), 'x = "]"'),
        (("core", "when"), "when ="),
        (("core", "text"), "text ="),
        (("a", "b", "c"), "c ="),
        (("items", 0, "name"), "name = 'first'"),
        (("items", 1, "name"), 'name = "second"'),
        (("items", 1, "sub", "deep"), "deep"),
        (("core", "neurons", "absent"), "neurons ="),
    ],
)
def test_position(path: Key, rest: str) -> None:
    assert at(TEXT, TomlPositions(TEXT).find(path)).startswith(rest)


def test_nothing_is_found_that_tomllib_does_not_have() -> None:
    positions = TomlPositions(TEXT)
    assert positions.find(("fake",)) == (1, 1)
    assert positions.find(("core", "fake")) == positions.find(("core",))


@pytest.mark.parametrize("name", sorted(p.name for p in targets_dir().glob("*.toml")))
def test_every_key_of_the_target_files_is_found(name: str) -> None:
    text = (targets_dir() / name).read_text(encoding="utf-8")
    positions = TomlPositions(text)
    for path in leaves(tomllib.loads(text)):
        if isinstance(path[-1], str):
            assert at(text, positions.find(path)).startswith(path[-1])
