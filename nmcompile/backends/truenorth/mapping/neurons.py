"""The physical neurons of a layer's cores: outputs, their copies, and timers of a bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.mapping import cutting
from nmcompile.backends.truenorth.mapping.cut import Cut
from nmcompile.backends.truenorth.mapping.endpoints import Endpoints
from nmcompile.mapping.crossbar_graph import COPY, ORIGINAL, TIMER
from nmcompile.mapping.populations import Population

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Neurons:
    """Neurons core by core.

    Attributes:
        target: where every neuron sends; core -1 for nowhere.
        core: of every neuron. owner: the output of its population that it is or repeats.
        role, parameter, v_init, traffic: see the graph.
    """

    target: Endpoints
    core: I64
    owner: I64
    role: I64
    parameter: I64
    v_init: I64
    traffic: I64

    def take(self, chosen: I64) -> Neurons:
        """Some of them, in another order."""
        return Neurons(self.target.take(chosen), *(getattr(self, n)[chosen] for n in _COLUMNS))


_COLUMNS = ("core", "owner", "role", "parameter", "v_init", "traffic")


def originals(population: Population, cut: Cut) -> tuple[I64, I64]:
    """Outputs core by core, box by box, in the order (y, x, channel); and the core of each."""
    numbers = np.arange(population.size).reshape(population.shape)
    parts = [
        numbers[c0:c1, y0:y1, x0:x1].transpose(1, 2, 0).reshape(-1)
        for y0, y1, x0, x1, c0, c1 in cut.boxes[np.argsort(cut.core, kind="stable")].tolist()
    ]
    core = np.empty(population.shape, np.int64)
    cutting.fill(cut.boxes, cut.core, core)
    return np.concatenate(parts), core.reshape(-1)


def layer_neurons(
    order: I64, core_of: I64, own: int, ends: Endpoints, columns: tuple[I64, I64, I64]
) -> Neurons:
    """Originals of every core, then its copies.

    Args:
        order, core_of: from `originals`.
        own: 1 where the host reads every original, which then drives no axon.
        ends: the axons to drive, sorted by output.
        columns: parameter, v_init and traffic of every output.
    """
    outputs = len(order)
    targets = np.bincount(ends.element, minlength=outputs)
    copies = np.maximum(targets + own, 1) - 1
    owner = np.concatenate([order, np.repeat(order, copies[order])])
    role = np.repeat([ORIGINAL, COPY], [outputs, len(owner) - outputs])
    by_core = np.lexsort((role, core_of[owner]))
    owner, role = owner[by_core], role[by_core]
    # an output's original (unless the host reads it) and its copies take its targets in order
    senders = np.flatnonzero(((role == COPY) | (own == 0)) & (targets[owner] > 0))
    senders = senders[np.argsort(owner[senders], kind="stable")]
    target = Endpoints.nowhere(len(owner))
    for field in ("core", "axon", "delay"):
        getattr(target, field)[senders] = getattr(ends, field)
    each = (np.asarray(column).reshape(-1)[owner] for column in columns)
    return Neurons(target, core_of[owner], owner, role, *each)


def with_timers(
    neurons: Neurons, axon: I64, core0: int, most: int, timer: tuple[int, int]
) -> tuple[Neurons, I64]:
    """One more neuron per core, behind the others, that drives the core's bias axon.

    Args:
        neurons: cores numbered from 0. axon: of the bias, for every core.
        core0: number of the first core in targets. most: neurons of a core.
        timer: parameter and traffic of a timer.

    Returns:
        The neurons, and the cores that have no room for a timer.
    """
    held = np.bincount(neurons.core, minlength=len(axon))
    core = np.flatnonzero(held < most)
    count = len(core)
    target = Endpoints.nowhere(count)
    target.core[:] = core + core0
    target.axon[:] = axon[core]
    target.delay[:] = 1
    # the owner of a timer is any output of its core: it repeats none
    first = np.cumsum(held) - held
    fixed = (np.full(count, value, np.int64) for value in (TIMER, timer[0], 0, timer[1]))
    added = Neurons(target, core, neurons.owner[first[core]], *fixed)
    both = Neurons(
        Endpoints.joined([neurons.target, added.target]),
        *(np.concatenate([getattr(neurons, n), getattr(added, n)]) for n in _COLUMNS),
    )
    return both.take(np.argsort(both.core, kind="stable")), np.flatnonzero(held >= most)
