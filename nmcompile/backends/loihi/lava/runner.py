"""Run an emitted Lava package in a subprocess with a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nmcompile.backends.loihi.lava.compare import Ints, LavaResult, result_of
from nmcompile.backends.loihi.lava.leftovers import (
    LAUNCH,
    VARIABLE,
    Leftovers,
    end_run,
    interruptible,
    new_mark,
    uninterruptible,
)
from nmcompile.backends.loihi.lava.state import require_lava
from nmcompile.diagnostics import Diagnostic, NmError

TAIL_LINES = 15


def run_lava(
    package: Path,
    frames: Sequence[Ints],
    slots: Sequence[Mapping[str, Ints]] | None = None,
    *,
    time_limit_s: float = 120.0,
) -> LavaResult:
    """Run consecutive frames through an emitted package on Lava's CPU runtime.

    Whatever happens, also when this program is interrupted or asked to end, no process and no
    shared memory of the run is left behind.

    Args:
        package: the folder that `emit_lava` returned.
        frames: one stimulus per frame, as the golden network takes it.
        slots: contents of slots, one for each frame, where the network reads a template.
        time_limit_s: after this the whole process group is ended.

    Raises:
        NmError: NM0701 Lava is not installed, NM0707 it is too old, NM0702 it crashed, NM0703 it
            exceeded the limit, NM0710 it left shared memory that cannot be removed.
    """
    warnings = require_lava()
    with tempfile.TemporaryDirectory(prefix="nmcompile-lava-") as name:
        folder = Path(name)
        stimulus, output = folder / "stimulus.npz", folder / "result.npz"
        _save(stimulus, frames, slots or ())
        options = ("--stimulus", str(stimulus), "--output", str(output))
        started = time.monotonic()
        leftovers = run_module(package, options, folder / "lava.log", time_limit_s)
        if not output.exists():
            message = "lava ended without a result"
            raise _failed(message, package, folder / "lava.log", leftovers)
        warnings += _left_behind(package, leftovers)
        with np.load(output, allow_pickle=False) as stored:
            return result_of(dict(stored), time.monotonic() - started, warnings)


def run_module(package: Path, options: Sequence[str], log: Path, time_limit_s: float) -> Leftovers:
    """`python -m <package>.run <options>` in a process group of its own.

    Args:
        package: folder of the package. options: of its command line.
        log: where its output goes. time_limit_s: after this everything is ended.

    Raises:
        NmError: NM0702 when it ends with an error, NM0703 when it exceeds the limit.
    """
    mark = new_mark()
    command = [sys.executable, "-c", LAUNCH, mark, f"{package.name}.run", *options]
    # One thread each: Lava starts an operating-system process per Lava process. Unbuffered: a
    # traceback must reach the log before a hanging group is ended.
    settings = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    late = False
    with log.open("wb") as stream, interruptible():
        process = subprocess.Popen(
            command,
            cwd=package.parent,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings, VARIABLE: mark},
            start_new_session=True,
        )
        try:
            status = process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            with uninterruptible():
                leftovers = end_run(process, mark)
    if late:
        raise _too_slow(package, log, time_limit_s, leftovers)
    if status != 0:
        raise _failed(f"lava {_ending(status)}", package, log, leftovers)
    return leftovers


def _save(file: Path, frames: Sequence[Ints], slots: Sequence[Mapping[str, Ints]]) -> None:
    arrays = {"frames": np.stack([np.asarray(f) for f in frames])}
    for name in slots[0] if slots else ():
        arrays[f"slots/{name}"] = np.stack([np.asarray(given[name]) for given in slots])
    np.savez(file, **arrays)


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"


def _left_behind(package: Path, leftovers: Leftovers) -> tuple[Diagnostic, ...]:
    """A warning about shared memory that was removed, an error about what could not be."""
    if not (leftovers.removed or leftovers.kept):
        return ()
    diagnostic = Diagnostic(
        code="NM0710",
        message="lava left shared memory behind",
        where=package.name,
        found=str(leftovers),
        help=("remove it by hand from /dev/shm",) if leftovers.kept else (),
        severity="error" if leftovers.kept else "warning",
    )
    if leftovers.kept:
        raise NmError(diagnostic)
    return (diagnostic,)


def _too_slow(package: Path, log: Path, time_limit_s: float, leftovers: Leftovers) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0703",
            message="Lava did not finish in time",
            where=package.name,
            limit=f"{time_limit_s:g} s",
            notes=_notes(log, leftovers),
            help=(
                "allow more time with `--time-limit`",
                "a crash inside a Lava process may show as a hang: look at the log lines",
            ),
        )
    )


def _failed(message: str, package: Path, log: Path, leftovers: Leftovers) -> NmError:
    help_ = ["run `nmcompile doctor` to check the Lava installation"]
    if "SIGKILL" in message:
        help_.append("the system kills programs when memory runs out: give it fewer frames")
    return NmError(
        Diagnostic(
            code="NM0702",
            message=message,
            where=package.name,
            notes=_notes(log, leftovers),
            help=tuple(help_),
        )
    )


def _notes(log: Path, leftovers: Leftovers) -> tuple[str, ...]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    # Python's resource tracker complains about what ending Lava leaves to it, and frees it.
    said = [line for line in lines if line.strip() and "resource_tracker" not in line]
    tail = tuple(said[-TAIL_LINES:])
    text = str(leftovers)
    return (*tail, f"shared memory that it left behind: {text}") if text else tail
