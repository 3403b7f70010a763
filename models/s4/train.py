"""Train SiamFC++ in stages: the ANN, spiking at T = 3, 2, 1, and T = 1 with a teacher.

    python models/s4/train.py --photos photos --states states --pairs pairs

Every stage starts from the state of the one before and keeps its weights, leaks and thresholds
(initialise and retrain). `--only` names the stages to run; one that is over is not repeated, one
that was stopped goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.s4_losses import Distillation
from training.s4_parts import Part, run

from nmcompile.architectures.siamfcpp import SiamFCppConfig

CONFIG: Final = SiamFCppConfig(
    channels=(16, 24, 32, 40, 32),
    head=32,
    exemplar_size=95,
    search_size=207,
    kernels=(5, 3, 3, 3, 3),
)
TEACHER: Final = "ann"
EVERYTHING: Final = Distillation(feature=1.0, response=1.0, box=1.0)


SHORT: Final = 700
"""Updates of every stage that is compared with another."""

PARTS: Final = {
    TEACHER: Part(0, None, 7000, 2e-3),
    "t3": Part(3, TEACHER, 1600, 1e-3),
    "t2": Part(2, "t3", SHORT, 5e-4),
    "t1": Part(1, "t2", SHORT, 5e-4),
    "t1-kd": Part(1, "t2", SHORT, 5e-4, EVERYTHING),
    "t1-feature": Part(1, "t2", SHORT, 5e-4, Distillation(feature=1.0)),
    "t1-response": Part(1, "t2", SHORT, 5e-4, Distillation(response=1.0)),
    "t1-box": Part(1, "t2", SHORT, 5e-4, Distillation(box=1.0)),
    "s4": Part(1, "t1-kd", 2000, 5e-4, EVERYTHING),
}


if __name__ == "__main__":
    run(str(__doc__).splitlines()[0], CONFIG, PARTS, TEACHER)
