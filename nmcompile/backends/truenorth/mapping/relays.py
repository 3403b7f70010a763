"""Relay cores: neurons that repeat one axon each, for copies that their source has no room for.

A relay core takes spikes on axons of weight 1 and repeats each on some of its neurons (threshold
1, reset to 0), a tick later. Which paths go through relays is decided first, because that moves
every population behind them; then which neurons do, as few as fill their core.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.mapping import cutting
from nmcompile.backends.truenorth.mapping.cut import Cut
from nmcompile.backends.truenorth.mapping.endpoints import Endpoints
from nmcompile.backends.truenorth.mapping.tiling import Tiling
from nmcompile.backends.truenorth.mapping.timing import Path, timing
from nmcompile.mapping.populations import Stages
from nmcompile.target import CrossbarTarget

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
OPEN_CORES = 8
"""Relay cores that are filled at the same time."""


@dataclass(frozen=True)
class Relays:
    """The relay cores behind one population; every entry is one neuron.

    Attributes:
        core: from 0, ascending. axon: the axon of its core that it repeats.
        element: the neuron of the source that it repeats.
        target: what it drives.
        inputs: axons of every core.
    """

    core: I64
    axon: I64
    element: I64
    target: Endpoints
    inputs: I64


def relayed_paths(split: Stages, tiling: Tiling, chip: CrossbarTarget) -> frozenset[Path]:
    """The paths that go through relays: of a source with several those with most time first."""
    plain = timing(split, frozenset(), chip)
    found: list[Path] = []
    for population in split.populations:
        cut, cutter = tiling.cuts[population.name], tiling.cutters[population.name]
        if not cut.relay_cores:
            continue
        paths = sorted(
            (
                (-plain.delay[reader.name, k], reader.name, k)
                for reader in split.populations
                for k, p in enumerate(reader.projections)
                if p.source == population.name
            ),
        )
        wanted = np.zeros(population.shape, np.int32)
        rest = tiling.wanted[population.name].copy()
        for _, reader, k in paths:
            before = wanted.copy()
            tiling.cutters[reader].count_reads(tiling.cuts[reader], k, wanted)
            rest -= wanted - before
            found.append((reader, k))
            if _enough(cut, wanted, rest + cutter.own, cutter.most_neurons):
                break
    return frozenset(found)


def with_relays(
    cut: Cut, own: int, most: int, ends: Endpoints, through: npt.NDArray[np.bool_], core0: int
) -> tuple[Endpoints, Relays | None]:
    """Move targets of a population behind relay cores where its own cores are too small.

    Args:
        cut: of the population. own: neurons that every output takes beside its targets.
        most: neurons of a core.
        ends: all targets, sorted by element.
        through: which of them may go through relays.
        core0: number of the first relay core.

    Returns:
        What the population's own neurons drive, sorted by element, and the relays.
    """
    shape = tuple(int(n) for n in cut.boxes[:, [5, 1, 3]].max(axis=0))
    place = np.empty(shape, np.int64)
    cutting.fill(cut.boxes, cut.core, place)
    core = place.reshape(-1)
    outputs = len(core)
    wanted = np.bincount(ends.element[through], minlength=outputs)
    rest = np.bincount(ends.element[~through], minlength=outputs) + own
    need = np.bincount(core, weights=np.maximum(wanted + rest, 1))
    if need.max() <= most:
        return ends, None
    # an element's targets through relays come first, path by path
    order = np.lexsort((ends.core, ends.path, ~through, ends.element))
    start = np.searchsorted(ends.element, np.arange(outputs))
    taken = np.zeros(outputs, np.int64)
    crowded = np.argsort(core, kind="stable")
    edges = np.searchsorted(core[crowded], np.arange(len(need) + 1))
    filler = _Filler(most)
    moved, owners = [], []
    for k in np.flatnonzero(need > most):
        members = crowded[edges[k] : edges[k + 1]]
        owner, served = cutting.relay_groups(wanted[members], rest[members], most)
        for n, width in zip(members[owner].tolist(), served.tolist(), strict=True):
            first = start[n] + taken[n]
            moved.append(order[first : first + width])
            taken[n] += width
            owners.append(n)
            filler.add(width)
    target = ends.take(np.concatenate(moved))
    direct = np.ones(len(ends.element), np.bool_)
    direct[np.concatenate(moved)] = False
    into = Endpoints(
        np.array(owners, np.int64),
        core0 + np.array(filler.core, np.int64),
        np.array(filler.axon, np.int64),
        np.ones(len(owners), np.int64),
        np.full(len(owners), -1, np.int64),
    )
    own_ends = Endpoints.joined([ends.take(direct), into])
    own_ends = own_ends.take(np.argsort(own_ends.element, kind="stable"))
    width = np.array([len(part) for part in moved])
    relays = Relays(
        np.repeat(filler.core, width).astype(np.int64),
        np.repeat(filler.axon, width).astype(np.int64),
        np.repeat(owners, width).astype(np.int64),
        replace(target, delay=target.delay - 1),
        np.array(filler.inputs, np.int64),
    )
    by_core = np.argsort(relays.core, kind="stable")
    return own_ends, replace(
        relays,
        core=relays.core[by_core],
        axon=relays.axon[by_core],
        element=relays.element[by_core],
        target=relays.target.take(by_core),
    )


class _Filler:
    """Puts relay inputs into cores one after the other, with a few cores open."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: list[int] = []
        self._free: list[int] = []
        self.inputs: list[int] = []
        self.core: list[int] = []
        self.axon: list[int] = []

    def add(self, width: int) -> None:
        """One more input with `width` copies."""
        at = next((k for k in self._open if self._free[k] >= width), None)
        if at is None:
            at = len(self._free)
            self._free.append(self._most)
            self.inputs.append(0)
            self._open = [*self._open[-OPEN_CORES + 1 :], at]
        self.core.append(at)
        self.axon.append(self.inputs[at])
        self.inputs[at] += 1
        self._free[at] -= width
        if not self._free[at]:
            self._open.remove(at)


def _enough(cut: Cut, wanted: I32, own: I32, most: int) -> bool:
    """Whether relays for `wanted` alone make room in every core."""
    place = np.empty(wanted.shape, np.int64)
    cutting.fill(cut.boxes, cut.core, place)
    core = place.reshape(-1)
    order = np.argsort(core, kind="stable")
    served = cutting.relayed(
        core[order],
        wanted.reshape(-1)[order].astype(np.int64),
        own.reshape(-1)[order].astype(np.int64),
        int(core.max()) + 1,
        most,
    )
    return bool(served >= 0)
