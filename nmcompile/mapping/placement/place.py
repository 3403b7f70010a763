"""The slot of every core: starts with long-range order, annealing, then even link loads."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.annealing import Annealing, anneal, cost
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.links import evened
from nmcompile.mapping.placement.slots import Slots
from nmcompile.mapping.placement.starts import embedded, snapped

I32 = npt.NDArray[np.int32]
F64 = npt.NDArray[np.float64]

SEED: Final = 0
"""Where the random steps of a build start."""
HEAT, REACH = 0.8, 16
"""Hot enough to move chip borders and folds of the start, too cold to lose its long-range order."""
TRIES_SQUARED, TRIES_EACH, TRIES_MAX = 150, 4000, 6_000_000
"""Steps of a run of a build, the least of: times slots squared, times slots, at most."""
TRIES_LINKS: Final = 600_000_000
"""Flows that the steps of a run may look at, some seconds: fewer steps where cores have many."""
FEW, HEATS = 256, (0.3, HEAT, 2.0)
"""Slots up to which a build runs several times: one chip is best kept cool, borders need heat."""
TRIAL, TRIAL_MAX = 10, 1_000_000
"""A trial of a start takes this part of the steps, at most so many."""
EVENING, SPENT = 50, 500
"""Swaps tried for even link loads, times slots; they may cost this part of all packet hops."""
LINKS_MAX = 1_000_000_000
"""Links that these swaps may pass in all, some seconds: fewer swaps where ways are many and far."""


def place(flows: Flows, centres: F64 | None, slots: Slots, seed: int) -> I32:
    """The slot of every core in a build.

    Few packet hops come first. Then swaps lower the sum of squared link loads, which together
    give up at most 1 / `SPENT` of the hops (weighted as in `Slots.distances`).

    Args:
        flows: traffic.
        centres: `(cores, 2)` mean (x, y) of a core's tiles, 0..1, None for none.
        slots: from `slots_for`.
        seed: of the random steps.
    """
    links = flows.neighbours()
    effort = build_effort(len(slots.chip), len(links[1]) // flows.cores)
    found = search(flows, centres, slots, seed, effort)
    spend = cost(links, slots.distances(), found) // SPENT
    # A swap takes the ways from and to two cores off their links and lays them anew.
    passed = 8 * int(slots.hops(found[flows.source], found[flows.target]).sum()) // flows.cores
    tries = min(EVENING * len(slots.chip), LINKS_MAX // max(1, passed))
    return evened(flows, slots, found, tries, spend, seed)


def search(flows: Flows, centres: F64 | None, slots: Slots, seed: int, how: Annealing) -> I32:
    """The slot of every core with the fewest weighted packet hops that the effort finds.

    Several runs go from every start. A single long one goes from the start from which a short
    one gets farther: neither image positions nor the graph alone is better on all networks.

    Args:
        flows: traffic.
        centres: `(cores, 2)` mean (x, y) of a core's tiles, 0..1: tiles that look at the same
            part of the image belong together whatever their layer. None leaves an embedding of
            the graph alone as the only start.
        slots: the places.
        seed: of the random steps.
        how: the effort.
    """
    links, at = flows.neighbours(), slots.distances()

    def annealed(start: I32, how: Annealing) -> I32:
        return anneal(flows, slots, start, how, seed)

    starts = [] if centres is None else [snapped(centres, slots)]
    if not starts or flows.packets.any():
        starts.append(embedded(flows, slots))
    if len(how.heats) == 1 and len(starts) > 1:
        short = Annealing(min(how.tries // TRIAL, TRIAL_MAX), how.heats, how.reach)
        starts = [min(starts, key=lambda start: cost(links, at, annealed(start, short)))]
    return min((annealed(start, how) for start in starts), key=lambda found: cost(links, at, found))


def build_effort(slots: int, flows: int = 0) -> Annealing:
    """The effort of a build for so many slots and flows of a core: several seconds at most."""
    tries = min(TRIES_SQUARED * slots**2, TRIES_EACH * slots, TRIES_MAX)
    tries = min(tries, TRIES_LINKS // max(1, flows))
    return Annealing(tries, HEATS if slots <= FEW else (HEAT,), REACH)
