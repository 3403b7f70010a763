"""What the parts of this benchmark share: data, models, lowering, the result file."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from nmcompile.backends.registry import backend_of
from nmcompile.build.compiled import Options, lower, prepared
from nmcompile.datasets.sequence import VideoSequence, open_sequence
from nmcompile.frontends import load
from nmcompile.frontends.checkpoint import load_checkpoint, save_checkpoint
from nmcompile.frontends.wrap import wrap_state_dict
from nmcompile.ir.program import Program
from nmcompile.passes.recipe import Recipe
from nmcompile.target import load_target

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared" / "data"))
QUICK = os.environ.get("QUICK") == "1"
SEQUENCES = ("Crossing", "Couple", "Dog", "Football1", "vot15_bag")
SHORT = ("Football1", "Crossing")
QUICK_FRAMES = 20
SHIPPED = ROOT / "models" / "siamsnn" / "siamsnn.pt"
THIRD_PARTY = {
    "fdsiamfc_15": "FDSiamfc_15.pth",
    "fdsiamfc_30": "FDSiamfc_30.pth",
    "siamfc_3s": "siamfc_3s_alexnet.safetensors",
}


def sequences() -> list[VideoSequence]:
    """The real sequences (the beginnings of two when quick)."""
    if not (DATA / "sequences").is_dir():
        sys.exit(f"the real sequences are not at {DATA}: set NMCOMPILE_DATA")
    if not QUICK:
        return [open_sequence(DATA / "sequences" / name) for name in SEQUENCES]
    return [_beginning(open_sequence(DATA / "sequences" / name)) for name in SHORT]


def _beginning(sequence: VideoSequence) -> VideoSequence:
    frames = [sequence.frames[i] for i in range(QUICK_FRAMES)]
    boxes = None if sequence.boxes is None else sequence.boxes[:QUICK_FRAMES]
    return VideoSequence(sequence.name, frames, boxes)


def checkpoint(model: str, scratch: Path) -> Path:
    """The shipped checkpoint, or third-party weights made into one.

    Third-party weights are calibrated on the crops that the shipped checkpoint carries, which
    come from none of the sequences.
    """
    if model == "siamsnn":
        return SHIPPED
    path = scratch / f"{model}.pt"
    if not path.exists():
        wrapped = wrap_state_dict(DATA / "weights" / THIRD_PARTY[model])
        crops = load_checkpoint(SHIPPED).images
        save_checkpoint(dataclasses.replace(wrapped, images=crops), path)
    return path


def programs(path: Path, recipe: Recipe) -> dict[str, Program]:
    """Float and integer program of a checkpoint under a recipe (Loihi 2's rules behind them)."""
    target = load_target("loihi2")
    compiled = prepared(load(path), target, Options(recipe))
    lower(compiled, backend_of(target))
    return compiled.programs


def write_result(part: str, figures: list[dict[str, object]], rows: object) -> None:
    """benchmarks/siamsnn/PART.json: figures in the common form, and every row measured."""
    packages = {name: version(name) for name in ("nmcompile", "numpy", "torch", "numba")}
    body = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version(), **packages},
        "figures": figures,
        "rows": rows,
    }
    name = f"{part}-quick.json" if QUICK else f"{part}.json"
    (HERE / name).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def figure(
    name: str,
    value: object,
    unit: str,
    *,
    goal: object = None,
    peer: str | None = None,
    peer_value: object = None,
) -> dict[str, object]:
    """One figure in the form that all benchmarks share."""
    command = "make bench-siamsnn"
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "goal": goal,
        "peer": peer,
        "peer_value": peer_value,
        "command": command,
    }


def markdown(header: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
