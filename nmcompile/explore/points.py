"""A point of the grid as work: its build, and what decides its figures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nmcompile import __version__
from nmcompile.build.calibration import SYNTHETIC
from nmcompile.build.compiled import Options
from nmcompile.build.deployment import MANIFEST
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.diagnostics import Diagnostic, NmError, as_json
from nmcompile.evaluation.parts import Part
from nmcompile.evaluation.run import run_alone
from nmcompile.evaluation.tasks import PutTogether, Result, ResultStore, Task, Tick, digest_of
from nmcompile.explore.grid import Point
from nmcompile.explore.measures import bounds_of, figures_of
from nmcompile.explore.output import BUILDS
from nmcompile.frontends.nir import NirOptions

__all__ = ["BuildTask", "PointStore", "Scored", "diagnostics_of", "do", "folder_digest"]


@dataclass(frozen=True)
class BuildTask:
    """The build of one point.

    Attributes:
        point: target and recipe.
        model: absolute path of the model file. sha256: of its bytes (hex).
        out: absolute path of the exploration's folder.
        calibrate: absolute path of a folder, "synthetic" or None. images: digest of that folder.
        verify: compare the cores with the golden network.
        schedule: how layers are folded in time.
    """

    point: Point
    model: Path
    sha256: str
    out: Path
    calibrate: str | None = None
    images: str = ""
    verify: bool = True
    schedule: str = ""

    @cached_property
    def key(self) -> dict[str, object]:
        """Everything that decides the build."""
        return {
            "nmcompile": __version__,
            "model": self.sha256,
            "target": self.point.target.digest,
            "recipe": self.point.recipe.model_dump(mode="json", exclude_unset=True),
            "calibrate": self.images or self.calibrate,
            "verify": self.verify,
            "schedule": self.schedule,
        }

    @cached_property
    def digest(self) -> str:
        """sha256 of the key (hex)."""
        return digest_of(self.key)

    @property
    def label(self) -> str:
        """The point's."""
        return f"build {self.point.label}"

    @property
    def steps(self) -> int:
        """One."""
        return 1

    @property
    def needs(self) -> tuple[Path, ...]:
        """Model, calibration images, and where to write."""
        images = () if self.calibrate in (None, SYNTHETIC) else (Path(str(self.calibrate)),)
        return (self.model, *images, self.out)

    @property
    def folder(self) -> Path:
        """Where the build lies."""
        return self.out / BUILDS / f"{self.point.target.name}-{self.digest[:16]}"


@dataclass(frozen=True)
class Scored(PutTogether):
    """A point with all that decides its row: what is stored when it is finished.

    Attributes:
        task: its build.
        dataset: protocol, level, and the digest of every sequence; empty without one.
    """

    task: BuildTask
    dataset: dict[str, object]

    @cached_property
    def key(self) -> dict[str, object]:
        """Everything that decides the row."""
        return {**self.task.key, "dataset": self.dataset}

    @property
    def label(self) -> str:
        """The point's."""
        return self.task.point.label


@dataclass(frozen=True)
class PointStore(ResultStore):
    """The results of builds and parts; a build counts only while its folder is there."""

    def load(self, task: Task) -> Result | None:
        """See `ResultStore.load`."""
        found = super().load(task)
        gone = isinstance(task, BuildTask) and not (task.folder / MANIFEST).is_file()
        return None if found is not None and found.get("built") and gone else found


def do(task: BuildTask | Part, tick: Tick) -> Result:
    """Build, or run a part of an evaluation."""
    return run_alone(task, tick) if isinstance(task, Part) else run_build(task, tick)


def run_build(task: BuildTask, tick: Tick) -> Result:
    """Build a point: its figures, or the diagnostics that refuse it. Both are results."""
    options = Options(
        recipe=task.point.recipe,
        calibrate=task.calibrate,
        verify=task.verify,
        schedule=task.schedule,
    )
    request = BuildRequest(task.model, task.point.target, task.folder, options, NirOptions())
    try:
        report = build(request).deployment.report
    except NmError as error:
        tick()
        return {"built": False, "diagnostics": [as_json(d) for d in error.diagnostics]}
    tick()
    energy = report.energy.total
    return {
        "built": True,
        "verdict": report.headline.verdict,
        "figures": figures_of(report),
        "bounds": bounds_of(report),
        "energy_j": [energy.low, energy.known_high],
    }


def diagnostics_of(result: Result) -> tuple[Diagnostic, ...]:
    """Why a build was refused."""
    return tuple(_diagnostic(fields) for fields in result["diagnostics"])


def folder_digest(path: str | None) -> str:
    """sha256 (hex) of a calibration folder's names and bytes; "" where there is no folder."""
    if path is None or path == SYNTHETIC:
        return ""
    state = hashlib.sha256()
    for file in sorted(p for p in Path(path).glob("*") if p.is_file()):
        state.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return state.hexdigest()


def _diagnostic(fields: dict[str, Any]) -> Diagnostic:
    convert: dict[str, Callable[[Any], Any]] = {"notes": tuple, "help": tuple}
    return Diagnostic(**{k: convert.get(k, lambda v: v)(v) for k, v in fields.items()})
