"""The support matrix is that of the recorded answers, and these agree with the recorded builds."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def support() -> ModuleType:
    spec = importlib.util.spec_from_file_location("support", ROOT / "models" / "support.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def answers(support: ModuleType) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(support.ANSWERS.read_text(encoding="utf-8"))
    return found


def test_documents_are_those_of_the_answers(
    support: ModuleType, answers: list[dict[str, Any]]
) -> None:
    text = support.README.read_text(encoding="utf-8")
    assert support.MARKED.search(text)
    assert support.readme(text, answers) == text
    kept = (ROOT / "models" / "SUPPORT.md").read_text(encoding="utf-8")
    assert support.document(answers) == kept


def test_every_shipped_model_was_asked_on_every_chip(
    support: ModuleType, answers: list[dict[str, Any]]
) -> None:
    wanted = {(model, target) for model in support.models() for target in support.TARGETS}
    assert {(a["model"], a["target"]) for a in answers} == wanted


def test_what_fits_takes_the_cores_of_its_recorded_build(answers: list[dict[str, Any]]) -> None:
    by_pair = {(a["model"], a["target"]): a for a in answers}
    recorded = list((ROOT / "tests" / "golden").glob("*_*.json"))
    assert recorded
    for path in recorded:
        model, target = path.stem.rsplit("_", 1)
        assert by_pair[model, target]["cores"] == json.loads(path.read_text())["cores"], path.stem


def test_every_refusal_names_layers_and_code(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        assert ("cores" in answer) != ("problems" in answer)
        for problem in answer.get("problems", ()):
            assert problem["layers"], answer
            assert problem["code"].startswith("NM"), answer
