"""Use all cores of the chips that are powered anyway: give busy layers more tiles.

A tick ends when the busiest core is done, and static power is paid per chip. So the cores left
over by the smallest mapping are dealt out where most work is: with work W_p of population p,
tile counts n_p are the smallest with W_p / n_p <= L for the least load L that the budget allows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.assemble import Traffic
from nmcompile.mapping.populations import Population, Projection, Stages
from nmcompile.mapping.tile import Tiling
from nmcompile.mapping.window import Window, hits

NEURON_WORK = 4
"""Synapse accesses that take as long as the service of one neuron in one tick (Loihi 2's idle
neuron against its synaptic operation; Loihi 1 has 1.5). It only shares cores out."""
STEPS = 60


def tile_counts(smallest: Tiling, traffic: Traffic, budget: int) -> dict[str, int]:
    """How many tiles every population may use so that the busiest core has least to do.

    Args:
        smallest: the cut with the fewest tiles.
        traffic: spikes per neuron of a calibration run; ones where missing.
        budget: cores to share out.
    """
    work = {p.name: work_of(p, smallest.stages, traffic) for p in smallest.stages.populations}
    fewest = {name: grid.tiles for name, grid in smallest.grids}
    low, high = 0.0, max(work.values()) + 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if sum(_counts(work, fewest, middle).values()) <= budget:
            high = middle
        else:
            low = middle
    return _counts(work, fewest, high)


def work_of(population: Population, stages: Stages, traffic: Traffic) -> float:
    """Synapse accesses of a population in one inference, neuron updates converted."""
    accesses = sum(_accesses(p, traffic.get(p.source)) for p in population.projections)
    return accesses + NEURON_WORK * population.size * stages.timesteps


def _counts(work: Mapping[str, float], fewest: Mapping[str, int], load: float) -> dict[str, int]:
    return {n: max(fewest[n], int(np.ceil(work[n] / max(load, 1e-9)))) for n in work}


def _accesses(projection: Projection, spikes: npt.NDArray[np.generic] | None) -> float:
    """Spikes times fan-out of every source neuron, exact at borders."""
    train = np.ones(projection.source_shape) if spikes is None else spikes
    per_position = np.asarray(train, np.float64).reshape(projection.source_shape).sum(axis=0)
    reached = np.outer(_fan_out(projection.y), _fan_out(projection.x))
    return float((per_position * reached).sum() * projection.channels_out)


def _fan_out(window: Window) -> npt.NDArray[np.float64]:
    """Outputs that every input position reaches along one axis."""
    return np.array(
        [len(hits(window, s, 0, window.size_out)) for s in range(window.size_in)], float
    )
