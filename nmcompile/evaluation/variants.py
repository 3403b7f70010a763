"""What is evaluated: a build at one level, or one of the two baselines, as something that follows.

A tracker is a function: first frame and box -> a function from the next frame to its box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.build.deployment import Deployment
from nmcompile.build.execute import ProgramExecutor, reference_executor
from nmcompile.build.relower import relower
from nmcompile.evaluation.tracking import with_random_weights
from nmcompile.trackers.loops import loop_of

__all__ = ["SHUFFLED", "STATIC", "Tally", "Variant", "executor_of", "started_by", "tracker_of"]

Image = npt.NDArray[np.uint8]
Box = npt.NDArray[np.float64]
Start = Callable[[Image, Box], Callable[[Image], Box]]

STATIC: Final = "static box"
SHUFFLED: Final = "shuffled weights"


@dataclass(frozen=True)
class Variant:
    """One configuration under evaluation.

    Attributes:
        build: path of the build folder.
        digest: sha256 of its manifest.
        name: what the results call the build; "" when there is only one.
        level: float, integer, golden or mapped; STATIC or SHUFFLED for a baseline.
        timesteps: another T than the build's (level integer), or None.
        seed: of the shuffled weights.
    """

    build: str
    digest: str
    name: str
    level: str
    timesteps: int | None = None
    seed: int = 0

    @property
    def label(self) -> str:
        """What tables and plots call it; the seeds of a baseline share one label."""
        own = self.level if self.timesteps is None else f"{self.level} T={self.timesteps}"
        return f"{self.name}: {own}" if self.name and self.level != STATIC else own

    @property
    def identity(self) -> dict[str, object]:
        """What decides its results."""
        if self.level == STATIC:
            return {"level": STATIC}
        return {
            "build": self.digest,
            "level": self.level,
            "timesteps": self.timesteps,
            "seed": self.seed,
        }


@dataclass
class Tally:
    """Operations of search inferences, summed up so that counters need not be kept.

    Attributes:
        frames: tracked frames.
        sops: synaptic operations. macs: multiply-accumulates.
        counts: whether the level counts at all.
    """

    frames: int = 0
    sops: int = 0
    macs: int = 0
    counts: bool = field(default=False)

    def take(self, executor: ProgramExecutor) -> None:
        """Add one tracked frame and empty the executor's counters."""
        self.frames += 1
        for step in executor.program.schedule:
            if step.trigger == "every_frame":
                for counters in executor.counted.get(step.name, ()):
                    self.counts = True
                    self.sops += counters.sops
                    self.macs += counters.macs
        executor.counted.clear()


@lru_cache(maxsize=3)
def executor_of(variant: Variant) -> ProgramExecutor:
    """The executor of a variant that has one; the last few are kept."""
    deployment = Deployment.open(variant.build)
    if variant.level == SHUFFLED:
        return with_random_weights(deployment.program("float"), variant.seed)
    if variant.timesteps is not None:
        return reference_executor(relower(deployment, variant.timesteps))
    return deployment.executor(variant.level)


def tracker_of(variant: Variant, tally: Tally) -> Start:
    """The tracker that a variant is; what its frames cost goes to `tally`."""
    if variant.level == STATIC:
        return lambda _, box: lambda _: box
    return started_by(executor_of(variant), tally)


def started_by(executor: ProgramExecutor, tally: Tally) -> Start:
    """The tracker that runs on an executor; what its frames cost goes to `tally`."""
    loop = loop_of(executor.program)

    def start(image: Image, box: Box) -> Callable[[Image], Box]:
        tracker = loop.start(executor, image, box.tolist())

        def step(following: Image) -> Box:
            found = tracker.step(following)
            tally.take(executor)
            return found

        return step

    return start
