"""A checkpoint -> the float program that its architecture makes of it."""

from __future__ import annotations

from typing import Any

from nmcompile.frontends import dashnet, siamese, siamfcpp, spiketrack
from nmcompile.frontends.checkpoint import Checkpoint
from nmcompile.frontends.checkpoint_module import checkpoint_module
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program, Step


def checkpoint_to_program(checkpoint: Checkpoint, name: str = "model") -> Program:
    """Build the architecture, load the weights strictly and convert its networks.

    Args:
        checkpoint: a validated checkpoint.
        name: of the program.

    Raises:
        NmError: NM0110 (architecture), NM0111 (configuration), NM0115 (tracker settings), NM0116
            (weights that do not fit), NM0120 (operators without IR form).
    """
    networks, schedule = _converted(checkpoint)
    return Program(
        name=name,
        level="float",
        networks=networks,
        schedule=schedule,
        preprocess=checkpoint.preprocess,
        # Every architecture has a tracker loop of its own name.
        tracker=checkpoint.architecture,
        settings=tuple(sorted(checkpoint.tracker.items())),
    )


def _converted(checkpoint: Checkpoint) -> tuple[tuple[Network, ...], tuple[Step, ...]]:
    module: Any = checkpoint_module(checkpoint)
    if checkpoint.architecture == dashnet.ARCHITECTURE:
        return dashnet.networks(module), dashnet.schedule(module.config)
    if checkpoint.architecture == siamfcpp.ARCHITECTURE:
        return siamfcpp.networks(module), siamfcpp.schedule()
    if checkpoint.architecture == spiketrack.ARCHITECTURE:
        return spiketrack.networks(module), spiketrack.schedule()
    return siamese.networks(module), siamese.schedule(checkpoint.tracker)
