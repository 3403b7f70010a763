"""The generated files in ``targets/`` are what the code generates today."""

from __future__ import annotations

from nmcompile.data import targets_dir
from nmcompile.target.documents import readme_text, schema_text

STALE = "stale: run `make generated`"


def test_readme() -> None:
    assert (targets_dir() / "README.md").read_text(encoding="utf-8") == readme_text(), STALE


def test_schema() -> None:
    assert (targets_dir() / "schema.json").read_text(encoding="utf-8") == schema_text(), STALE
