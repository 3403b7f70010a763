"""The cut of a whole network: grids of all populations, and the costs that follow from them."""

from __future__ import annotations

from functools import cached_property

from nmcompile.mapping.axes import Feed, Intervals
from nmcompile.mapping.demand import Costs, Grid
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.populations import Population, Projection
from nmcompile.mapping.reader import Reader


class Plan:
    """Grids of all populations, with the cost tables that follow from their neighbours."""

    def __init__(
        self,
        populations: tuple[Population, ...],
        inputs: dict[str, Intervals],
        grids: dict[str, Grid],
        limits: Limits,
    ) -> None:
        self._populations = populations
        self._inputs = inputs
        self._grids = grids
        self._limits = limits

    @cached_property
    def _readers(self) -> dict[str, list[tuple[str, Projection]]]:
        found: dict[str, list[tuple[str, Projection]]] = {}
        for population in self._populations:
            for projection in population.projections:
                found.setdefault(projection.source, []).append((population.name, projection))
        return found

    def costs(self, population: Population) -> Costs:
        """Costs of a population's tiles given the present grids of its sources and readers."""
        feeds = tuple(Feed(p, self.groups(p.source)) for p in population.projections)
        readers = tuple(
            Reader(projection, self._grids[name].cut, self._limits.axon_atoms)
            for name, projection in self._readers.get(population.name, ())
            if name in self._grids
        )
        return Costs(population, feeds, readers, self._limits)

    def around(self, population: Population) -> tuple[object, ...]:
        """All that `costs` takes from the present grids: the same costs where it is the same."""
        readers = self._readers.get(population.name, ())
        return (
            population.name,
            *(self.groups(p.source) for p in population.projections),
            *(self._grids.get(name) for name, _ in readers),
        )

    def groups(self, source: str) -> Intervals:
        """Channel intervals of the neuron groups of a population or of the input."""
        if source in self._grids:
            return self._grids[source].groups(self._limits.axon_atoms)
        return self._inputs[source]
