"""`build`: from a model file to a deployment folder, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nmcompile.backends.registry import backend_of
from nmcompile.build.compiled import Compiled, Options, compile_model
from nmcompile.build.deployment import (
    Deployment,
    new_folder,
    write_graphs,
    write_json,
    write_manifest,
    write_programs,
    write_stimuli,
)
from nmcompile.build.provenance import choices, seeds
from nmcompile.build.reporting import host_steps, make_report
from nmcompile.frontends import load
from nmcompile.frontends.nir import NirOptions
from nmcompile.report.serialise import report_to_json
from nmcompile.target import Target, load_target

Progress = Callable[[str], None]


@dataclass(frozen=True)
class BuildRequest:
    """What the user asked for.

    Attributes:
        model: the model file.
        target: target name, alias or path of a description; or the target itself.
        out: folder to write.
        options: see `Options`.
        nir: what a NIR file does not say.
    """

    model: Path
    target: str | Target
    out: Path
    options: Options = field(default_factory=Options)
    nir: NirOptions | None = None


@dataclass(frozen=True)
class BuildResult:
    """A finished build: where it is, and how long each step took (never stored in it)."""

    deployment: Deployment
    seconds: dict[str, float]


def build(request: BuildRequest, progress: Progress = lambda _: None) -> BuildResult:
    """Load, lower, map, verify, count, emit and write.

    Raises:
        NmError: bad input (1), does not fit (3), mismatch (5); nothing is left behind then.
    """
    progress("load")
    target = request.target
    if not isinstance(target, Target):
        target = load_target(target)
    model = load(request.model, nir=request.nir)
    with new_folder(request.out) as folder:
        compiled = compile_model(model, target, request.options, progress)
        progress("emit")
        started = time.perf_counter()
        write(compiled, folder)
        compiled.seconds["emit"] = time.perf_counter() - started
    return BuildResult(Deployment.open(request.out), compiled.seconds)


def write(compiled: Compiled, folder: Path) -> None:
    """Write every file of the deployment into `folder`."""
    backend = backend_of(compiled.target)
    write_programs(folder, compiled.programs)
    write_graphs(folder, compiled.graphs)
    write_stimuli(folder, {name: compiled.inputs[name] for name in compiled.graphs})
    write_json(folder / "host.json", host_steps(compiled))
    write_json(folder / "target.json", compiled.target.model_dump(mode="json"))
    backend.emit(compiled.golden, compiled.graphs, folder / "emit")
    body = manifest_body(compiled)
    report = make_report(compiled, digest_of(body))
    (folder / "report.json").write_text(report_to_json(report), encoding="utf-8")
    write_manifest(folder, body)


def manifest_body(compiled: Compiled) -> dict[str, object]:
    """What went in: digests, options, seeds; no clock, no path, no machine."""
    return {
        "model": {
            "name": compiled.model.program.name,
            "kind": compiled.model.kind,
            "sha256": compiled.model.sha256,
        },
        "target": {"name": compiled.target.name, "digest": compiled.target.digest},
        "backend": compiled.target.backend,
        "options": choices(compiled.options),
        "seeds": seeds(),
        "calibration": {"origin": compiled.calibration_origin, "scales": compiled.scales},
        "passes": compiled.pass_digests,
        "programs": {level: p.digest for level, p in compiled.programs.items()},
        "cores": {name: graph.digest for name, graph in compiled.graphs.items()},
    }


def digest_of(body: dict[str, object]) -> str:
    """sha256 of a manifest's inputs (hex); the report carries it, so files are not part of it."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
