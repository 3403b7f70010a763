"""Train SiamFC++ for cores of 256 axons: the ANN, its ternary weights, then spikes at T = 1.

    python models/s4-truenorth/train.py --photos photos --states states --pairs pairs

The teacher is the ANN of `models/s4`, as `models/s4/train.py --only ann` leaves it in the same
folder of states. No neuron behind the first layer has more than 128 inputs, so that two axons for
each (one for +s, one for -s) fit into a core: 3x3 convolutions see four channels each, and 1x1
convolutions mix them again.
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
    channels=(24, 48, 96, 96, 64),
    head=32,
    exemplar_size=95,
    search_size=207,
    kernels=(5, 3, 1, 3, 1),
    groups=(1, 6, 1, 24, 1),
)
TEACHER: Final = "ann"
TAUGHT: Final = Distillation(response=1.0, box=1.0)
"""Not the features: the neck's maps have other sizes here."""

PARTS: Final = {
    "tn-ann": Part(0, None, 1577, 2e-3, TAUGHT),
    "tn-ternary": Part(0, "tn-ann", 562, 1e-3, TAUGHT, ternary=True),
    "tn-t1": Part(1, "tn-ternary", 3486, 1e-3, TAUGHT, ternary=True),
}


if __name__ == "__main__":
    run(str(__doc__).splitlines()[0], CONFIG, PARTS, TEACHER)
