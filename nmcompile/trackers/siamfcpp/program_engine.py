"""SiamFC++'s networks at any level of a compiled program, behind `MapsEngine`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import ProgramExecutor
from nmcompile.ir.program import Program
from nmcompile.reference.float import channel_order
from nmcompile.trackers.program_engine import crop_side
from nmcompile.trackers.siamfcpp.params import SiamFCppParams

__all__ = ["ProgramMapsEngine", "program_params"]


class ProgramMapsEngine:
    """Answers with the maps of a program's executor.

    Args:
        executor: float (with folded preprocessing), integer, golden or mapped.
    """

    def __init__(self, executor: ProgramExecutor) -> None:
        self._executor = executor
        self._preprocess = executor.program.preprocess

    def set_template(self, crop: npt.NDArray[np.uint8]) -> None:
        """Run the on_init steps on the exemplar, RGB uint8 `(H, W, 3)`."""
        self._executor.init(channel_order(crop[None], self._preprocess)[0])

    def maps(self, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Maps `(6, S, S)` of a search crop, RGB uint8 `(H, W, 3)`."""
        (output,) = self._executor.frame(channel_order(crop[None], self._preprocess))
        return np.asarray(output, np.float64).reshape(output.shape[-3:])


def program_params(program: Program) -> SiamFCppParams:
    """The tracker's hyperparameters: the program's settings, sizes from its networks.

    Raises:
        NmError: NM0552 when a setting is unknown or out of range.
    """
    head = program.network("head")
    sizes = {
        "exemplar_size": crop_side(program, "template"),
        "search_size": crop_side(program, "search"),
        "score_size": head.types[head.output.name].shape[1],
    }
    return SiamFCppParams.from_mapping({**dict(program.settings), **sizes})
