"""Nothing of Lava stays behind: its processes end, and its shared memory is given back.

Lava starts one operating-system process for every Lava process, connected by shared memory. When
it is killed, or crashes, both may survive it. Every run has a mark of its own, which its processes
carry in their environment and its shared memory in its names: nothing of another program is
touched.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory is, on Linux
PROCESSES: Final = Path("/proc")
VARIABLE: Final = "NMCOMPILE_LAVA_RUN"
"""Environment variable that holds the mark of a run."""
TERMINATE_S: Final = 3.0
"""Time between asking processes to end and killing them: Lava frees its shared memory then."""
KILL_S: Final = 2.0
"""Time that the system gets to end what was killed."""
DEADLY: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

LAUNCH: Final = """
import multiprocessing.process as process, multiprocessing.shared_memory as memory, runpy, sys
mark, module = sys.argv[1:3]
memory._SHM_NAME_PREFIX, memory._SHM_SAFE_NAME_LENGTH = f"/psm_{mark}_", 30
process.current_process()._config["semprefix"] = f"/mp_{mark}"
sys.argv[:] = [module, *sys.argv[3:]]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
"""Runs a module whose shared memory carries the mark: `python -c LAUNCH MARK MODULE ...`."""


@dataclass(frozen=True)
class Leftovers:
    """What outlived the main process of a run.

    Attributes:
        removed: how many pieces of shared memory were removed. removed_bytes: their size.
        kept: those that could not be.
    """

    removed: int = 0
    removed_bytes: int = 0
    kept: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = []
        if self.removed:
            parts.append(f"{self.removed} removed ({self.removed_bytes} bytes)")
        if self.kept:
            parts.append(f"not removable: {', '.join(self.kept)}")
        return "; ".join(parts)


def new_mark() -> str:
    """A mark that no other run has."""
    return secrets.token_hex(4)


def end_run(process: subprocess.Popen[bytes], mark: str) -> Leftovers:
    """End a process, its group and all that carries the mark, gently first; free their memory."""
    _signal_all(process.pid, mark, signal.SIGTERM)
    deadline = time.monotonic() + TERMINATE_S
    while _alive(process, mark) and time.monotonic() < deadline + KILL_S:
        if time.monotonic() > deadline:
            _signal_all(process.pid, mark, signal.SIGKILL)
        time.sleep(0.02)
    process.wait()
    return _remove_memory(mark)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Inside, a signal that ends programs raises instead, so that `finally` blocks run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in DEADLY}
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterruptible() -> Iterator[None]:
    """Inside, signals that end programs are ignored: for the few seconds of cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in DEADLY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def _signal_all(group: int, mark: str, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
    for pid in _marked(mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _alive(process: subprocess.Popen[bytes], mark: str) -> bool:
    """Whether anything of the run lives; a zombie that waits for its parent does not."""
    if process.poll() is None:
        return True
    if PROCESSES.is_dir():
        return any(True for _ in _marked(mark))
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, 0)
        return True
    return False


def _marked(mark: str) -> Iterator[int]:
    """Living processes that were started with the mark, where the system tells."""
    wanted = f"{VARIABLE}={mark}".encode()
    with contextlib.suppress(OSError):
        for folder in PROCESSES.iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


def _remove_memory(mark: str) -> Leftovers:
    removed, size, kept = 0, 0, []
    with contextlib.suppress(OSError):
        for name in sorted(n for n in os.listdir(SHARED_MEMORY) if mark in n):
            path = SHARED_MEMORY / name
            try:
                found = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError:
                kept.append(name)
                continue
            removed, size = removed + 1, size + found
    return Leftovers(removed, size, tuple(kept))
