"""Pieces of work that nothing is timed in, side by side on the machine's cores."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import cv2
import torch

Task = TypeVar("Task")
Made = TypeVar("Made")


def one_thread() -> None:
    """Sums of floats depend on how threads split them, and processes share the cores."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def each(work: Callable[[Task], Made], tasks: Iterable[Task]) -> list[Made]:
    """`work` on every task, in their order; tells every one that is over."""
    todo = list(tasks)
    found: list[Made] = []
    count = min(os.cpu_count() or 1, len(todo))
    with ProcessPoolExecutor(count, get_context("spawn"), one_thread) as pool:
        for task, made in zip(todo, pool.map(work, todo), strict=True):
            found.append(made)
            print(task, file=sys.stderr, flush=True)
    return found
