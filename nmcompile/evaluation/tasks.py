"""Pieces of work that are done once: by whom does not matter, a finished result is kept on disk.

A result is written in one piece, as soon as it is there, under a name that the task's inputs
decide. A second start finds it; what changed has another name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.evaluation.workers import TaskLost, Workers, opened

__all__ = ["PutTogether", "ResultStore", "Task", "digest_of", "finish"]

Tick = Callable[[], None]
Result = dict[str, Any]


class Task(Protocol):
    """One piece of work; it travels to a worker by pickle, so it holds paths, not data."""

    @property
    def key(self) -> Mapping[str, object]:
        """Everything that decides the result, as JSON."""

    @property
    def digest(self) -> str:
        """`digest_of(key)`."""

    @property
    def label(self) -> str:
        """A few words for file names and messages."""

    @property
    def steps(self) -> int:
        """How often the work ticks."""

    @property
    def needs(self) -> tuple[Path, ...]:
        """Files and folders that a worker has to see, as absolute paths."""


T = TypeVar("T", bound=Task)


def digest_of(key: Mapping[str, object]) -> str:
    """sha256 of a key (hex)."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


class PutTogether(ABC):
    """A stored result that is put together from others here: it does no work of its own."""

    @property
    @abstractmethod
    def key(self) -> Mapping[str, object]:
        """Everything that decides the result, as JSON."""

    @cached_property
    def digest(self) -> str:
        """sha256 of the key (hex)."""
        return digest_of(self.key)

    @property
    def steps(self) -> int:
        """None."""
        return 0

    @property
    def needs(self) -> tuple[Path, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True)
class ResultStore:
    """Finished results in a folder.

    Attributes:
        folder: made when the first result is saved.
    """

    folder: Path

    def path(self, task: Task) -> Path:
        """Where a result lies: readable, and unique by its digest."""
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", task.label)
        return self.folder / f"{name}-{task.digest[:16]}.json"

    def load(self, task: Task) -> Result | None:
        """A task's result, None when it is not there or not whole."""
        try:
            content = json.loads(self.path(task).read_text(encoding="utf-8"))
            if content["key"] == task.key:
                result: Result = content["result"]
                return result
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def save(self, task: Task, result: Result) -> None:
        """Write a result, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(task)
        partial = path.with_suffix(".partial")
        text = json.dumps({"key": task.key, "result": result}, sort_keys=True, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, path)


def finish(
    tasks: Sequence[T],
    store: ResultStore,
    work: Callable[[T, Tick], Result],
    workers: Workers = Workers(),  # noqa: B008 - frozen
    *,
    advance: Callable[[int], None] = lambda _: None,
    then: Callable[[T, Result], Sequence[T]] = lambda _, __: (),
    failed: Callable[[T, Exception], None] | None = None,
    report: Callable[[Diagnostic], None] = lambda _: None,
) -> dict[str, Result]:
    """Results of all tasks by digest; those in the store are not computed again.

    Args:
        tasks: what to do; a task that stands there twice is done once.
        store: where finished results lie.
        work: does one task; a function of a module, so that a worker finds it. The result is JSON.
        workers: who does it.
        advance: called with the ticks done since the last call.
        then: the tasks that a finished one makes possible.
        failed: takes a task that raised, and the others go on; without it the error ends all, that
            of a task which was lost with its workers after the others are done.
        report: takes warnings about the workers.

    Raises:
        NmError: NM0563, NM0713 to NM0715 of the workers, and what `work` raises.
    """
    results: dict[str, Result] = {}
    lost: list[Diagnostic] = []
    seen: set[str] = set()

    def missing(wanted: Sequence[T]) -> list[T]:
        """What of `wanted` has to be computed, and of what follows from the rest."""
        found = []
        for task in wanted:
            if task.digest in seen:
                continue
            seen.add(task.digest)
            stored = store.load(task)
            if stored is None:
                found.append(task)
                continue
            results[task.digest] = stored
            advance(task.steps)
            found += missing(then(task, stored))
        return found

    todo = missing(tasks)
    if not todo:
        return results
    with opened(workers, work, advance, report) as pool:
        pool.add(todo)
        for task, outcome in pool.done():
            if isinstance(outcome, Exception):
                if failed is not None:
                    failed(task, outcome)
                elif isinstance(outcome, TaskLost):
                    lost += outcome.diagnostics
                else:
                    raise outcome
                continue
            store.save(task, outcome)
            results[task.digest] = outcome
            pool.add(missing(then(task, outcome)))
    if lost:
        raise NmError(*lost)
    return results
