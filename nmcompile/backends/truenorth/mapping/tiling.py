"""Cut all populations of a network so that layers and copies take few cores together.

A neuron has one target, so that every axon of a reader's cores needs a neuron of its own: the
boxes of a layer decide how many copies the layer before it holds. Populations are therefore cut
from the last to the first. For every cut of a few promising ones the best cuts of what lies
behind are kept (the dynamic programme of a chain; with skips a beam of partial cuts), each with
its number of cores and a bound on those that its axons cost further in front.

Relay cores may take less room than smaller boxes, but a tick more. Cores times ticks of a frame
decide between the two: a chip burns most of its power whatever it does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.layer import Layer, core_limits
from nmcompile.backends.truenorth.mapping.cut import Cut, Cutter
from nmcompile.backends.truenorth.mapping.start import no_room
from nmcompile.backends.truenorth.problems import too_many_targets
from nmcompile.diagnostics import NmError
from nmcompile.mapping.axes import Feed
from nmcompile.mapping.demand import Costs, Grid, split_atoms
from nmcompile.mapping.populations import Population, Stages
from nmcompile.mapping.tile import grids
from nmcompile.target import CrossbarTarget

I32 = npt.NDArray[np.int32]
PROMISING = 6
"""Grids of one population that are tried."""
TRIED = 2
"""Grids whose axons are counted exactly, times those."""
BEAM = 8
"""Partial cuts of a network that are kept."""
LARGE = 2_000_000
"""Neurons of a network beyond which only the best grid and the best partial cut go on, and inputs
count whether or not a weight is zero."""
RELAYS_FAIR, RELAYS_FREE, RELAYS_NEVER = 1, 0, 1_000_000
"""Ticks that a level of relays counts for: what it takes; nothing, for the fewest cores; or so many
that relays are the last resort."""
SLACK = 1.2
"""Axons of a grid by its geometry over those of a core: not every input needs all of its axons."""


@dataclass(frozen=True)
class Tiling:
    """A network on cores.

    Attributes:
        cuts: by name of the population.
        wanted: `(C, H, W)` axons that every neuron must reach, by name of the population.
        cutters: what cut them.
    """

    cuts: Mapping[str, Cut]
    wanted: Mapping[str, I32]
    cutters: Mapping[str, Cutter]

    @property
    def cores(self) -> int:
        """Cores of all layers and relays."""
        return sum(cut.cores for cut in self.cuts.values())


@dataclass(frozen=True)
class _Partial:
    """The populations from some place to the end, cut.

    Attributes:
        cores: that they take.
        cost: cores, with the fewest that those in front take, times ticks.
        late: levels of relays between a population in front and the end, by its name.
        choice: number of the cut of the first of them.
        cuts: by name.
        axons: all axons that a population in front must reach, by its name.
        wanted: the same for every neuron; without those of the first of them yet.
    """

    cores: int
    cost: int
    late: Mapping[str, int]
    choice: int
    cuts: Mapping[str, Cut]
    axons: Mapping[str, int]
    wanted: Mapping[str, I32]


class Tiler:
    """Tiles one network.

    Args:
        split: the network.
        layers: of every population, by name; each fits a core.
        chip: the target.
    """

    def __init__(self, split: Stages, layers: Mapping[str, Layer], chip: CrossbarTarget) -> None:
        self._split = split
        self._chip = chip
        self._names = [p.name for p in split.populations]
        small = sum(p.size for p in split.populations) <= LARGE
        self._grids, self._beam, slack = (PROMISING, BEAM, SLACK) if small else (1, 1, 1.0)
        self._layers = layers
        self._known: dict[tuple[str, bool], Cutter] = {}
        # Parts of one layer are alike: their grids are ranked once.
        known: dict[object, list[Grid]] = {}
        self._ranked: dict[str, list[Grid]] = {}
        for population in split.populations:
            outside = all(q.source == split.input.name for q in population.projections)
            layer = layers[population.name]
            key = (_geometry(layer), outside)
            if key not in known:
                known[key] = _ranked(layer, chip, slack, outside=outside)
            self._ranked[population.name] = known[key]

    def tile(self, gated: frozenset[str], weight: int = RELAYS_FAIR) -> Tiling:
        """Choose the boxes of every population.

        Args:
            gated: populations whose cores need an axon for the bias.
            weight: ticks that a level of relays counts for.

        Raises:
            NmError: NM0319 where the inputs of a neuron leave no axon for its bias, NM0305 where
                a neuron must reach more axons than relays make copies.
        """
        cutters = {name: self._cutter(name, gated=name in gated) for name in self._names}
        choices = {name: self._promising(cutters[name]) for name in self._names}
        least = {name: found[0][0] for name, found in choices.items()}
        start = {p.name: np.zeros(p.shape, np.int32) for p in self._split.populations}
        none = dict.fromkeys(self._names, 0)
        states = [_Partial(0, 0, none, 0, {}, none, start)]
        for at in reversed(range(len(self._names))):
            name = self._names[at]
            cutter = cutters[name]
            ahead = {n: least[n] for n in self._names[:at]}
            grown = [
                self._grown(state, cutter, cut, ahead, (number, weight))
                for state in states
                for number, cut in _cuts(cutter, choices[name], state.wanted[name])
            ]
            if not grown:
                raise NmError(too_many_targets(cutter.layer, self._chip))
            states = [_counted(state, cutter) for state in _kept(grown, self._beam)]
        cuts = {name: states[0].cuts[name] for name in self._names}
        return Tiling(cuts, states[0].wanted, cutters)

    def _cutter(self, name: str, *, gated: bool) -> Cutter:
        if (name, gated) not in self._known:
            read_out = name == self._split.output and self._split.readout != "membranes"
            self._known[name, gated] = Cutter(
                self._layers[name], self._chip, gated=gated, read_out=read_out
            )
        return self._known[name, gated]

    def _promising(self, cutter: Cutter) -> list[tuple[int, Grid]]:
        """Boxes and grid of the best cuts of a population, the fewest boxes first."""
        found: list[tuple[float, int, Grid]] = []
        population = cutter.layer.population
        outside = all(p.source == self._split.input.name for p in population.projections)
        for grid in self._ranked[population.name]:
            whole = cutter.whole(grid)
            if whole is None:
                continue
            boxes, form = whole
            copies = 0 if outside else cutter.all_axons(form) / cutter.most_neurons
            found.append((len(boxes) + copies, len(boxes), grid))
            if len(found) == TRIED * self._grids:
                break
        if not found:
            raise NmError(no_room(cutter.layer, self._chip))
        best = sorted(found, key=lambda f: f[0])[: self._grids]
        return sorted(((boxes, grid) for _, boxes, grid in best), key=lambda f: f[0])

    def _grown(
        self,
        state: _Partial,
        cutter: Cutter,
        cut: Cut,
        least: Mapping[str, int],
        choice: tuple[int, int],
    ) -> _Partial:
        """A partial cut with one population more; `choice`: its number, weight of relays."""
        name = cutter.layer.population.name
        axons, late = dict(state.axons), dict(state.late)
        late[name] += cut.relay_cores > 0
        for index, projection in enumerate(cutter.layer.population.projections):
            if projection.source in axons:
                axons[projection.source] += cutter.reads(cut, index)
                late[projection.source] = max(late[projection.source], late[name])
        cores = state.cores + cut.cores
        ahead = sum(max(least[n], -(-axons[n] // cutter.most_neurons)) for n in least)
        number, weight = choice
        cost = (cores + ahead) * (self._split.ticks + weight * max(late.values()))
        return _Partial(cores, cost, late, number, {**state.cuts, name: cut}, axons, state.wanted)


def _cuts(
    cutter: Cutter, choices: list[tuple[int, Grid]], wanted: I32
) -> Iterator[tuple[int, Cut]]:
    """Every grid with copies on its own cores and, where they do not fit, with relays."""
    for number, (boxes, grid) in enumerate(choices):
        plain = cutter.cut(grid, wanted, relays=False)
        if plain is not None:
            yield 2 * number, plain
        if plain is None or len(plain.boxes) > boxes:
            relayed = cutter.cut(grid, wanted, relays=True)
            if relayed is not None and (relayed.relay_cores or plain is None):
                yield 2 * number + 1, relayed


def _counted(state: _Partial, cutter: Cutter) -> _Partial:
    """With the axons of the population cut last."""
    population = cutter.layer.population
    wanted = dict(state.wanted)
    for source in _sources(population):
        if source in wanted:
            wanted[source] = wanted[source].copy()
    for index, projection in enumerate(population.projections):
        if projection.source in wanted:
            cutter.count_reads(state.cuts[population.name], index, wanted[projection.source])
    return dataclasses.replace(state, wanted=wanted)


def _sources(population: Population) -> set[str]:
    return {p.source for p in population.projections}


def _kept(grown: list[_Partial], most: int) -> list[_Partial]:
    """The best partial cut for every cut of the last population, and the best of these."""
    best: dict[int, _Partial] = {}
    for state in grown:
        if state.choice not in best or state.cost < best[state.choice].cost:
            best[state.choice] = state
    return sorted(best.values(), key=lambda s: (s.cost, s.choice))[:most]


def _geometry(layer: Layer) -> tuple[object, ...]:
    """Everything that the ranking of grids depends on."""
    projections = layer.population.projections
    kinds = ((p.source_shape, p.weight.shape, p.groups, p.y, p.x) for p in projections)
    each = layer.encoding.axons if layer.encoding else 0
    return layer.population.shape, each, layer.axons, *kinds


def _ranked(layer: Layer, chip: CrossbarTarget, slack: float, *, outside: bool) -> list[Grid]:
    """All grids that may fit; first those whose cores, and copies in front, may be the fewest.

    Args:
        layer: the population.
        chip: the target.
        slack: axons of a grid by its geometry over those of a core.
        outside: whether the host sends all inputs: their axons need no copies.
    """
    population = layer.population
    each = layer.encoding.axons if layer.encoding else 1
    feeds = tuple(Feed(p, split_atoms((0, p.source_shape[0]), 1)) for p in population.projections)
    limits = core_limits(chip, each)
    costs = Costs(population, feeds, (), limits)
    found, hopeless = [], None
    most = slack * chip.core.axons.value
    for grid in grids(population, limits):
        if (grid.ys, grid.xs) == hopeless:
            continue
        axons = costs.most_axons(grid) * each
        if axons <= most or axons == layer.axons:
            copies = 0 if outside else costs.axons(grid) * each / chip.core.neurons.value
            found.append((grid.tiles + copies, grid))
        elif costs.fewest_axons(grid) * each > most:
            hopeless = grid.ys, grid.xs
    return [grid for _, grid in sorted(found, key=lambda f: f[0])]
