"""Tasks here and on real worker processes: the same results, none lost, none done twice."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.errands import Errand, run_errand

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.evaluation import workers
from nmcompile.evaluation.tasks import ResultStore, finish
from nmcompile.evaluation.workers import Workers

WORKERS = 3
FORGIVEN = 1
"""Workers that one task may cost (Dask's default is 3)."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import dask
    from distributed import LocalCluster

    with (
        # the scheduler asks a dead worker for its results as long as that
        dask.config.set(
            {
                "distributed.scheduler.allowed-failures": FORGIVEN,
                "distributed.comm.timeouts.connect": "5s",
            }
        ),
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as running,
    ):
        yield running


def errands(folder: Path, count: int, **more: Any) -> list[Errand]:
    return [Errand(number, folder / "trace", **more) for number in range(count)]


def started(folder: Path) -> list[str]:
    return [line.split()[0] for line in (folder / "trace").read_text().splitlines()]


def until(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise TimeoutError


def test_results_are_kept_and_not_computed_again(tmp_path: Path) -> None:
    store, ticks = ResultStore(tmp_path / "store"), []
    twice = errands(tmp_path, 3) + errands(tmp_path, 3)
    first = finish(twice, store, run_errand, advance=ticks.append)
    assert started(tmp_path) == ["0", "1", "2"]
    assert sum(ticks) == 6
    again = finish(errands(tmp_path, 4), store, run_errand)
    assert started(tmp_path) == ["0", "1", "2", "3"]
    assert {k: again[k] for k in first} == first


def test_what_follows_from_a_task_comes_next(tmp_path: Path) -> None:
    def then(task: Errand, _: dict[str, Any]) -> list[Errand]:
        return [Errand(task.number + 10, task.trace)] if task.number < 10 else []

    store = ResultStore(tmp_path / "store")
    found = finish(errands(tmp_path, 2), store, run_errand, then=then)
    assert started(tmp_path) == ["0", "10", "1", "11"]
    assert finish(errands(tmp_path, 2), store, run_errand, then=then) == found


def test_an_error_ends_all_or_is_taken(tmp_path: Path) -> None:
    tasks = [Errand(0, tmp_path / "trace"), Errand(1, tmp_path / "trace", fault="refused")]
    tasks += [Errand(2, tmp_path / "trace")]
    with pytest.raises(NmError) as refused:
        finish(tasks, ResultStore(tmp_path / "store"), run_errand)
    assert refused.value.codes == ("NM0512",)
    assert len(list((tmp_path / "store").iterdir())) == 1
    taken: list[tuple[Errand, Exception]] = []
    found = finish(
        tasks,
        ResultStore(tmp_path / "store"),
        run_errand,
        failed=lambda task, error: taken.append((task, error)),
    )
    assert len(found) == 2
    assert [task.number for task, _ in taken] == [1]


def test_a_killed_worker_costs_nothing(cluster: Any, tmp_path: Path) -> None:
    class Killing(ResultStore):
        """Kills a worker when five results are there."""

        def save(self, task: Any, result: Any) -> None:
            super().save(task, result)
            if len(list(self.folder.glob("*.json"))) == 5:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)

    tasks = errands(tmp_path, 18, seconds=0.05)
    there = finish(
        tasks,
        Killing(tmp_path / "there"),
        run_errand,
        Workers(scheduler=cluster.scheduler_address),
    )
    pids = {line.split()[1] for line in (tmp_path / "trace").read_text().splitlines()}
    assert len(pids) >= 3
    assert there == finish(tasks, ResultStore(tmp_path / "here"), run_errand)
    files = [sorted(p.read_bytes() for p in (tmp_path / n).iterdir()) for n in ("there", "here")]
    assert files[0] == files[1]


def test_a_result_that_is_lost_with_its_worker_is_computed_again(
    cluster: Any, tmp_path: Path
) -> None:
    class Killing(ResultStore):
        """With the first result, kills all workers in turn: the others' results wait to be read."""

        def save(self, task: Any, result: Any) -> None:
            super().save(task, result)
            if len(list(self.folder.glob("*.json"))) > 1:
                return
            scheduler = cluster.scheduler
            for worker in list(cluster.workers.values()):
                # nothing runs while a worker dies: no task is suspected of having killed it
                until(lambda: {t.state for t in list(scheduler.tasks.values())} == {"memory"})
                gone = worker.worker_address
                os.kill(worker.pid, signal.SIGKILL)
                until(lambda gone=gone: gone not in scheduler.workers)

    tasks = errands(tmp_path, 3)
    there = finish(
        tasks,
        Killing(tmp_path / "there"),
        run_errand,
        Workers(scheduler=cluster.scheduler_address),
    )
    assert len(started(tmp_path)) > len(tasks)
    assert there == finish(tasks, ResultStore(tmp_path / "here"), run_errand)


def test_a_deadly_task_does_not_take_the_others_along(cluster: Any, tmp_path: Path) -> None:
    # it dies alone: those that are with it on a worker are suspected as well
    until(lambda: len(cluster.scheduler.workers) == WORKERS)
    deadly = Errand(2, tmp_path / "trace", seconds=0.3, fault="deadly")
    tasks = [*errands(tmp_path, 2), deadly]
    store = ResultStore(tmp_path / "store")
    with pytest.raises(NmError) as lost:
        finish(tasks, store, run_errand, Workers(scheduler=cluster.scheduler_address))
    assert lost.value.codes == ("NM0563",)
    assert "errand 2" in str(lost.value)
    assert started(tmp_path).count("2") == FORGIVEN + 1
    assert len(list(store.folder.iterdir())) == 2


def test_an_error_of_a_worker_is_the_same_as_here(cluster: Any, tmp_path: Path) -> None:
    there = Workers(scheduler=cluster.scheduler_address)
    task = Errand(1, tmp_path / "trace", fault="refused")
    with pytest.raises(NmError, match="no picture") as refused:
        finish([task], ResultStore(tmp_path / "store"), run_errand, there)
    assert refused.value.codes == ("NM0512",)


def test_workers_that_do_not_see_a_path_get_no_work(cluster: Any, tmp_path: Path) -> None:
    there = Workers(scheduler=cluster.scheduler_address)
    task = Errand(1, tmp_path / "nowhere" / "trace")
    with pytest.raises(NmError, match="nowhere") as blind:
        finish([task], ResultStore(tmp_path / "store"), run_errand, there)
    assert blind.value.codes == ("NM0714",)


def test_other_versions_are_told(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Workers(scheduler=cluster.scheduler_address)
    told: list[Diagnostic] = []
    real = workers.version
    monkeypatch.setattr(workers, "version", lambda n: "0.1" if n == "scipy" else real(n))
    finish(errands(tmp_path, 1), ResultStore(tmp_path / "s"), run_errand, there, report=told.append)
    assert [(d.code, d.severity, d.limit) for d in told] == [("NM0715", "warning", "0.1 (here)")]
    monkeypatch.setattr(workers, "__version__", "0.0.0")
    with pytest.raises(NmError, match="0.0.0") as other:
        finish(errands(tmp_path, 2), ResultStore(tmp_path / "s"), run_errand, there)
    assert other.value.codes == ("NM0715",)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "http://localhost:8786"])
def test_no_cluster(address: str, tmp_path: Path) -> None:
    with pytest.raises(NmError, match=address) as nobody:
        store = ResultStore(tmp_path / "store")
        finish(errands(tmp_path, 1), store, run_errand, Workers(scheduler=address))
    assert nobody.value.codes == ("NM0713",)
    assert nobody.value.exit_code == 6
