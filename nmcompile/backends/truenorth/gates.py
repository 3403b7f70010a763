"""Two-status coding with a threshold that never changes: a gate of axons that the host drives.

A two-status neuron only adds up in silent timesteps and fires in the others. Here it lies lower by
as much as it could be above its threshold then, so that it cannot fire; when firing begins, axons
of a type of their own give that back at once, and where a later silent phase begins, axons of
another type take it away again:

    worth = largest membrane of a silent timestep - threshold,  v = v_golden - worth while silent

The host drives every one of these axons of every core in the tick of the change. In firing
timesteps, membranes and spikes are those of the golden network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.target import CrossbarTarget

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gate:
    """The gate of one population.

    Attributes:
        weight: `(C,)` of one axon. axons: that open it, all in one tick.
        needed: largest amount by which a membrane must be held down.
        highest: largest membrane that any input of a frame could cause in the golden network.
        closed: whether a frame begins silent.
        opens, closes: timesteps with which firing and silence begin within the frame.
        problem: why no gate computes this schedule, "" when one does.
    """

    weight: I64
    axons: int
    needed: int
    highest: int
    closed: bool
    opens: tuple[int, ...]
    closes: tuple[int, ...]
    problem: str = ""

    @property
    def kinds(self) -> tuple[int, ...]:
        """Sign of every type of axons: one opens, one closes where that is needed."""
        return (1, -1) if self.closes else (1,)

    @property
    def all_axons(self) -> int:
        """Axons of a core."""
        return self.axons * len(self.kinds)

    @property
    def worth(self) -> I64:
        """`(C,)` what a membrane is lower by while it is closed."""
        return self.weight * self.axons

    @property
    def lowered(self) -> I64:
        """`(C,)` what a membrane is lower by at the beginning of a frame."""
        return self.worth * self.closed


def two_status(model: IntegerNeuron | None) -> bool:
    """Whether neurons are silent in some timesteps and fire binary spikes in the others."""
    return model is not None and model.advance == "clock" and set(model.payloads) == {0, 1}


def gate_of(
    model: IntegerNeuron, excite: I64, parameters: tuple[I64, I64, I64, I64], steps: int, most: int
) -> Gate:
    """The gate of a two-status population.

    Args:
        model: its neurons. excite: `(C,)` sum of the positive weights of a neuron.
        parameters: bias, v_init, fire_above, reset_by of every neuron, `(C, n)`.
        steps: T. most: largest weight of a type.
    """
    bias, start, above, reset = parameters
    fires = [bool(model.payloads[t % len(model.payloads)]) for t in range(steps)]
    rise = excite + bias.max(axis=1)
    high = start.max(axis=1).astype(np.int64)
    highest, silent = high, np.full(len(high), np.iinfo(np.int64).min)
    for fire in fires:
        high = high + rise
        highest = np.maximum(highest, high)
        if not fire:
            silent = np.maximum(silent, high)
            continue
        fired = high - reset.min(axis=1) if model.reset == "subtract" else np.zeros_like(high)
        high = np.maximum(np.minimum(high, above.max(axis=1)), fired)
    needed = np.maximum(0, silent - above.min(axis=1)) if not all(fires) else np.zeros_like(high)
    axons = -(-int(needed.max(initial=0)) // most)
    changes = [t + 1 for t in range(1, steps) if fires[t] != fires[t - 1]]
    return Gate(
        weight=-(-needed // max(1, axons)),
        axons=axons,
        needed=int(needed.max(initial=0)),
        highest=int(highest.max(initial=0)),
        closed=not fires[0],
        opens=tuple(t for t in changes if fires[t - 1]),
        closes=tuple(t for t in changes if not fires[t - 1]),
        problem="" if fires[-1] else "its last timesteps are silent, and membranes stay lowered",
    )


def largest_weight(chip: CrossbarTarget) -> int:
    """Largest value of a type."""
    return int(2 ** (chip.formats.weight_bits.value - 1) - 1)
