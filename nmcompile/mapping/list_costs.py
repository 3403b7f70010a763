"""Words of the synapse lists of the tiles of one population, in the encodings of a cut."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from nmcompile.mapping.axes import Channels, Intervals
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.lists import (
    Format,
    ListWords,
    SynapseGroup,
    Width,
    choice,
    list_words,
    reached,
    synapse_groups,
)
from nmcompile.mapping.packing import Packing
from nmcompile.mapping.populations import Population

Cut = tuple[Intervals, Intervals, Intervals]
"""Intervals along y, x and the channels."""


class ListCosts:
    """Bounds for any cut; nothing where the target has no synapse memory of words.

    Args:
        population: the neurons. limits: of a core.
        channels: counts along the channels of a projection, by its number.
        each: compartments of a neuron.
    """

    def __init__(
        self,
        population: Population,
        limits: Limits,
        channels: Callable[[int, Intervals], Channels],
        each: int,
    ) -> None:
        self._population = population
        self._limits = limits
        self._channels = channels
        self._each = each

    def words(
        self, cut: Cut, encodings: tuple[int, ...] | None
    ) -> tuple[int, int, frozenset[Format]]:
        """Words of all lists of the neediest tile, of the longest list, and the formats.

        Args:
            cut: intervals.
            encodings: of every synapse group; the cheapest ones if None.
        """
        packing = self._limits.packing
        if packing is None:
            return 0, 0, frozenset()
        words = longest = 0
        chosen = self.encodings(cut) if encodings is None else encodings
        for group, encoding in zip(self._groups, chosen, strict=True):
            found = self._words(group, cut, packing)
            words += int(found.total[encoding])
            longest = max(longest, int(found.longest[encoding]))
        if self._each > 1:
            longest = max(longest, packing.coupling_words)
        return words, longest, self._formats

    def encodings(self, cut: Cut) -> tuple[int, ...]:
        """The cheapest encoding of every synapse group in the neediest tile of a cut."""
        packing, most = self._limits.packing, self._limits.words_per_axon
        if packing is None:
            return ()
        found = (self._words(group, cut, packing) for group in self._groups)
        return tuple(int(choice(f.total, f.longest, most)) for f in found)

    def _words(self, group: SynapseGroup, cut: Cut, packing: Packing) -> ListWords:
        """Words of the lists of one synapse group in the neediest tile of a cut."""
        ys, xs, cs = cut
        parts = []
        for i in group.feeds:
            projection, channels = self._population.projections[i], self._channels(i, cs)
            width = Width(
                max(high - low for low, high in xs),
                max(high - low for low, high in cs),
                (channels.fewest, channels.most),
                self._each,
            )
            on_y, on_x = reached(projection.y, ys), reached(projection.x, xs)
            found = list_words(packing, group.fields, on_y, on_x, width)
            parts.append(ListWords(channels.atoms * found.total, found.longest))
        return ListWords.together(parts)

    @cached_property
    def _groups(self) -> tuple[SynapseGroup, ...]:
        packing = self._limits.packing
        return () if packing is None else synapse_groups(self._population, packing, self._limits)

    @cached_property
    def _formats(self) -> frozenset[Format]:
        """Those of the groups, and of what couples second compartments."""
        own = {group.format for group in self._groups}
        return frozenset(own | {Format(self._population.name, "reset")} if self._each > 1 else own)
