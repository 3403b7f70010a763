"""A checkpoint -> the float program that its architecture makes of it."""

from __future__ import annotations

from nmcompile.frontends import dashnet, siamese, siamfcpp, spiketrack
from nmcompile.frontends.checkpoint import Checkpoint
from nmcompile.ir.program import Program


def checkpoint_to_program(checkpoint: Checkpoint, name: str = "model") -> Program:
    """Build the architecture, load the weights strictly and convert its networks.

    Args:
        checkpoint: a validated checkpoint.
        name: of the program.

    Raises:
        NmError: NM0110 (architecture), NM0111 (configuration), NM0115 (tracker settings), NM0116
            (weights that do not fit), NM0120 (operators without IR form).
    """
    if checkpoint.architecture == dashnet.ARCHITECTURE:
        return dashnet.checkpoint_to_program(checkpoint, name)
    if checkpoint.architecture == siamfcpp.ARCHITECTURE:
        return siamfcpp.checkpoint_to_program(checkpoint, name)
    if checkpoint.architecture == spiketrack.ARCHITECTURE:
        return spiketrack.checkpoint_to_program(checkpoint, name)
    return siamese.checkpoint_to_program(checkpoint, name)
