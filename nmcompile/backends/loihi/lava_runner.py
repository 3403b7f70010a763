"""Run an emitted Lava package in a subprocess with a time limit, and compare it with ours."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError

INSTALL = "pip install --ignore-requires-python --only-binary :all: lava-nc==0.10.0"
TAIL_LINES = 15
TERMINATE_S = 3.0
"""Time between asking Lava's processes to end and killing them: its shared memory is freed."""

Ints = npt.NDArray[Any]


class Recorded(Protocol):
    """One frame of ours: spikes `(T, ...)` and final membranes per population."""

    @property
    def spikes(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Aligned to golden timesteps."""

    @property
    def v_final(self) -> dict[str, npt.NDArray[np.int32]]:
        """After the last timestep."""


@dataclass(frozen=True)
class LavaResult:
    """What Lava computed, aligned to golden timesteps.

    Attributes:
        spikes: population -> `(F, T, C, H, W)` or `(F, T, N)` uint8.
        u_final: population -> `(F, C, H, W)` or `(F, N)` int32, after its last active tick.
        v_final: likewise, membranes.
        process_models: `Process=module.Model` of every process class that ran.
        wall_s: duration of the subprocess, for the user's eyes only.
    """

    spikes: dict[str, npt.NDArray[np.uint8]]
    u_final: dict[str, npt.NDArray[np.int32]]
    v_final: dict[str, npt.NDArray[np.int32]]
    process_models: tuple[str, ...]
    wall_s: float


def run_lava(package: Path, frames: Sequence[Ints], *, time_limit_s: float = 120.0) -> LavaResult:
    """Run consecutive frames through an emitted package on Lava's CPU runtime.

    Args:
        package: the folder that `emit_lava` returned.
        frames: one stimulus per frame, as the golden network takes it.
        time_limit_s: after this the whole process group is ended.

    Raises:
        NmError: NM0701 Lava is not installed, NM0702 it crashed, NM0703 it exceeded the limit.
    """
    _require_lava()
    with tempfile.TemporaryDirectory(prefix="nmcompile-lava-") as name:
        folder = Path(name)
        stimulus, output = folder / "stimulus.npz", folder / "result.npz"
        np.savez(stimulus, frames=np.stack([np.asarray(f) for f in frames]))
        options = ("--stimulus", str(stimulus), "--output", str(output))
        started = time.monotonic()
        _run_module(package, options, folder / "lava.log", time_limit_s)
        if not output.exists():
            raise _failed("lava ended without a result", package, folder / "lava.log")
        with np.load(output, allow_pickle=False) as stored:
            return _result(dict(stored), time.monotonic() - started)


def compare(ours: Sequence[Recorded], lava: LavaResult) -> tuple[str, ...]:
    """Every difference in spikes and final membranes, in words; empty when equal.

    Args:
        ours: one recorded inference per frame, in order.
        lava: the same frames on Lava.
    """
    found: list[str] = []
    for index, frame in enumerate(ours):
        for what, wanted, others in (
            ("spikes", frame.spikes, lava.spikes),
            ("final membranes", frame.v_final, lava.v_final),
        ):
            for name, values in wanted.items():
                difference = _difference(values, others.get(name), index)
                if difference:
                    found.append(f"frame {index + 1}, {what} of `{name}`: {difference}")
    return tuple(found)


def require_equal(network: str, mismatches: Sequence[str]) -> None:
    """Raise when Lava computed something else.

    Raises:
        NmError: NM0402.
    """
    if not mismatches:
        return
    raise NmError(
        Diagnostic(
            code="NM0402",
            message="Lava does not compute what this deployment computes",
            where=network,
            limit="equality of all spikes and final membranes",
            found=mismatches[0],
            notes=tuple(mismatches[1:8]),
            help=("emit the deployment again; a package that was edited by hand fails here too",),
        )
    )


def _require_lava() -> None:
    if importlib.util.find_spec("lava") is None:
        raise NmError(
            Diagnostic(
                code="NM0701",
                message="Lava is not installed",
                limit="lava-nc 0.10.0",
                help=(f"install it: {INSTALL}", "or run without `--engine lava`"),
            )
        )


def _run_module(package: Path, options: Sequence[str], log: Path, time_limit_s: float) -> None:
    """`python -m <package>.run <options>` in a process group of its own."""
    # One thread each: Lava starts an operating-system process per Lava process. Unbuffered: a
    # traceback must reach the log before a hanging group is ended.
    settings = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    environment = {**os.environ, **settings}
    command = [sys.executable, "-m", f"{package.name}.run", *options]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=package.parent,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            status = process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            raise _too_slow(package, log, time_limit_s) from None
        finally:
            _end_group(process)
    if status != 0:
        raise _failed(f"lava ended with status {status}", package, log)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the group, first gently: then its shared memory is released."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + TERMINATE_S
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _too_slow(package: Path, log: Path, time_limit_s: float) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0703",
            message="Lava did not finish in time",
            where=package.name,
            limit=f"{time_limit_s:g} s",
            notes=_tail(log),
            help=(
                "allow more time with `--time-limit`",
                "a crash inside a Lava process shows as a hang: look at the log lines",
            ),
        )
    )


def _failed(message: str, package: Path, log: Path) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0702",
            message=message,
            where=package.name,
            notes=_tail(log),
            help=("run `nmcompile doctor` to check the Lava installation",),
        )
    )


def _tail(log: Path) -> tuple[str, ...]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(line for line in lines if line.strip())[-TAIL_LINES:]


def _result(stored: dict[str, Ints], wall_s: float) -> LavaResult:
    parts: dict[str, dict[str, Ints]] = {"spikes": {}, "u": {}, "v": {}}
    for key, values in stored.items():
        kind, _, name = key.partition("/")
        if kind in parts:
            parts[kind][name] = values
    models = tuple(str(m) for m in stored["process_models"])
    return LavaResult(parts["spikes"], parts["u"], parts["v"], models, wall_s)


def _difference(wanted: Ints, found: Ints | None, frame: int) -> str:
    if found is None or frame >= len(found):
        return "missing in Lava"
    if found[frame].shape != wanted.shape:
        return f"shape {found[frame].shape}, ours {wanted.shape}"
    different = np.argwhere(found[frame] != wanted)
    if not different.size:
        return ""
    at = tuple(int(i) for i in different[0])
    ours, lavas = int(wanted[at]), int(found[frame][at])
    return f"{len(different)} differ, first at {at}: ours {ours}, lava {lavas}"
