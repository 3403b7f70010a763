"""`evaluate`: list the parts, run those that are not there yet, put the results together."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nmcompile.build.deployment import MANIFEST, Deployment
from nmcompile.datasets.collection import Collection
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.evaluation.fidelity import DEFAULT_CROPS, shares
from nmcompile.evaluation.parts import Part, Protocol, run_part
from nmcompile.evaluation.restart import SHORTEST, segments_of
from nmcompile.evaluation.tasks import Result, ResultStore, Tick, finish
from nmcompile.evaluation.variants import SHUFFLED, STATIC, Variant
from nmcompile.evaluation.workers import Workers
from nmcompile.trackers.loops import loop_of

__all__ = ["PROTOCOLS", "Plan", "Request", "Row", "plan", "run_alone", "run_parts", "usable"]

PROTOCOLS: Final = ("ope", "restart", "fidelity", "vot", "latency", "latency-restart")
LATENCIES: Final = (2, 4, 6, 8, 10, 12, 16, 20, 24, 32)
SEEDS: Final = (0, 1, 2)


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes:
        builds: one or two build folders; the second is compared with the first.
        levels: in the order of the table; the first is what the others are compared with.
        protocols: of `PROTOCOLS`.
        baselines: add the static box and shuffled weights to tracking tables.
        crops: of the fidelity protocol, all sequences together.
        seed: of these crops.
        latencies: T of the latency curve.
    """

    builds: tuple[Path, ...]
    levels: tuple[str, ...] = ("float", "integer")
    protocols: tuple[str, ...] = ("ope", "restart", "fidelity")
    baselines: bool = True
    crops: int = DEFAULT_CROPS
    seed: int = 0
    latencies: tuple[int, ...] = LATENCIES


@dataclass(frozen=True)
class Row:
    """One configuration under one protocol: its parts, one list per sequence (several seeds).

    Attributes:
        protocol: of the table that the row belongs to.
        variant: the configuration, with the first of its seeds.
        parts: `parts[sequence][seed]`.
    """

    protocol: str
    variant: Variant
    parts: tuple[tuple[Part, ...], ...]


@dataclass(frozen=True)
class Plan:
    """Everything that has to be known for the results.

    Attributes:
        request: what was asked for.
        collection: on which sequences.
        rows: in the order of the tables; the float rows of fidelity come first.
    """

    request: Request
    collection: Collection
    rows: tuple[Row, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part once, in the order of the rows."""
        found: dict[str, Part] = {}
        for row in self.rows:
            for parts in row.parts:
                for part in parts:
                    found.setdefault(part.digest, part)
        return tuple(found.values())


def plan(request: Request, collection: Collection) -> Plan:
    """List the work.

    Raises:
        NmError: NM0518 (not a tracker), NM0523 (not a build), NM0541 when the restart protocol
            finds no sequence that is long enough.
    """
    names = _names(request.builds)
    builds = [
        Variant(str(folder.absolute()), _checked(folder), name, "float")
        for folder, name in zip(request.builds, names, strict=True)
    ]
    rows: list[Row] = []
    for protocol in PROTOCOLS:
        if protocol not in request.protocols:
            continue
        rows += _rows(protocol, request, usable(protocol, collection), builds)
    return Plan(request, collection, tuple(rows))


def run_parts(
    parts: Sequence[Part],
    store: ResultStore,
    workers: Workers = Workers(),  # noqa: B008 - frozen
    advance: Callable[[int], None] = lambda _: None,
    report: Callable[[Diagnostic], None] = lambda _: None,
) -> dict[str, Result]:
    """Results of all parts by digest; those in the store are not run again.

    The numbers do not depend on the workers: everywhere torch computes with one thread.

    Args:
        parts: what to do.
        store: where finished parts lie.
        workers: who does it.
        advance: called with the steps done since the last call.
        report: takes warnings about the workers.

    Raises:
        NmError: see `finish`.
    """
    return finish(parts, store, run_alone, workers, advance=advance, report=report)


def run_alone(part: Part, tick: Tick) -> Result:
    """`run_part` with one torch thread: sums of floats depend on how they are split."""
    with _one_thread():
        return run_part(part, tick)


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rows(
    protocol: str, request: Request, collection: Collection, builds: Sequence[Variant]
) -> Iterator[Row]:
    for build in builds:
        if protocol in ("fidelity", "latency"):
            yield _fidelity_row(protocol, build, request, collection)
        if protocol == "latency-restart":
            yield _tracking_row(protocol, (build,), collection)
    for build in builds:
        if protocol in ("latency", "latency-restart"):
            for steps in request.latencies:
                timed = _changed(build, "integer", timesteps=steps)
                if protocol == "latency":
                    yield _fidelity_row(protocol, timed, request, collection)
                else:
                    yield _tracking_row(protocol, (timed,), collection)
            continue
        for level in request.levels:
            variant = _changed(build, level)
            if protocol != "fidelity":
                yield _tracking_row(protocol, (variant,), collection)
            elif level != "float":
                yield _fidelity_row(protocol, variant, request, collection)
    if request.baselines and protocol in ("ope", "restart", "vot"):
        for build in builds:
            seeds = tuple(_changed(build, SHUFFLED, seed=seed) for seed in SEEDS)
            yield _tracking_row(protocol, seeds, collection)
        yield _tracking_row(protocol, (_changed(builds[0], STATIC),), collection)


def _tracking_row(protocol: str, variants: tuple[Variant, ...], collection: Collection) -> Row:
    way: Protocol = "restart" if protocol == "latency-restart" else protocol  # type: ignore[assignment]
    parts = tuple(
        tuple(Part(variant, way, entry) for variant in variants) for entry in collection.entries
    )
    return Row(protocol, variants[0], parts)


def _fidelity_row(protocol: str, variant: Variant, request: Request, collection: Collection) -> Row:
    counts = shares(request.crops, len(collection.entries))
    parts = tuple(
        (Part(variant, "fidelity", entry, count, request.seed),)
        for entry, count in zip(collection.entries, counts, strict=True)
        if count
    )
    return Row(protocol, variant, parts)


def _changed(build: Variant, level: str, timesteps: int | None = None, seed: int = 0) -> Variant:
    return Variant(build.build, build.digest, build.name, level, timesteps, seed)


def _names(builds: Sequence[Path]) -> list[str]:
    """What the results call the builds: nothing for a single one, else their folders' names."""
    if len(builds) == 1:
        return [""]
    names = [folder.resolve().name for folder in builds]
    return names if len(set(names)) == len(names) else ["first", "second"]


def _checked(folder: Path) -> str:
    """The digest of a build's manifest; refuses what is not a tracker's build."""
    program = Deployment.open(folder).program("float")
    loop_of(program).params(program)
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def usable(protocol: str, collection: Collection) -> Collection:
    """The sequences that a protocol can use: restarts need a segment.

    Raises:
        NmError: NM0541 when there is none.
    """
    if protocol not in ("restart", "latency-restart"):
        return collection
    long = tuple(e for e in collection.entries if segments_of(e.annotated_boxes))
    if long:
        return dataclasses.replace(collection, entries=long)
    raise NmError(
        Diagnostic(
            code="NM0541",
            message="no sequence is long enough for the restart protocol",
            where=f"{collection.kind}:{collection.name}",
            limit=f"{SHORTEST + 1} frames with a true box",
            help=("leave `--protocol restart` out",),
        )
    )
