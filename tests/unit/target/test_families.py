"""Two families of chips in one format: each refuses the keys of the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmcompile.backends.loihi.rules import rules_of
from nmcompile.data import targets_dir
from nmcompile.diagnostics import NmError
from nmcompile.mapping.limits import limits_of
from nmcompile.target import (
    CrossbarTarget,
    NeurocoreTarget,
    load_target,
    of_family,
    target_from_json,
)

TRUENORTH = (targets_dir() / "truenorth.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "chip.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_without_a_family_is_a_neurocore_chip() -> None:
    assert isinstance(load_target("loihi2"), NeurocoreTarget)
    assert isinstance(load_target("truenorth"), CrossbarTarget)


def test_an_unknown_family_is_refused_where_it_stands(tmp_path: Path) -> None:
    path = written(tmp_path, TRUENORTH.replace('family = "crossbar"', 'family = "crosbar"'))
    line = 1 + TRUENORTH.splitlines().index('family = "crossbar"')
    with pytest.raises(NmError) as caught:
        load_target(path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.where) == ("NM0604", f"{path}:{line}:1")
    assert found.help == ("did you mean `crossbar`?",)


def test_a_key_of_the_other_family_is_unknown(tmp_path: Path) -> None:
    entry = 'synapse_memory_bytes = { value = 1, unit = "byte", kind = "assumed", source = "nemo" }'
    text = TRUENORTH.replace("[core]\n", f"[core]\n{entry}\n")
    path = written(tmp_path, text)
    with pytest.raises(NmError) as caught:
        load_target(path)
    (found,) = caught.value.diagnostics
    assert found.code == "NM0603"
    assert found.where == f"{path}:{1 + text.splitlines().index(entry)}:1"


def test_a_missing_number_of_the_family(tmp_path: Path) -> None:
    lines = [line for line in TRUENORTH.splitlines() if not line.startswith("axon_types")]
    with pytest.raises(NmError) as caught:
        load_target(written(tmp_path, "\n".join(lines)))
    assert [d.code for d in caught.value.diagnostics] == ["NM0605"]
    assert "core.axon_types" in caught.value.diagnostics[0].message


@pytest.mark.parametrize("use", [limits_of, rules_of])
def test_a_backend_refuses_chips_of_another_family(use: object) -> None:
    with pytest.raises(NmError) as caught:
        use(load_target("truenorth"))  # type: ignore[operator]
    assert caught.value.codes == ("NM0312",)
    assert caught.value.exit_code == 3
    with pytest.raises(NmError) as caught:
        of_family(load_target("loihi2"), CrossbarTarget)
    assert caught.value.codes == ("NM0312",)


@pytest.mark.parametrize("name", ["loihi1", "truenorth"])
def test_json_keeps_the_family(name: str) -> None:
    target = load_target(name)
    again = target_from_json(json.dumps(target.model_dump(mode="json")))
    assert type(again) is type(target)
    assert again.digest == target.digest


def test_words_and_numbers_are_all_that_a_target_says() -> None:
    target = load_target("truenorth")
    said = {path for path, _ in target.numbers()} | {path for path, _ in target.capabilities()}
    content = target.model_dump()
    other = ("sources", "measured")
    sections = [k for k, v in content.items() if isinstance(v, dict) and k not in other]
    keys = {f"{s}.{k}" for s in sections for k in content[s] if k not in ("source", "where")}
    assert said == keys


LOIHI1 = (targets_dir() / "loihi1.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ('encoding = "words"', 'encoding = "wrods"', "NM0604", "[synapses]"),
        ("spill_bits = ", "spil_bits = ", "NM0603", "spil_bits"),
        ("value = [2, 3, 4, 5]", "value = [2, 4, 3]", "NM0604", "skip_bits"),
        ("value = [2, 3, 4, 5]", "value = []", "NM0604", "skip_bits"),
        ("delay_steps = {", "total_memory_bytes = {", "NM0604", "[core]"),
    ],
)
def test_faults_in_a_synapse_memory_are_found_where_they_stand(
    tmp_path: Path, old: str, new: str, code: str, line: str
) -> None:
    text = LOIHI1.replace(old, new).replace(
        'unit = "tick", kind = "assumed"', 'unit = "byte", kind = "assumed"'
    )
    path = written(tmp_path, text)
    with pytest.raises(NmError) as caught:
        load_target(path)
    number = next(n for n, row in enumerate(text.splitlines(), 1) if row.startswith(line))
    assert (code, number) in [
        (d.code, int(d.where.removeprefix(f"{path}:").split(":")[0]))
        for d in caught.value.diagnostics
    ]


def test_the_synapse_memory_says_how_it_is_filled() -> None:
    words, rows = limits_of(load_target("loihi1")), limits_of(load_target("loihi2"))
    assert words.packing is not None
    assert words.packing.index_bits == (0, 6, 7, 8, 9, 10, 11, 12)
    assert (words.words_per_axon, words.synapse_formats) == (256, 16)
    assert words.total_memory_bytes is None
    assert words.input_buffer == 8192
    assert "synapses.formats = 16" in words.source("synapse_formats")
    assert "core.delay_steps = 8" in words.source("input_buffer")
    assert rows.packing is None
    assert (rows.row_bytes, rows.run_bytes) == (2, 4)
    assert rows.threshold_configs is rows.input_buffer is None
