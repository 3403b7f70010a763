"""The deployment: the folder that a build leaves, written whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nmcompile import __version__
from nmcompile.backends.base import Simulator
from nmcompile.build.execute import (
    NetworkInput,
    NetworkRunner,
    ProgramExecutor,
    RunResult,
    Slots,
    behind_chip,
    integer_runner,
    reference_executor,
    slots_of,
)
from nmcompile.cost.rates import rates_of
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.program import Level, Program
from nmcompile.ir.serialise import load_program, save_program
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.stored import load_graph
from nmcompile.report.schema import Report
from nmcompile.report.serialise import report_from_json
from nmcompile.target import Target, target_from_json

MANIFEST = "manifest.json"
LEVELS: tuple[Level, ...] = ("float", "integer", "golden")
SCHEMA = 1
COMPUTING = ("numba", "numpy", "scipy", "torch")
"""Packages whose version a manifest names."""


@dataclass(frozen=True)
class Deployment:
    """A build folder, read lazily.

    Attributes:
        folder: where it is.
        manifest: its manifest, decoded.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Deployment:
        """Open a build folder.

        Raises:
            NmError: NM0523 when the folder is not a build.
        """
        path = Path(folder)
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            if manifest["schema"] != SCHEMA:
                raise ValueError(f"schema {manifest['schema']}")
            if not isinstance(manifest["backend"], str):
                raise TypeError("the backend is not a name")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NmError(
                Diagnostic(
                    code="NM0523",
                    message="this is not a build folder of this version",
                    where=str(path),
                    found=_unusable(path, error),
                    help=("make one with `nmcompile build MODEL --target loihi -o DIR`",),
                )
            ) from error
        return cls(path, manifest)

    def program(self, level: Level) -> Program:
        """The program at one of the levels float, integer, golden."""
        return load_program(self.folder / "program" / level)

    @cached_property
    def golden(self) -> Program:
        """The golden program."""
        return self.program("golden")

    def chip_networks(self, only: str | None = None) -> tuple[str, ...]:
        """Names of the networks on the chip, or the one asked for.

        Raises:
            NmError: NM0526 when there is no such network on the chip.
        """
        names = tuple(n.name for n in self.golden.chip_networks)
        if only is None:
            return names
        if only not in names:
            raise NmError(
                Diagnostic(
                    code="NM0526",
                    message=f"the deployment has no network `{only}` on the chip",
                    where=str(self.folder.name),
                    limit=", ".join(names),
                )
            )
        return (only,)

    def graph(self, network: str) -> MappedGraph:
        """The mapped cores of one network."""
        return load_graph(self.folder / "networks" / network / "coregraph")

    @cached_property
    def report(self) -> Report:
        """The build's report."""
        return report_from_json((self.folder / "report.json").read_text(encoding="utf-8"))

    @property
    def target(self) -> Target:
        """The target description that the build used, stored in the folder.

        Raises:
            NmError: NM0528 when the file is missing or damaged.
        """
        path = self.folder / "target.json"
        try:
            return target_from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _damaged(path, error) from error

    def stimuli(self) -> dict[str, list[NetworkInput]]:
        """Network name -> stimulus and slots of the verification frames.

        Raises:
            NmError: NM0528 when the file is missing, damaged or lacks a network of the chip.
        """
        path = self.folder / "verify" / "stimulus.safetensors"
        try:
            arrays = load_file(path)
        except (OSError, SafetensorError) as error:
            raise _damaged(path, error) from error
        found: dict[str, list[NetworkInput]] = {name: [] for name in self.chip_networks()}
        for key in sorted(k for k in arrays if "/" not in k):
            slots = {k.rsplit("/", 1)[1]: arrays[k] for k in arrays if k.startswith(f"{key}/")}
            found.setdefault(key.rsplit(".", 1)[0], []).append(NetworkInput(arrays[key], slots))
        for name, frames in found.items():
            if not frames:
                raise _damaged(path, KeyError(f"no frame of the network {name}"))
            read = slots_of(self.golden.network(name))
            if any(slot not in frame.slots for frame in frames for slot in read):
                raise _damaged(path, KeyError(f"no template of the network {name}"))
        return found

    def simulator(self, network: str) -> Simulator:
        """A simulator of the mapped cores of one network."""
        from nmcompile.backends.registry import backend_named

        return backend_named(self.manifest["backend"]).simulator(self.graph(network))

    def executor(self, level: str) -> ProgramExecutor:
        """An executor at level float, integer, golden or mapped."""
        if level != "mapped":
            return reference_executor(self.program(level))  # type: ignore[arg-type]
        chip = {n.name for n in self.golden.chip_networks}
        clocked = rates_of(self.target).time.clocked
        runners = {
            n.name: _mapped_runner(self.simulator(n.name), clocked)
            if n.name in chip
            else integer_runner(n, dense=behind_chip(self.golden, n))
            for n in self.golden.networks
        }
        return ProgramExecutor(self.golden, runners)


