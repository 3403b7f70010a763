"""What do datasets of thousands of sequences take? Measured constants, and what follows.

    make bench-scale          (QUICK=1: fewer frames and files)

`levels`: CPU seconds per frame and memory of a process that evaluates the shipped tracker on its
own sequence, level by level, one thread. `tasks`: what Dask adds to a task. `opening`: time and
memory of a dataset's list of frames, made of empty files. `plan` multiplies.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import pickle
import statistics
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.update(NUMBA_NUM_THREADS="1", OMP_NUM_THREADS="1")

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

import figures  # noqa: E402

COMMAND = "make bench-scale"
LEVELS = {"float": 20, "integer": 20, "golden": 20, "mapped": 6}
"""Level -> frames that are timed; a third of them with QUICK=1."""
WARM = 3
SEQUENCES, FRAMES = (4, 500) if figures.QUICK else (20, 2500)
TASKS = 100 if figures.QUICK else 400
WORKERS = 64
PICTURE = (1280, 720)
"""Of a large video; the shipped sequence has small ones."""

SIZES = {
    "LaSOT, test": (280, 690_000),
    "LaSOT, all": (1_400, 3_520_000),
    "TrackingNet, test": (511, 225_589),
    "TrackingNet, all": (30_643, 14_431_266),
}
"""Sequences and frames. Fan et al., "LaSOT", CVPR 2019, section 3; Mueller et al., "TrackingNet",
ECCV 2018, table 1."""


@dataclass(frozen=True)
class Nothing:
    """A task that does nothing."""

    number: int

    key: Any = None
    label = "nothing"
    steps = 1
    needs = ()

    @property
    def digest(self) -> str:
        """Its number."""
        return str(self.number)


def do_nothing(_: Nothing, __: Any) -> dict[str, Any]:
    """The work of `Nothing`."""
    return {}


@cache
def levels() -> figures.Rows:
    """The shipped tracker, level by level, each in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "data").mkdir()
        (folder / "data" / "car").symlink_to(ROOT / "models" / "siamsnn" / "sequence")
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            pool.apply(build, (folder,))
        print("| level | CPU s per frame | memory of a worker | bytes kept per frame |")
        print("| --- | --- | --- | --- |")
        for level, frames in LEVELS.items():
            with context.Pool(1) as pool:
                row = pool.apply(measured, (folder, level, frames))
            rows.append(row)
            print(
                f"| {level} | {row['seconds_per_frame']:.3f} | {row['peak_bytes'] / 2**30:.2f} GiB "
                f"| {row['bytes_per_frame']:.0f} |",
                flush=True,
            )
    units = {"seconds_per_frame": "s", "peak_bytes": "byte", "bytes_per_frame": "byte"}
    return [
        figures.Figure(f"{row['level']}: {name}", row[name], unit, COMMAND)
        for row in rows
        for name, unit in units.items()
    ], rows


def build(folder: Path) -> None:
    """The shipped tracker for Loihi 2, in a process that ends."""
    from nmcompile.build.compiled import Options
    from nmcompile.build.pipeline import BuildRequest
    from nmcompile.build.pipeline import build as run_build

    model = ROOT / "models" / "siamsnn" / "siamsnn.pt"
    run_build(BuildRequest(model, "loihi2", folder / "build", Options(verify=False)))


