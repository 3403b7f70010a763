"""Target plugins: found through their entry point, harmless when broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from nmcompile.target import load_target, plugin_problems, registry, target_names

TEXT = 'extends = "loihi2"\nname = "mychip"\ntitle = "my chip"\naliases = ["mine"]\n'


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.ENTRY_POINTS)


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mychip.toml").write_text(TEXT, encoding="utf-8")
    module = (
        "from pathlib import Path\n"
        "def target():\n    return Path(__file__).with_name('mychip.toml')\n"
        "def broken():\n    raise OSError('no such thing')\n"
    )
    (tmp_path / "house_plugin.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [entry("a", "house_plugin:target"), entry("b", "house_plugin:broken")]
    points.append(entry("c", "absent_plugin:target"))
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


@pytest.mark.usefixtures("plugins")
def test_a_plugin_target_is_like_a_built_in_one() -> None:
    assert "mychip" in target_names()
    assert load_target("mychip").core == load_target("loihi2").core
    assert load_target("mine").name == "mychip"


@pytest.mark.usefixtures("plugins")
def test_broken_plugins_are_reported_and_nothing_else() -> None:
    problems = plugin_problems()
    assert [p.code for p in problems] == ["NM0610", "NM0610"]
    assert not any(p.is_error for p in problems)
    assert "no such thing" in problems[0].found
