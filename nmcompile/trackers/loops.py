"""The tracker loops, by the name that a program carries, and how one is started on an executor.

A program without one of these loops is no tracker of frames. DashNet's loop takes frames and events
and is driven by `nmcompile.evaluation.hybrid_tracking`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nmcompile.build.execute import ProgramExecutor
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.program import Program
from nmcompile.trackers import siamfc
from nmcompile.trackers.following import Box, Image, Tracker, follow
from nmcompile.trackers.program_engine import ProgramEngine, program_params
from nmcompile.trackers.siamfcpp import loop as siamfcpp
from nmcompile.trackers.siamfcpp import program_engine as siamfcpp_engine
from nmcompile.trackers.siamfcpp.params import SiamFCppParams
from nmcompile.trackers.spiketrack import loop as spiketrack
from nmcompile.trackers.spiketrack import program_engine as spiketrack_engine
from nmcompile.trackers.spiketrack.params import SpikeTrackParams

__all__ = ["Loop", "Tracker", "loop_of"]


@dataclass(frozen=True, slots=True)
class Loop:
    """What happens around a tracker's networks.

    Attributes:
        params: of a program, checked; sizes come from its networks.
        tracker: of an executor, these parameters, the first frame and its box.
    """

    params: Callable[[Program], Any]
    tracker: Callable[[ProgramExecutor, Any, Image, Sequence[float]], Tracker]

    def start(self, executor: ProgramExecutor, image: Image, box: Sequence[float]) -> Tracker:
        """A new track.

        Args:
            executor: of any level.
            image: first frame, RGB uint8 (H, W, 3).
            box: x, y, w, h in it, pixels counted from 0.
        """
        return self.tracker(executor, self.params(executor.program), image, box)

    def boxes(
        self, executor: ProgramExecutor, frames: Iterable[Image], box: Sequence[float]
    ) -> Iterator[Box]:
        """Follow an object through frames.

        Args:
            executor: of any level.
            frames: RGB, a `VideoSequence` for example.
            box: x, y, w, h in the first, pixels counted from 0.

        Returns:
            One box per frame, as soon as it is known; the first is `box`.
        """
        return follow(lambda image: self.start(executor, image, box), frames, box)


def _siamfc(
    executor: ProgramExecutor, params: siamfc.SiamFCParams, image: Image, box: Sequence[float]
) -> Tracker:
    return siamfc.SiamFCTracker(ProgramEngine(executor), params, image, box)


def _siamfcpp(
    executor: ProgramExecutor,
    params: SiamFCppParams,
    image: Image,
    box: Sequence[float],
) -> Tracker:
    engine = siamfcpp_engine.ProgramMapsEngine(executor)
    return siamfcpp.SiamFCppTracker(engine, params, image, box)


def _spiketrack(
    executor: ProgramExecutor, params: SpikeTrackParams, image: Image, box: Sequence[float]
) -> Tracker:
    engine = spiketrack_engine.ProgramMemoryEngine(executor)
    return spiketrack.SpikeTracker(engine, params, image, box)


_LOOPS: Final[Mapping[str, Loop]] = {
    "siamfc": Loop(program_params, _siamfc),
    "siamfcpp": Loop(siamfcpp_engine.program_params, _siamfcpp),
    "spiketrack": Loop(spiketrack_engine.program_params, _spiketrack),
}


def loop_of(program: Program) -> Loop:
    """The loop around a program's networks.

    Raises:
        NmError: NM0518 when the program is not a tracker of frames.
    """
    if program.tracker in _LOOPS:
        return _LOOPS[program.tracker]
    other = ("`nmcompile track BUILD --events F` tracks frames and events",)
    raise NmError(
        Diagnostic(
            code="NM0518",
            message="this deployment is not a tracker",
            where=program.name,
            found=f"networks {', '.join(n.name for n in program.networks)}",
            help=(
                *(other if program.windowed else ()),
                "`nmcompile run` executes any deployment on a stimulus",
            ),
        )
    )
