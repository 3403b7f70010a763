"""Numbers that one network says and another one reads: their unit, their zero, their width."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.passes.spike_units import Real

ZERO: Final = 127
"""What a signed activation of 8 bits adds, so that none is negative: 0 becomes 127."""


@dataclass(frozen=True)
class Numbers:
    """What a network says to another one.

    Attributes:
        unit: real value of 1. zero: the number that stands for 0.
        bits: width of a number. signed: whether it may be negative.
        timesteps: of the network that says it, where neurons of its own make the numbers; else 0.
    """

    unit: Real
    zero: int
    bits: int
    signed: bool
    timesteps: int = 0


def numbers_of(network: Network, unit: Real, zero: int, trained: int) -> Numbers:
    """What a converted network says.

    Args:
        network: as it was converted.
        unit: real value of an integer 1 of its output. zero: the number that stands for 0.
        trained: its timesteps where it was trained with neurons, else 0.
    """
    node = network.by_name[network.output.inputs[0]]
    edge = network.types[node.name]
    if isinstance(node.op, ops.Decode):
        # no count is larger than this, which is narrower than what counts usually get
        most = network.timesteps * ((1 << network.types[node.inputs[0]].bits) - 1)
        edge = dataclasses.replace(edge, bits=most.bit_length() + edge.signed)
    return Numbers(unit, zero, edge.bits, edge.signed, trained)


def wrong_timesteps(network: str, trained: int, asked: int) -> NmError:
    """NM0334: T of a network whose counts are read as they are is no choice of the build."""
    return NmError(
        Diagnostic(
            code="NM0334",
            message="this network reads counts of spikes, and was trained with those of another T",
            where=network,
            limit=f"T = {trained}, as trained",
            found=f"T = {asked}",
            help=("leave `--timesteps` out", "or train the model with that T"),
        )
    )
