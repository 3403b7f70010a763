"""A manifest against an earlier one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nmcompile.build.manifest_check import differences, read_manifest, require_same_manifest
from nmcompile.diagnostics import NmError

MANIFEST: dict[str, Any] = {
    "nmcompile": "1",
    "model": {"sha256": "a" * 64},
    "options": {"recipe": {"timesteps": 4}},
    "programs": {"float": "b" * 64},
    "files": {"report.json": "c" * 64, "host.json": "d" * 64},
}


def changed(**sections: Any) -> dict[str, Any]:
    return {**MANIFEST, **sections}


def test_the_same_manifest_has_no_differences(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(MANIFEST), encoding="utf-8")
    assert differences(MANIFEST, MANIFEST) == []
    require_same_manifest(read_manifest(file), MANIFEST, "manifest.json")


def test_differences_stand_upstream_first() -> None:
    files = {"host.json": "d" * 64, "new.json": "1"}
    other = changed(files=files, options={"recipe": {"timesteps": 8}})
    found = differences(MANIFEST, other)
    assert found[0] == "options.recipe.timesteps: 4 -> 8"
    assert found[1:] == [
        "files.report.json: cccccccccccc... -> nothing",
        "files.new.json: nothing -> 1",
    ]
    with pytest.raises(NmError) as caught:
        require_same_manifest(MANIFEST, other, "manifest.json")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "NM0404"
    assert int(diagnostic.exit_code) == 5
    assert "timesteps" in diagnostic.found


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NmError) as caught:
        read_manifest(file)
    assert caught.value.codes == ("NM0523",)
