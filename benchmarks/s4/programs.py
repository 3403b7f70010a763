"""The shipped networks as integer programs, which the mapped cores equal, spike for spike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import stages
from figures import QUICK, table

from nmcompile.backends.registry import backend_of
from nmcompile.build.compiled import Options, prepared, to_integer
from nmcompile.build.execute import ProgramExecutor, reference_executor
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.estimates import Estimate
from nmcompile.evaluation.fidelity import DEFAULT_CROPS, fidelity, sample_crops
from nmcompile.evaluation.response_maps import tracker_params
from nmcompile.evaluation.variants import Tally, started_by
from nmcompile.frontends import load
from nmcompile.target import load_target

CROPS = 8 if QUICK else DEFAULT_CROPS


@dataclass(frozen=True)
class Lowered:
    """A network at two levels.

    Attributes:
        floats: executor of the float program. integers: of the integer one.
    """

    floats: ProgramExecutor
    integers: ProgramExecutor

    def start(self, image: Any, box: Any) -> Any:
        """A new track of the integer program: a function from the next frame to its box."""
        return started_by(self.integers, Tally())(image, box)

    def faithful(self, videos: list[VideoSequence]) -> dict[str, Any]:
        """How far the integer program's maps are those of the float one."""
        crops = sample_crops(videos, tracker_params(self.floats.program), CROPS)
        found = fidelity(self.floats, self.integers, crops)
        return {
            "correlation": _rounded(found.correlation),
            "hit16": _rounded(found.hit16),
            "hit16_float": _rounded(found.reference_hit16),
            "crops": found.crops,
        }


def lowered(name: str) -> Lowered:
    """A shipped network for its chip; nothing is mapped."""
    target = load_target(stages.ON_CORES[name])
    compiled = prepared(load(stages.CHECKPOINTS[name]), target, Options())
    to_integer(compiled, backend_of(target))
    floats, integers = (compiled.programs[level] for level in ("float", "integer"))
    return Lowered(reference_executor(floats), reference_executor(integers))


def _rounded(found: Estimate) -> dict[str, float]:
    return {"mean": round(found.mean, 4), "error": round(found.error or 0.0, 4)}


def row_name(name: str) -> str:
    """What the tables call the integer program of a network."""
    return f"{name}: integers ({stages.ON_CORES[name]})"


def print_fidelity(rows: list[dict[str, Any]]) -> None:
    """How faithful every integer program is."""
    cells = []
    for row in (r for r in rows if "fidelity" in r):
        found = [row["fidelity"][k] for k in ("correlation", "hit16", "hit16_float")]
        cells.append((row["name"], *(f"{f['mean']:.3f} ± {f['error']:.3f}" for f in found)))
    print(f"\nMaps of scores on {CROPS} crops of the sequences, integers against floats:\n")
    print(table(("program", "correlation", "within 16 px", "the float network"), cells))
