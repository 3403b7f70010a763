"""Who computes: this process, processes of this machine, or a Dask cluster.

Work travels as bytes that only a worker opens: the scheduler needs nothing but this module. Models,
builds and sequences do not travel: a worker reads them from the paths of the task, which have to
lead to the same files everywhere (a shared file system). A worker that does not see them says so
before anything is computed.

A worker does one task at a time, whatever its number of threads: the compiled simulators use all
threads of a process themselves, and may not be entered twice. Dask hands the task of a lost worker
to another one, and gives up on it when it has cost four workers (its `allowed-failures`, and one).
"""

# mypy: allow-untyped-calls
# (distributed states few types)

from __future__ import annotations

import logging
import os
import pickle
import platform
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from nmcompile import __version__
from nmcompile.diagnostics import Diagnostic, NmError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Pool", "TaskLost", "Workers", "opened"]

SECONDS_TO_ANSWER: Final = 10
PACKAGES: Final = ("numpy", "numba", "scipy", "torch", "opencv-python-headless")
"""Packages whose version can change a figure."""

_TURN = threading.Lock()

Tick = Callable[[], None]
Result = dict[str, Any]


class Labelled(Protocol):
    """What is said about a task here: its name, its length, what it reads."""

    @property
    def label(self) -> str:
        """A few words."""

    @property
    def steps(self) -> int:
        """How often it ticks."""

    @property
    def needs(self) -> tuple[Path, ...]:
        """What a worker has to see."""


T = TypeVar("T", bound=Labelled)
Outcome = Result | Exception


@dataclass(frozen=True)
class Workers:
    """Who computes.

    Attributes:
        jobs: processes of this machine; 1 is this process itself.
        scheduler: address of a Dask scheduler such as tcp://host:8786; then `jobs` says nothing.
    """

    jobs: int = 1
    scheduler: str = ""


class TaskLost(NmError):
    """NM0563: a task cost so many workers that no other one gets it."""


class Pool(Protocol[T]):
    """Takes tasks and yields what became of them; tasks may be added while it yields."""

    def add(self, tasks: Sequence[T]) -> None:
        """More work."""

    def done(self) -> Iterator[tuple[T, Outcome]]:
        """Every task with its result or what it raised, until none is left."""


@contextmanager
def opened(
    workers: Workers,
    work: Callable[[T, Tick], Result],
    advance: Callable[[int], None],
    report: Callable[[Diagnostic], None],
) -> Iterator[Pool[T]]:
    """The pool of these workers; it is closed, and what still runs is given up, at the end.

    Args:
        workers: who. work: what to do with a task.
        advance: called with finished ticks. report: takes warnings.

    Raises:
        NmError: NM0713 (no cluster there), NM0715 (other versions there).
    """
    if not workers.scheduler and workers.jobs == 1:
        yield _Here(work, advance)
        return
    with ExitStack() as stack:
        if workers.scheduler:
            client = stack.enter_context(_cluster(workers.scheduler, report))
        else:
            client = stack.enter_context(_processes(workers.jobs))
        pool = _There(client, work, advance, workers.scheduler)
        stack.callback(pool.cancel)
        yield pool


class _Here(Generic[T]):
    """Task after task in this process; what follows from a task comes next."""

    def __init__(self, work: Callable[[T, Tick], Result], advance: Callable[[int], None]) -> None:
        self.work, self.advance = work, advance
        self.queue: deque[T] = deque()

    def add(self, tasks: Sequence[T]) -> None:
        self.queue.extendleft(reversed(tasks))

    def done(self) -> Iterator[tuple[T, Outcome]]:
        while self.queue:
            task = self.queue.popleft()
            try:
                outcome: Outcome = self.work(task, lambda: self.advance(1))
            except Exception as error:
                outcome = error
            yield task, outcome


class _There(Generic[T]):
    """Tasks on the workers of a Dask cluster."""

    def __init__(
        self,
        client: Client,
        work: Callable[[T, Tick], Result],
        advance: Callable[[int], None],
        scheduler: str,
    ) -> None:
        from distributed import as_completed

        self.client, self.work, self.advance, self.scheduler = client, work, advance, scheduler
        self.running: dict[Any, T] = {}
        self.completed = as_completed(loop=client.loop)
        self.checked: set[Path] = set()

    def add(self, tasks: Sequence[T]) -> None:
        if self.scheduler:
            self._check({path for task in tasks for path in task.needs} - self.checked)
        for task in tasks:
            load = pickle.dumps((self.work, task))
            needs = tuple(str(path) for path in task.needs)
            # not pure: an earlier failure under the same name must not come back
            future = self.client.submit(_on_worker, load, needs, pure=False, retries=0)
            self.running[future] = task
            self.completed.add(future)

    def done(self) -> Iterator[tuple[T, Outcome]]:
        from concurrent.futures import CancelledError

        try:
            for future in self.completed:
                task = self.running.pop(future)
                try:
                    # computed once more if the worker that has it was lost meanwhile
                    outcome: Outcome = future.result()
                except Exception as error:
                    if future.status != "error":
                        raise
                    outcome = self._error(task, error)
                else:
                    self.advance(task.steps)
                yield task, outcome
        except (OSError, TimeoutError, CancelledError) as error:
            raise _no_scheduler(self.scheduler, f"{type(error).__name__}: {error}") from error

    def cancel(self) -> None:
        """Give up what was not finished."""
        if self.running and self.client.status == "running":
            self.client.cancel(list(self.running), force=True)

    def _check(self, paths: set[Path]) -> None:
        """Refuse workers that do not see a path, before they get a task."""
        if not paths:
            return
        wanted = tuple(sorted(str(path) for path in paths))
        blind = {a: p for a, p in self.client.run(_unseen, wanted).items() if p}
        if blind:
            raise _not_seen(blind)
        self.checked |= paths

    def _error(self, task: T, error: Exception) -> Exception:
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return TaskLost(
                Diagnostic(
                    code="NM0563",
                    message="every worker that was given this task was lost",
                    where=task.label,
                    limit=f"{error.allowed_failures + 1} workers",
                    help=(
                        "give the workers more memory, or fewer of them to a machine",
                        "finished results are kept: the same command goes on with the rest",
                    ),
                )
            )
        return error


