"""DashNet's networks at any level of a compiled program, behind `HybridEngine`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import ProgramExecutor
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.program import Program
from nmcompile.trackers.dashnet.params import HybridParams

__all__ = ["ProgramHybridEngine", "hybrid_params"]


def hybrid_params(program: Program) -> HybridParams:
    """The tracker's hyperparameters, the program's settings.

    Raises:
        NmError: NM0518 when the program has no steps on event windows.
    """
    _require_windows(program)
    return HybridParams.from_mapping(dict(program.settings))


def _require_windows(program: Program) -> None:
    if not program.windowed:
        raise NmError(
            Diagnostic(
                code="NM0518",
                message="this deployment does not track events",
                where=program.name,
                found=f"networks {', '.join(n.name for n in program.networks)}",
                help=("`nmcompile track BUILD --sequence DIR` tracks in frames",),
            )
        )


class ProgramHybridEngine:
    """Answers with a program's executor: its every_frame steps and its on_event steps.

    Args:
        executor: float (with folded preprocessing), integer, golden or mapped.

    Raises:
        NmError: NM0518 when the program has no steps on event windows.
    """

    def __init__(self, executor: ProgramExecutor) -> None:
        self._executor = executor
        program = executor.program
        _require_windows(program)
        network = program.network(_network(program))
        self._input_size = network.types[network.input.name].shape[-1]
        self._timesteps = network.timesteps

    @property
    def input_size(self) -> int:
        """Side of the networks' input, pixels."""
        return self._input_size

    @property
    def timesteps(self) -> int:
        """T of the SNN."""
        return self._timesteps

    def frame(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """The ANN's box `(4,)` for `(2, S, S)` uint8."""
        (found,) = self._executor.frame(image[None])
        return np.asarray(found, np.float64).reshape(4)

    def window(self, spikes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """The SNN's box `(4,)` for `(T, 2, S, S)` of 0 and 1."""
        return np.asarray(self._executor.window(spikes), np.float64).reshape(4)


def _network(program: Program) -> str:
    """The first network that runs on event windows."""
    return next(
        s.network for s in program.schedule if s.trigger == "on_event" and s.network is not None
    )
