"""SpikeTrack's networks at any level of a compiled program, behind `MemoryEngine`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.ir.network import Network
from nmcompile.ir.program import Program, Trigger
from nmcompile.trackers.program_engine import CropEngine
from nmcompile.trackers.spiketrack.params import SpikeTrackParams, completed

__all__ = ["ProgramMemoryEngine", "program_params"]


class ProgramMemoryEngine(CropEngine):
    """Answers with the maps of a program's executor."""

    def set_templates(self, crops: npt.NDArray[np.uint8]) -> None:
        """Run the on_init steps on the template crops, RGB uint8 `(T, R, R, 3)`, one per step."""
        self._executor.init(self.ordered(crops))

    def maps(self, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Maps `(5, P, P)` of a search crop, RGB uint8 `(R, R, 3)`."""
        (output,) = self.outputs(crop[None])
        return output.reshape(output.shape[-3:])


def program_params(program: Program) -> SpikeTrackParams:
    """The tracker's hyperparameters: the program's settings, sizes from its networks.

    Raises:
        NmError: NM0554 when a setting is unknown or out of range.
    """
    template = _networks(program, "on_init")[0]
    # A program that is cut between cores and host has many networks from crop to maps.
    search = _networks(program, "every_frame")
    first, last = search[0], search[-1]
    crop, maps = first.types[first.input.name].shape, last.types[last.output.name].shape
    return completed(dict(program.settings), crop[1], maps[1], template.timesteps)


def _networks(program: Program, trigger: Trigger) -> list[Network]:
    """The networks that one trigger runs, in order."""
    steps = (s for s in program.schedule if s.trigger == trigger)
    return [program.network(s.network) for s in steps if s.network is not None]