def _on_worker(load: bytes, needs: tuple[str, ...]) -> Result:
    """Do one task where it arrived."""
    unseen = _unseen(needs)
    if unseen:
        raise _not_seen({platform.node(): unseen})
    with _TURN:
        work, task = pickle.loads(load)  # noqa: S301 - from our own client, not from a model file
        result: Result = work(task, _still)
    return result


def _still() -> None:
    """The tick of a worker: progress is told task by task."""


def _unseen(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path for path in paths if not os.access(path, os.R_OK))


def _versions() -> dict[str, str]:
    """Of this process."""
    found = {"nmcompile": __version__, "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


@contextmanager
def _processes(jobs: int) -> Iterator[Client]:
    """A cluster of this machine: each process with its share of the threads."""
    from distributed import Client, LocalCluster

    threads = max(1, (os.cpu_count() or 1) // jobs)
    with (
        _quiet(),
        LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            worker_dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
            env={"NUMBA_NUM_THREADS": str(threads)},
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(_ignore_interrupt)
        yield client


def _ignore_interrupt() -> None:
    """An interrupt at the terminal reaches all processes; it is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _cluster(address: str, report: Callable[[Diagnostic], None]) -> Iterator[Client]:
    """A running cluster, its scheduler and workers checked."""
    from distributed import Client

    with _quiet():
        try:
            _knock(address)
            client = Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            reason = str(error) or type(error).__name__
            raise _no_scheduler(address, reason.splitlines()[0]) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=SECONDS_TO_ANSWER)
            except (TimeoutError, OSError) as error:
                raise _no_scheduler(address, "a scheduler without workers") from error
            for diagnostic in _compared(client):
                if diagnostic.is_error:
                    raise NmError(diagnostic)
                report(diagnostic)
            yield client


def _knock(address: str) -> None:
    """Raise OSError at once where nothing listens; a client of nobody takes long to give up."""
    from distributed.comm.addressing import get_address_host_port

    socket.create_connection(get_address_host_port(address), SECONDS_TO_ANSWER).close()


def _compared(client: Client) -> Iterator[Diagnostic]:
    """NM0715 for every machine whose versions are not ours; an error where it is nmcompile's."""
    try:
        others = {"scheduler": client.run_on_scheduler(_versions), **client.run(_versions)}
    except ImportError as error:
        others = {"a machine of the cluster": {"nmcompile": f"{type(error).__name__}: {error}"}}
    for what, (where, ours, theirs) in _differences(_versions(), others).items():
        yield Diagnostic(
            code="NM0715",
            message=f"the cluster has another version of {what}",
            where=", ".join(where),
            limit=f"{ours} (here)",
            found=", ".join(theirs),
            severity="error" if what == "nmcompile" else "warning",
            help=("install the same versions everywhere, for instance with constraints.txt",),
        )


def _differences(
    ours: Mapping[str, str], others: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[list[str], str, list[str]]]:
    """Package -> where it differs, our version, the versions there."""
    found = {}
    for name, own in ours.items():
        where = [place for place, theirs in others.items() if theirs.get(name, own) != own]
        if where:
            found[name] = (where, own, sorted({others[place][name] for place in where}))
    return found


def _no_scheduler(address: str, reason: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0713",
            message="no Dask cluster answers",
            where=address or "the processes of this machine",
            found=reason,
            help=(
                "start one with `dask scheduler`, and `dask worker ADDRESS --nthreads 1` on "
                "every machine",
                "finished results are kept: the same command goes on with the rest",
            ),
        )
    )


def _not_seen(blind: Mapping[str, Sequence[str]]) -> NmError:
    paths = sorted({path for unseen in blind.values() for path in unseen})
    return NmError(
        Diagnostic(
            code="NM0714",
            message="workers do not see a path that they have to read",
            where=", ".join(sorted(blind)),
            found=", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else ""),
            help=(
                "models, builds and sequences do not travel: keep them on a file system that all "
                "machines mount at the same place",
            ),
        )
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own talk stays out of stderr: what matters is said as diagnostics."""
    import distributed  # sets the levels that are changed here

    names = [n for n in logging.root.manager.loggerDict if n.split(".")[0] == distributed.__name__]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
