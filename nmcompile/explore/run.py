"""`explore`: build every point, evaluate it, and keep what is finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nmcompile import __version__
from nmcompile.budget.budgets import Limit
from nmcompile.build.deployment import MANIFEST
from nmcompile.datasets.collection import Collection
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.evaluation.fidelity import DEFAULT_CROPS
from nmcompile.evaluation.parts import Part, Protocol
from nmcompile.evaluation.response_maps import tracker_params
from nmcompile.evaluation.results import assemble
from nmcompile.evaluation.run import Plan, Request, plan, usable
from nmcompile.evaluation.tasks import Result, ResultStore, finish
from nmcompile.evaluation.variants import Variant
from nmcompile.evaluation.workers import Workers
from nmcompile.explore.best import best_of
from nmcompile.explore.front import front
from nmcompile.explore.grid import Point
from nmcompile.explore.measures import ACCURACIES, MEASURES
from nmcompile.explore.output import PARTS, POINTS, check_folder, write_tables
from nmcompile.explore.points import (
    BuildTask,
    PointStore,
    Scored,
    diagnostics_of,
    do,
    folder_digest,
)
from nmcompile.explore.reference import float_plan, measured, wanted
from nmcompile.explore.schema import Accuracy, Dataset, Exploration, Failure, Fronts, Row
from nmcompile.frontends import load
from nmcompile.trackers.loops import loop_of

__all__ = ["ExploreRequest", "explore", "fidelity_measure"]

OURS = "NM0901"


@dataclass(frozen=True)
class ExploreRequest:
    """What to explore.

    Attributes:
        model: the model file.
        points: the grid.
        out: folder to write.
        collection: sequences that accuracy is measured on; None: fidelity to the float network on
            the build's own frames.
        protocol: ope, restart or fidelity. level: integer, golden or mapped.
        crops: of the fidelity protocol.
        calibrate, verify, schedule: see `nmcompile.build.compiled.Options`.
        limits: of the best point. by: the figure that decides; "" is the accuracy.
    """

    model: Path
    points: tuple[Point, ...]
    out: Path
    collection: Collection | None = None
    protocol: Protocol = "restart"
    level: str = "golden"
    crops: int = DEFAULT_CROPS
    calibrate: str | None = None
    verify: bool = True
    schedule: str = ""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    by: str = ""

    @property
    def measure(self) -> str:
        """The accuracy that the table shows first."""
        if self.collection is None:
            return "response_correlation"
        return "correlation" if self.protocol == "fidelity" else "mean_iou"


def explore(
    request: ExploreRequest,
    workers: Workers = Workers(),  # noqa: B008 - frozen
    *,
    advance: Callable[[int], None] = lambda _: None,
    report: Callable[[Diagnostic], None] = lambda _: None,
    known: Callable[[int, int], None] = lambda _, __: None,
) -> Exploration:
    """Build and evaluate what is not finished; the tables are written point by point.

    Args:
        request: what to explore.
        workers: who computes.
        advance: called with the steps done since the last call.
        report: takes warnings about the workers.
        known: called once with the points that were finished before, and the steps to do.

    Raises:
        NmError: NM01xx for the model, NM0518 (a dataset, and the model is no tracker), NM0560 (the
            folder), NM0713 to NM0715 (the workers).
    """
    run = _Run(request)
    check_folder(request.out)
    run.take_finished()
    todo = [point for point in run.scored if point.digest not in run.rows]
    known(len(run.scored) - len(todo), len(todo) * run.steps + (run.float_steps if todo else 0))
    tasks: list[BuildTask | Part] = [*run.float_parts(), *(point.task for point in todo)]
    finish(
        tasks,
        PointStore(request.out / PARTS),
        do,
        workers,
        advance=advance,
        then=run.take,
        failed=run.failed,
        report=report,
    )
    found = run.exploration()
    write_tables(request.out, found)
    return found


class _Run:
    """What is known of every point while they are computed."""

    def __init__(self, request: ExploreRequest) -> None:
        self.request = request
        model = load(request.model)
        if request.collection is not None:
            is_tracker = tracker_params if request.protocol == "fidelity" else loop_of
            is_tracker(model.program)  # refused now, not after the first build
            collection = usable(request.protocol, request.collection)
            self.request = request = replace(request, collection=collection)
        self.name, self.sha256 = model.program.name, model.sha256
        self.scored = self._scored()
        self.points = {point.task.digest: point for point in self.scored}
        self.store = ResultStore(request.out / POINTS)
        self.rows: dict[str, Row] = {}
        self.built: dict[str, Result] = {}
        self.plans: dict[str, Plan] = {}
        self.owners: dict[str, list[Scored]] = {}
        self.results: dict[str, Result] = {}
        self.wanted = wanted(self.sha256, request.protocol, self.request.collection)
        self.float_plan: Plan | None = None
        self.reference: Accuracy | None = None

    @property
    def steps(self) -> int:
        """Steps of one point: its build, and its frames or crops."""
        request = self.request
        if request.collection is None:
            return 1
        if request.protocol == "fidelity":
            return 1 + 2 * request.crops  # the float network sees them, too
        entries = request.collection.entries
        nobody = Variant("", "", "", request.level)
        steps = (Part(nobody, request.protocol, entry).steps for entry in entries)
        return 1 + sum(steps)

    @property
    def float_steps(self) -> int:
        """Frames of the float network that are still to do."""
        return self.steps - 1 if self.wanted is not None and self.reference is None else 0

    def take_finished(self) -> None:
        """The points that an earlier start finished."""
        for point in self.scored:
            stored = self.store.load(point)
            if stored is not None:
                self.rows[point.digest] = Row.model_validate(stored)
        stored = None if self.wanted is None else self.store.load(self.wanted)
        if stored is not None:
            self.reference = Accuracy.model_validate(stored)

    def float_parts(self) -> Sequence[Part]:
        """The parts of the float network, once, as soon as there is a build of the model."""
        if self.wanted is None or self.reference is not None or self.float_plan is not None:
            return ()
        folders = (point.task.folder for point in self.scored)
        folder = next((f for f in folders if (f / MANIFEST).is_file()), None)
        if folder is None:
            return ()
        self.float_plan = float_plan(self.wanted, folder)
        return self.float_plan.parts

    def take(self, task: BuildTask | Part, result: Result) -> Sequence[BuildTask | Part]:
        """A finished task: what follows from it."""
        if isinstance(task, Part):
            self.results[task.digest] = result
            for point in self.owners.get(task.digest, ()):
                self._finish_if_whole(point)
            self._finish_reference()
            return ()
        point = self.points[task.digest]
        self.built[point.digest] = result
        if not result["built"]:
            why = tuple(Failure.of(d) for d in diagnostics_of(result) if d.is_error)
            self._finish(point, self._row(point, "failed", why))
            return ()
        if self.request.collection is None:
            self._finish(point, self._scored_row(point, None))
            return ()
        if not (task.folder / MANIFEST).is_file():
            raise _elsewhere(task.folder)
        evaluation = Request(
            builds=(task.folder,),
            levels=(self.request.level,),
            protocols=(self.request.protocol,),
            baselines=False,
            crops=self.request.crops,
        )
        made = self.plans[point.digest] = plan(evaluation, self.request.collection)
        for part in made.parts:
            # recipes that resolve to the same build share their parts
            self.owners.setdefault(part.digest, []).append(point)
        self._finish_if_whole(point)
        return (*made.parts, *self.float_parts())

    def failed(self, task: BuildTask | Part, error: Exception) -> None:
        """A task that raised: its point has no figures, and the next start tries it again."""
        built = isinstance(task, BuildTask)
        # the float network's parts belong to no point: the next start tries them again
        points = [self.points[task.digest]] if built else self.owners.get(task.digest, [])
        found = error.diagnostics if isinstance(error, NmError) else (_crash(error),)
        why = tuple(Failure.of(d) for d in found)
        for point in points:
            self.rows.setdefault(point.digest, self._row(point, "crashed", why))

    def exploration(self) -> Exploration:
        """Everything known by now."""
        request = self.request
        rows = tuple(
            self.rows.get(point.digest) or self._row(point, "open") for point in self.scored
        )
        return Exploration(
            nmcompile=__version__,
            model=self.name,
            model_sha256=self.sha256,
            dataset=_dataset(request),
            reference=self.reference,
            axes=tuple(dict.fromkeys(name for p in request.points for name, _ in p.choices)),
            rows=rows,
            fronts=fronts(rows, request.measure),
            best=best_of(rows, request.limits, request.by or request.measure),
        )

    def _scored(self) -> tuple[Scored, ...]:
        request = self.request
        dataset: dict[str, object] = {}
        if request.collection is not None:
            dataset = {
                "protocol": request.protocol,
                "level": request.level,
                "sequences": [[e.name, e.digest] for e in request.collection.entries],
            }
            if request.protocol == "fidelity":
                dataset["crops"] = request.crops
        folder = request.calibrate
        images = folder_digest(folder)
        if images:
            folder = str(Path(str(folder)).absolute())
        tasks = (
            BuildTask(
                point,
                request.model.absolute(),
                self.sha256,
                request.out.absolute(),
                folder,
                images,
                request.verify,
                request.schedule,
            )
            for point in request.points
        )
        found = {task.digest: Scored(task, dataset) for task in tasks}  # equal points are one
        return tuple(found.values())

    def _finish_reference(self) -> None:
        made = self.float_plan
        if made is None or self.wanted is None or self.reference is not None:
            return
        if all(part.digest in self.results for part in made.parts):
            self.reference = measured(made, self.results, self.request.measure)
            self.store.save(self.wanted, self.reference.model_dump(mode="json"))
            write_tables(self.request.out, self.exploration())

    def _finish_if_whole(self, point: Scored) -> None:
        made = self.plans[point.digest]
        whole = all(part.digest in self.results for part in made.parts)
        if whole and point.digest not in self.rows:
            found = assemble(made, self.results)["protocols"][self.request.protocol]["rows"]
            figures = next(row for row in found if row["level"] == self.request.level)
            self._finish(point, self._scored_row(point, figures))

    def _finish(self, point: Scored, row: Row) -> None:
        self.store.save(point, row.model_dump(mode="json"))
        self.rows[point.digest] = row
        write_tables(self.request.out, self.exploration())

    def _row(self, point: Scored, status: Any, failures: tuple[Failure, ...] = ()) -> Row:
        return Row(
            point=point.digest[:16],
            label=point.label,
            target=point.task.point.target.name,
            choices=dict(point.task.point.choices),
            status=status,
            failures=failures,
        )

    def _scored_row(self, point: Scored, evaluated: Mapping[str, Any] | None) -> Row:
        """The row of a build; `evaluated` is its row of the evaluation's table."""
        built = self.built[point.digest]
        if evaluated is not None:
            accuracies = [Accuracy.of(n, evaluated[n]) for n in ACCURACIES if n in evaluated]
        else:
            own = built["figures"]["response_correlation"]
            accuracies = [] if own is None else [fidelity_measure(own)]
        row = self._row(point, "done")
        low, high = built["energy_j"]
        return row.model_copy(
            update={
                "verdict": built["verdict"],
                "accuracy": accuracies[0] if accuracies else None,
                "second_accuracy": accuracies[1] if len(accuracies) > 1 else None,
                "figures": {**built["figures"], **{a.measure: a.mean for a in accuracies}},
                "bounds": built["bounds"],
                "energy_low_j": low,
                "energy_high_j": high,
                "folder": str(point.task.folder.relative_to(self.request.out.absolute())),
            }
        )


