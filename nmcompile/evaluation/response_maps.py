"""What a tracker's networks answer to one search crop: a response map, and where the object is.

SiamFC: the response, and the place of its first maximum. SiamFC++: the score of every place, class
times centre-ness before penalty and window, and the centre of the box at the first maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import ProgramExecutor
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.program import Program
from nmcompile.trackers.loops import loop_of
from nmcompile.trackers.program_engine import ExemplarEngine, ProgramEngine
from nmcompile.trackers.siamfc import SiamFCParams
from nmcompile.trackers.siamfcpp import loop as siamfcpp
from nmcompile.trackers.siamfcpp.params import SiamFCppParams
from nmcompile.trackers.siamfcpp.program_engine import ProgramMapsEngine

__all__ = ["Answer", "CropParams", "Responder", "responder_of", "tracker_params"]

Image = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]


class CropParams(Protocol):
    """How a tracker cuts its crops."""

    @property
    def context(self) -> float:
        """Margin around the box, in parts of width + height."""

    @property
    def exemplar_size(self) -> int:
        """Side of the exemplar crop, pixels."""

    @property
    def search_size(self) -> int:
        """Side of the search crop, pixels."""


@dataclass(frozen=True)
class Answer:
    """To one search crop.

    Attributes:
        response: `(h, w)`. place: x, y of the object, pixels from the middle of the crop.
    """

    response: Values
    place: Values


@dataclass(frozen=True)
class Responder:
    """The networks of a tracker with a response map, on an executor of any level.

    Attributes:
        engine: takes exemplars. answer: to a search crop, RGB uint8 `(H, W, 3)`.
    """

    engine: ExemplarEngine
    answer: Callable[[Image], Answer]


def tracker_params(program: Program) -> CropParams:
    """Hyperparameters of a tracker that has a response map.

    Raises:
        NmError: NM0518 when the program is not a tracker, NM0553 when it has no such map.
    """
    found: CropParams = _known(program).params(program)
    return found


def responder_of(executor: ProgramExecutor) -> Responder:
    """The networks of an executor; raises as `tracker_params` does."""
    loop = _known(executor.program)
    return _RESPONDERS[executor.program.tracker](executor, loop.params(executor.program))


def _known(program: Program) -> Any:
    loop = loop_of(program)
    if program.tracker in _RESPONDERS:
        return loop
    raise NmError(
        Diagnostic(
            code="NM0553",
            message="this tracker has no response map to compare",
            where=program.name,
            limit=" or ".join(sorted(_RESPONDERS)),
            found=program.tracker,
            help=("`nmcompile track` and `nmcompile evaluate --protocol ope` judge its boxes",),
        )
    )


def _siamfc(executor: ProgramExecutor, params: SiamFCParams) -> Responder:
    engine = ProgramEngine(executor)

    def answer(crop: Image) -> Answer:
        response = engine.respond(crop[None])[0]
        row, column = _first_maximum(response)
        rows, columns = response.shape
        x, y = column - (columns - 1) / 2.0, row - (rows - 1) / 2.0
        return Answer(response, np.array([x, y], np.float64) * params.total_stride)

    return Responder(engine, answer)


def _siamfcpp(executor: ProgramExecutor, params: SiamFCppParams) -> Responder:
    engine = ProgramMapsEngine(executor)

    def answer(crop: Image) -> Answer:
        found = siamfcpp.read(engine.maps(crop), params.total_stride)
        return Answer(found.score, found.centre(*_first_maximum(found.score)))

    return Responder(engine, answer)


def _first_maximum(response: Values) -> tuple[int, int]:
    """Row and column."""
    return divmod(int(response.argmax()), response.shape[1])


_RESPONDERS: Final[Mapping[str, Callable[[ProgramExecutor, Any], Responder]]] = {
    "siamfc": _siamfc,
    "siamfcpp": _siamfcpp,
}
