"""Activation scales measured once and stored in the checkpoint.

torch's sums differ between processors in the last digits; a checkpoint with frozen scales gives
the same integers on every machine.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from nmcompile.build.calibration import folder_images
from nmcompile.frontends.checkpoint import Checkpoint
from nmcompile.frontends.checkpoint_program import checkpoint_to_program
from nmcompile.passes import pipelines
from nmcompile.passes.calibrate import scales
from nmcompile.passes.context import Calibration, PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.passes.recipe import Recipe

SCALE_DIGITS: Final = 6
"""Significant digits kept: far above the noise of a percentile, far below rounding errors."""


def freeze_scales(checkpoint: Checkpoint, folder: Path, percentile: float = 99.9) -> Checkpoint:
    """The checkpoint with scales measured on the images of `folder`.

    Args:
        checkpoint: any; scales that it has are replaced.
        folder: crops, resized to the network's frame input.
        percentile: of the non-zero activations, see `Recipe`.

    Raises:
        NmError: NM0525 when the folder has no readable images, and what loading raises.
    """
    context = PassContext(recipe=Recipe(percentile=percentile))
    program = PassManager(pipelines.FLOAT).run(checkpoint_to_program(checkpoint), context)
    search = program.network("search")
    _, height, width = search.types[search.input.name].shape
    found = Calibration(folder.name, folder_images(folder, (height, width)))
    measured = scales(program, dataclasses.replace(context, calibration=found))
    frozen = {
        k: float(f"{v:.{SCALE_DIGITS}g}") for k, v in measured.items() if isinstance(v, float)
    }
    return dataclasses.replace(checkpoint, scales=tuple(sorted(frozen.items())))
