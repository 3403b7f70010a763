"""Small tasks that a worker process finds by name: nothing but numpy is loaded for them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.evaluation.tasks import digest_of


@dataclass(frozen=True)
class Errand:
    """A spiking layer on seeded weights; `trace` gets a line per start, `fault` what goes wrong."""

    number: int
    trace: Path
    seconds: float = 0.0
    fault: str = ""

    @property
    def key(self) -> dict[str, object]:
        return {"number": self.number, "fault": self.fault}

    @property
    def digest(self) -> str:
        return digest_of(self.key)

    @property
    def label(self) -> str:
        return f"errand {self.number}"

    @property
    def steps(self) -> int:
        return 2

    @property
    def needs(self) -> tuple[Path, ...]:
        return (self.trace.parent,)


def run_errand(errand: Errand, tick: Callable[[], None]) -> dict[str, Any]:
    with errand.trace.open("a") as trace:
        trace.write(f"{errand.number} {os.getpid()}\n")
    time.sleep(errand.seconds)
    if errand.fault == "refused":
        raise NmError(Diagnostic(code="NM0512", message="no picture", where=errand.label))
    if errand.fault == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    rng = np.random.default_rng(errand.number)
    weight = rng.integers(-4, 5, (32, 24))
    membrane, spikes = np.zeros(32, np.int64), []
    for _ in range(8):
        tick() if len(spikes) in (0, 4) else None
        membrane += weight @ (rng.random(24) < 0.4)
        fired = membrane > 6
        membrane[fired] -= 6
        spikes.append(int(fired.sum()))
    return {"spikes": spikes, "membrane": membrane.tolist()}
