"""SiamFC++'s networks at any level of a compiled program, behind `MapsEngine`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.ir.program import Program
from nmcompile.trackers.program_engine import ExemplarEngine, crop_side
from nmcompile.trackers.siamfcpp.params import SiamFCppParams

__all__ = ["ProgramMapsEngine", "program_params"]


class ProgramMapsEngine(ExemplarEngine):
    """Answers with the maps of a program's executor."""

    def maps(self, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Maps `(6, S, S)` of a search crop, RGB uint8 `(H, W, 3)`."""
        (output,) = self.outputs(crop[None])
        return output.reshape(output.shape[-3:])


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
