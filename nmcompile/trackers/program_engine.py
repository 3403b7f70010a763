"""The tracker's network at any level of a compiled program, behind `ResponseEngine`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import ProgramExecutor
from nmcompile.reference.float import channel_order


class ProgramEngine:
    """Answers with the response maps of a program's executor.

    Args:
        executor: float (with folded preprocessing), integer, golden or mapped.
    """

    def __init__(self, executor: ProgramExecutor) -> None:
        self._executor = executor
        self._preprocess = executor.program.preprocess

    def set_template(self, crop: npt.NDArray[np.uint8]) -> None:
        """Run the on_init steps on the exemplar, RGB uint8 `(H, W, 3)`."""
        self._executor.init(channel_order(crop[None], self._preprocess)[0])

    def respond(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Responses `(S, h, w)` of search crops, RGB uint8 `(S, H, W, 3)`."""
        outputs = self._executor.frame(channel_order(crops, self._preprocess))
        return np.stack([np.asarray(o, np.float64).reshape(o.shape[-2:]) for o in outputs])
