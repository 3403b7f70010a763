"""What the compiled phases change: the memory of the chip, what they work with, what they count."""

from __future__ import annotations

from typing import NamedTuple

from nmcompile.backends.tianjic.simulator.arithmetic import I32, I64


class State(NamedTuple):
    """What cores hold.

    Attributes:
        value: see `Tables`. v: `(elements,)` membranes.
    """

    value: I32
    v: I32


class Scratch(NamedTuple):
    """What the cores of one phase work with.

    Attributes:
        step: `(cores, 3)` timestep, ky and kx of the step that is due, timestep -1 for none.
        out: `(cores, neurons)` sums, then what is sent.
        fired: `(cores, neurons)` neurons that send something. many: `(cores,)` how many. Not
            where a core has partial sums for all outputs.
        which, what: `(shares, axons + 1)` axons of a core that see something, and what they see.
    """

    step: I64
    out: I32
    fired: I32
    many: I64
    which: I32
    what: I32


class Counts(NamedTuple):
    """What is counted.

    Attributes:
        operations, active: see `Trace`. macs: likewise.
        zeros: `(cores,)` accesses to weights of 0.
        sent0: see `Trace`. sent: senders of the phases of one call.
    """

    operations: I64
    active: I64
    macs: I64
    zeros: I64
    sent0: I64
    sent: I64
