"""Target files: what is refused, where the message points, and what a variant inherits."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmcompile.data import targets_dir
from nmcompile.diagnostics import NmError
from nmcompile.target import Target, load_target, target_files, target_names

LOIHI2 = (targets_dir() / "loihi2.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str, name: str = "chip.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def errors_of(path: Path) -> list[tuple[str, str]]:
    with pytest.raises(NmError) as caught:
        load_target(path)
    assert caught.value.exit_code == 1
    return [(d.code, d.where.removeprefix(f"{path}:")) for d in caught.value.diagnostics]


def line_of(text: str, start: str) -> int:
    return 1 + next(i for i, line in enumerate(text.splitlines()) if line.startswith(start))


def edited(old: str, new: str) -> str:
    assert LOIHI2.count(old) >= 1, old
    return LOIHI2.replace(old, new, 1)


def test_unknown_key_is_refused_with_the_nearest_legal_key(tmp_path: Path) -> None:
    text = edited("in_axons =", "in_axon =")
    path = written(tmp_path, text)
    with pytest.raises(NmError) as caught:
        load_target(path)
    unknown = next(d for d in caught.value.diagnostics if d.code == "NM0603")
    assert unknown.where == f"{path}:{line_of(text, 'in_axon =')}:1"
    assert unknown.help == ("did you mean `in_axons`?",)


def test_all_independent_errors_come_together_in_file_order(tmp_path: Path) -> None:
    text = edited("neurons = {", "nurons = {").replace('unit = "mW"', 'unit = "pJ"')
    text = text.replace("value = 17,", "value = 17.5,")
    found = errors_of(written(tmp_path, text))
    assert [code for code, _ in found] == ["NM0605", "NM0603", "NM0604", "NM0604", "NM0604"]
    lines = [int(place.split(":")[0]) for _, place in found]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("value = 8192,", 'value = "8192",', "NM0604"),
        ("value = 8192,", "value = 0,", "NM0604"),
        ("value = 8192,", "value = true,", "NM0604"),
        ("value = 120,", "value = 200,", "NM0604"),
        ('where = "1 M per chip"', 'where = "x", low = 9000', "NM0604"),
        ('kind = "unknown", source = "intel2021"', 'kind = "assumed", source = "lava"', "NM0604"),
        ("value = 3.0,", 'value = 3.0, kind2 = "x",', "NM0603"),
        ("value = 3.0,", "value = -3.0,", "NM0604"),
        ("value = 3.0,", "value = inf,", "NM0604"),
        ('unit = "tick"', 'unit = "ms"', "NM0604"),
        ('soft_reset = "microcode"', 'soft_reset = "magic"', "NM0604"),
        ('backend = "loihi"', "", "NM0605"),
        ('source = "lavadl"', 'source = "lavald"', "NM0609"),
        ('name = "loihi2"', 'name = "loihi2', "NM0602"),
        ('name = "loihi2"', 'name = "Loihi 2"', "NM0604"),
        ("cores_per_router = { value = 4,", "cores_per_router = { value = 1,", "NM0604"),
        ('name = "loihi2"', 'name = "loihi2"\ncost_model = "jin2022"', "NM0604"),
    ],
)
def test_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert errors_of(written(tmp_path, edited(old, new)))[0][0] == code


def test_a_wrong_cost_model_says_where_it_is_and_what_there_is(tmp_path: Path) -> None:
    text = edited('name = "loihi2"', 'cost_model = "jin2022"\nname = "loihi2"')
    path = written(tmp_path, text)
    with pytest.raises(NmError) as caught:
        load_target(path)
    [refused] = caught.value.diagnostics
    assert refused.where == f"{path}:{line_of(text, 'cost_model')}:1"
    assert "jin2023" in refused.message
    assert "jin2022" in refused.found


def test_a_number_of_kind_unknown_cannot_be_zero(tmp_path: Path) -> None:
    text = edited('chip_crossing = { unit = "pJ",', 'chip_crossing = { value = 0.0, unit = "pJ",')
    assert errors_of(written(tmp_path, text))[0][0] == "NM0604"


def test_unreadable(tmp_path: Path) -> None:
    assert errors_of(tmp_path / "absent.toml")[0][0] == "NM0606"
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert errors_of(tmp_path / "binary.toml")[0][0] == "NM0606"
    assert errors_of(written(tmp_path, "#" * (2 << 20)))[0][0] == "NM0606"


VARIANT = """
extends = "loihi2"
name = "half"
title = "half a chip"
[chip]
cores = { value = 60, unit = "1", kind = "assumed", source = "me" }
[sources]
me = { title = "mine" }
"""


def test_variant_inherits_everything_else(tmp_path: Path) -> None:
    variant, base = load_target(written(tmp_path, VARIANT)), load_target("loihi2")
    assert variant.chip.cores.value == 60
    assert variant.chip.cores.low is None  # replaced whole: no range of the parent is left
    assert variant.core == base.core
    assert variant.aliases == ()
    assert variant.digest != base.digest
    assert "davies2018" in variant.sources


def test_errors_in_a_variant_point_into_the_right_file(tmp_path: Path) -> None:
    written(tmp_path, edited("neurons = {", "nurons = {"), "parent.toml")
    child = VARIANT.replace('"loihi2"', '"parent.toml"').replace("60,", '"60",')
    with pytest.raises(NmError) as caught:
        load_target(written(tmp_path, child))
    places = {d.where.rsplit("/", 1)[-1].split(":")[0] for d in caught.value.diagnostics}
    assert places == {"parent.toml", "chip.toml"}


@pytest.mark.parametrize("parent", ['"chip.toml"', '"absent.toml"', "3"])
def test_extends_that_cannot_be_followed(tmp_path: Path, parent: str) -> None:
    text = VARIANT.replace('"loihi2"', parent)
    assert errors_of(written(tmp_path, text)) == [("NM0608", "2:1")]


def test_extends_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(NmError) as caught:
        load_target(written(tmp_path, VARIANT.replace('"loihi2"', '"lohi2"')))
    assert caught.value.codes == ("NM0607",)


def test_names_aliases_and_paths() -> None:
    assert load_target("loihi").name == "loihi2"
    assert load_target(targets_dir() / "loihi1.toml").name == "loihi1"
    assert set(target_names()) >= {"example", "loihi1", "loihi2"}
    with pytest.raises(NmError) as caught:
        load_target("lohi1")
    assert "did you mean `loihi1`?" in caught.value.diagnostics[0].help


def test_no_two_targets_share_a_name_or_alias() -> None:
    names = [name for file in target_files() for name in (file.name, *file.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", target_names())
def test_resolved_file_loads_to_the_same_target(name: str, tmp_path: Path) -> None:
    target = load_target(name)
    again = load_target(written(tmp_path, target.to_toml()))
    assert again.model_dump() == target.model_dump()
    assert again.digest == target.digest


def test_digest_ignores_comments_and_the_place_of_the_file(tmp_path: Path) -> None:
    assert load_target(written(tmp_path, LOIHI2 + "\n# a comment\n")).digest == (
        load_target("loihi2").digest
    )
    changed = edited("value = 8192,", "value = 8191,")
    assert load_target(written(tmp_path, changed)).digest != load_target("loihi2").digest


def test_citation_names_no_folder(tmp_path: Path) -> None:
    target: Target = load_target(written(tmp_path, LOIHI2))
    citation = target.cite("core.neurons")
    assert citation.startswith("chip.toml: core.neurons = 8192 [published: intel2021")
    assert str(tmp_path) not in citation


def test_a_target_is_immutable() -> None:
    target = load_target("loihi2")
    with pytest.raises(ValueError, match="frozen"):
        target.core.neurons.value = 1  # type: ignore[misc]