def _unusable(folder: Path, error: Exception) -> str:
    """What is wrong with a folder that is no build, in a user's words."""
    if not folder.is_dir():
        return "a file" if folder.exists() else "no such folder"
    if isinstance(error, FileNotFoundError):
        return f"no {MANIFEST} in it"
    return f"{MANIFEST}: {type(error).__name__}: {error}"


def _mapped_runner(simulator: Simulator, clocked: bool) -> NetworkRunner:
    """Where a clock gives the ticks, no time depends on the busiest core: totals are enough.

    Thousands of cores over a whole sequence would fill the memory.
    """

    def run(stimulus: npt.NDArray[Any], slots: Slots) -> RunResult:
        result = simulator.run(stimulus, slots)
        counters = result.counters
        if clocked and counters.cores is not None:
            counters = dataclasses.replace(counters, cores=counters.cores.summed())
        return RunResult(result.output, counters)

    return run


def _damaged(path: Path, error: Exception) -> NmError:
    first_line = str(error).splitlines()[0] if str(error) else ""
    return NmError(
        Diagnostic(
            code="NM0528",
            message="a file of the build folder is missing or damaged",
            where=f"{path.parent.name}/{path.name}",
            found=f"{type(error).__name__}: {first_line}",
            help=("build the deployment again with `nmcompile build`",),
        )
    )


def _is_build(folder: Path) -> bool:
    """Whether the folder's manifest is one that `write_manifest` wrote, of any version."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and {"schema", "nmcompile", "files"} <= manifest.keys()


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A temporary folder that becomes `out` when the block ends well, and vanishes otherwise.

    Raises:
        NmError: NM0522 when `out` exists and is not an earlier build, or is the folder that the
            process stands in, which cannot be replaced under it.
    """
    out = out.resolve()
    if Path.cwd().is_relative_to(out):
        raise NmError(
            Diagnostic(
                code="NM0522",
                message="the output path is the current folder, which a build would replace",
                where=str(out),
                help=("name a folder inside it, such as `-o build`",),
            )
        )
    empty = out.is_dir() and not any(out.iterdir())
    if out.exists() and not empty and not _is_build(out):
        raise NmError(
            Diagnostic(
                code="NM0522",
                message="the output path exists and is not a build folder",
                where=str(out),
                help=("choose another path with -o, or remove it yourself",),
            )
        )
    partial = out.parent / f".{out.name}.partial"
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        if partial.exists():
            shutil.rmtree(partial)


def write_programs(folder: Path, programs: dict[str, Program]) -> None:
    """program/{float,integer,golden}.{json,safetensors} and the readable text beside them."""
    from nmcompile.ir.text import program_text

    (folder / "program").mkdir()
    for level in LEVELS:
        save_program(programs[level], folder / "program" / level)
        text = folder / "program" / f"{level}.txt"
        text.write_text(program_text(programs[level]), encoding="utf-8")


def write_graphs(folder: Path, graphs: dict[str, MappedGraph]) -> None:
    """networks/<name>/coregraph.{json,safetensors}."""
    for name, graph in graphs.items():
        (folder / "networks" / name).mkdir(parents=True)
        graph.save(folder / "networks" / name / "coregraph")


def write_stimuli(folder: Path, inputs: dict[str, list[NetworkInput]]) -> None:
    """verify/stimulus.safetensors: `NETWORK.FRAME`, and `NETWORK.FRAME/SLOT` of what it reads."""
    (folder / "verify").mkdir()
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, given in inputs.items():
        for index, frame in enumerate(given):
            key = f"{name}.{index:03d}"
            arrays[key] = np.ascontiguousarray(frame.stimulus)
            for slot, contents in frame.slots.items():
                arrays[f"{key}/{slot}"] = np.ascontiguousarray(contents)
    save_file(arrays, folder / "verify" / "stimulus.safetensors")


def write_json(path: Path, value: object) -> None:
    """Deterministic JSON with a final newline."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Python and the packages that compute; two builds are alike without them being so."""
    return {"python": platform.python_version(), **{name: version(name) for name in COMPUTING}}


def write_manifest(folder: Path, body: dict[str, Any]) -> None:
    """manifest.json: what went into the build, and the sha256 of every other file."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    whole = {
        "schema": SCHEMA,
        "nmcompile": __version__,
        "versions": versions(),
        **body,
        "files": files,
    }
    write_json(folder / MANIFEST, whole)