def fronts(rows: Sequence[Row], measure: str) -> Fronts:
    """The Pareto fronts; what misses one of the two figures is on none."""

    def of(first: str, second: str) -> tuple[str, ...]:
        known = {
            row.point: (x, y)
            for row in rows
            if (x := row.figures.get(first)) is not None
            and (y := row.figures.get(second)) is not None
        }
        return front(known, (MEASURES[first].better, MEASURES[second].better))

    return Fronts(energy_accuracy=of("energy_per_frame_j", measure), cores_fps=of("cores", "fps"))


def fidelity_measure(correlation: float) -> Accuracy:
    """The correlation of the build's own frames: few frames, so that nobody states an error."""
    return Accuracy(
        measure="response_correlation",
        mean=correlation,
        standard_error=None,
        within=None,
        between=None,
        sequences=0,
        samples=0,
    )


def _dataset(request: ExploreRequest) -> Dataset | None:
    if request.collection is None:
        return None
    return Dataset(
        kind=request.collection.kind,
        name=request.collection.name,
        protocol=request.protocol,
        level=request.level,
        sequences={e.name: len(e.annotated_boxes) for e in request.collection.entries},
    )


def _elsewhere(folder: Path) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0714",
            message="a worker wrote a build that is not to be seen here",
            where=str(folder),
            help=("keep the output folder on a file system that all machines mount",),
        )
    )


def _crash(error: Exception) -> Diagnostic:
    first = (str(error).splitlines() or [""])[0]
    return Diagnostic(
        code=OURS,
        message="nmcompile made a mistake; sorry",
        found=f"{type(error).__name__}: {first[:200]}",
    )