def measured(folder: Path, level: str, frames: int) -> dict[str, Any]:
    """One-pass evaluation of a few frames: CPU time without the first ones, memory, result."""
    from nmcompile.datasets.collection import open_collection
    from nmcompile.evaluation.parts import Part
    from nmcompile.evaluation.run import run_alone
    from nmcompile.evaluation.variants import Variant

    count = max(2, frames // 3) if figures.QUICK else frames
    collection = open_collection(f"otb:{folder / 'data'}").shortened(WARM + count)
    part = Part(Variant(str(folder / "build"), "", "", level), "ope", collection.entries[0])
    ticks: list[float] = []
    result = run_alone(part, lambda: ticks.append(time.process_time()))
    return {
        "level": level,
        "frames": count,
        # the median: other jobs of the machine lengthen single frames
        "seconds_per_frame": statistics.median(b - a for a, b in pairwise(ticks[WARM:])),
        "peak_bytes": figures.peak_bytes(),
        "bytes_per_frame": len(json.dumps(result)) / len(ticks),
    }


def tasks() -> figures.Rows:
    """What the client and the scheduler spend on a task that does nothing."""
    from distributed import LocalCluster

    from nmcompile.evaluation.tasks import ResultStore, finish
    from nmcompile.evaluation.workers import Workers

    with (
        tempfile.TemporaryDirectory() as scratch,
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        there = Workers(scheduler=cluster.scheduler_address)
        begin = time.process_time()
        finish(
            [Nothing(number) for number in range(TASKS)],
            ResultStore(Path(scratch)),
            do_nothing,
            there,
        )
        each = (time.process_time() - begin) / TASKS
    print(f"client and scheduler: {1000 * each:.1f} ms of CPU time per task ({TASKS} tasks)")
    figure = figures.Figure("client and scheduler, per task", each, "s", COMMAND)
    return [figure], [{"tasks": TASKS, "seconds_per_task": each}]


@cache
def opening() -> figures.Rows:
    """A dataset of empty frames: what its list takes."""
    from nmcompile.datasets.collection import open_collection
    from nmcompile.evaluation.parts import Part
    from nmcompile.evaluation.run import run_alone
    from nmcompile.evaluation.variants import Variant

    total = SEQUENCES * FRAMES
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(SEQUENCES):
            folder = Path(scratch) / f"sequence-{number:04d}"
            (folder / "img").mkdir(parents=True)
            for frame in range(FRAMES):
                (folder / "img" / f"{frame + 1:08d}.jpg").touch()
            lines = "".join(f"{10 + f % 50},20,30,40\n" for f in range(FRAMES))
            (folder / "groundtruth_rect.txt").write_text(lines)
        tracemalloc.start()
        collection = open_collection(f"otb:{scratch}")
        memory = tracemalloc.get_traced_memory()[0] / total
        tracemalloc.stop()
        begin = time.process_time()
        open_collection(f"otb:{scratch}")
        opened = (time.process_time() - begin) / total
        begin = time.process_time()
        for entry in collection.entries:
            _ = entry.digest
        digested = (time.process_time() - begin) / total
        part = Part(Variant("build", "", "", "golden"), "ope", collection.entries[0])
        sent = len(pickle.dumps((run_alone, part))) / FRAMES
        picture = picture_seconds(Path(scratch))
    row = {
        "memory_bytes_per_frame": memory,
        "open_seconds_per_frame": opened,
        "digest_seconds_per_frame": digested,
        "task_bytes_per_frame": sent,
        "picture_seconds": picture,
    }
    print(
        f"per frame: {memory:.0f} bytes here, {sent:.0f} bytes in its task, "
        f"{1e6 * opened:.1f} us to list, {1e6 * digested:.1f} us to identify, "
        f"{1e3 * picture:.1f} ms to read a picture of {PICTURE[0]} x {PICTURE[1]}"
    )
    units = ("byte", "s", "s", "byte", "s")
    found = [
        figures.Figure(name, value, unit, COMMAND)
        for (name, value), unit in zip(row.items(), units, strict=True)
    ]
    return found, [row]


def picture_seconds(folder: Path) -> float:
    """CPU seconds to decode a picture of a large video and to take its mean colour."""
    import cv2
    import numpy as np

    from nmcompile.datasets.frames import FrameFolder

    cv2.setNumThreads(1)
    coarse = np.random.default_rng(0).integers(0, 256, (45, 80, 3)).astype(np.uint8)
    path = folder / "picture.jpg"
    cv2.imwrite(str(path), cv2.resize(coarse, PICTURE, interpolation=cv2.INTER_CUBIC))
    frames = FrameFolder([path])
    times = []
    for _ in range(10):
        begin = time.process_time()
        frames[0].mean(axis=(0, 1))
        times.append(time.process_time() - begin)
    return statistics.median(times)


def plan() -> figures.Rows:
    """The constants times the sizes of two datasets."""
    # measured once, by themselves or here
    speeds, (lists,) = levels()[1], opening()[1]
    print(
        "\n| dataset | sequences | frames | level | core hours | core hours per 1,000 sequences | "
        f"hours on {WORKERS} workers | results | client memory |"
    )
    print("| --- " * 9 + "|")
    rows = []
    for name, (sequences, frames) in SIZES.items():
        for speed in speeds:
            hours = frames * (speed["seconds_per_frame"] + lists["picture_seconds"]) / 3600
            row = {
                "dataset": name,
                "sequences": sequences,
                "frames": frames,
                "level": speed["level"],
                "core_hours": hours,
                "core_hours_per_1000_sequences": 1000 * hours / sequences,
                "hours": hours / WORKERS,
                "result_bytes": frames * speed["bytes_per_frame"],
                "client_bytes": frames * lists["memory_bytes_per_frame"],
            }
            rows.append(row)
            print(
                f"| {name} | {sequences:,} | {frames:,} | {speed['level']} | {hours:,.0f} | "
                f"{row['core_hours_per_1000_sequences']:,.0f} | {row['hours']:,.1f} | "
                f"{row['result_bytes'] / 1e6:,.0f} MB | {row['client_bytes'] / 2**30:.2f} GiB |"
            )
    return [], rows


if __name__ == "__main__":
    figures.run_parts(
        HERE, {"tasks": tasks, "levels": levels, "opening": opening, "plan": plan}, "dask"
    )
