"""SiamFC's network at any level of a compiled program, behind `ResponseEngine`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import ProgramExecutor
from nmcompile.ir.program import Program
from nmcompile.reference.float import channel_order
from nmcompile.trackers.siamfc import SiamFCParams

__all__ = ["ProgramEngine", "program_params"]


class CropEngine:
    """Gives crops to a program's executor.

    Args:
        executor: float (with folded preprocessing), integer, golden or mapped.
    """

    def __init__(self, executor: ProgramExecutor) -> None:
        self._executor = executor
        self._preprocess = executor.program.preprocess

    def ordered(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """`(N, C, H, W)` in the program's order of channels, of RGB `(N, H, W, 3)`."""
        return channel_order(crops, self._preprocess)

    def outputs(self, crops: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float64]]:
        """The program's output for each search crop, RGB uint8 `(S, H, W, 3)`."""
        found = self._executor.frame(self.ordered(crops))
        return [np.asarray(output, np.float64) for output in found]


class ExemplarEngine(CropEngine):
    """Takes one exemplar crop."""

    def set_template(self, crop: npt.NDArray[np.uint8]) -> None:
        """Run the on_init steps on the exemplar, RGB uint8 `(H, W, 3)`."""
        self._executor.init(self.ordered(crop[None])[0])


class ProgramEngine(ExemplarEngine):
    """Answers with the response maps of a program's executor."""

    def respond(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Responses `(S, h, w)` of search crops, RGB uint8 `(S, H, W, 3)`."""
        return np.stack([o.reshape(o.shape[-2:]) for o in self.outputs(crops)])


def program_params(program: Program) -> SiamFCParams:
    """The tracker's hyperparameters: the program's settings, sizes from its networks.

    Raises:
        NmError: NM0517 when a setting is unknown or out of range.
    """
    sizes = {
        "exemplar_size": crop_side(program, "template"),
        "search_size": crop_side(program, "search"),
    }
    return SiamFCParams.from_mapping({**dict(program.settings), **sizes})


def crop_side(program: Program, network: str) -> int:
    """Side of the crop that a network takes, by itself or behind its first layer on the host."""
    names = {s.network: s for s in program.schedule}
    entry = f"{network}_input" if f"{network}_input" in names else network
    net = program.network(entry)
    return net.types[net.input.name].shape[1]
