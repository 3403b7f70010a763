"""The words that the lists of a finished core graph take, and the formats that they are in.

A synapse group of a core is what one of its populations receives from one source, with one delay,
into one port. It takes the cheapest encoding, with the narrowest fields that its weights, the
delay and the neurons of the core allow; the tiles of the population share its lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.columns import distinct
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.expand import Integers, axon_groups, expanded
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.lists import choice
from nmcompile.mapping.packing import Encoding, Fields, Packing, Signs, copies, signs_of
from nmcompile.mapping.weight_ranges import row_ranges

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ListFormat:
    """One format of the entries of a core.

    Attributes:
        encoding: compression and width of distances. fields: widths of the other fields.
        signs: of the weights.
        shifts: of the port and into the state; the format holds the exponent of its weights.
    """

    encoding: Encoding
    fields: Fields
    signs: Signs
    shifts: tuple[int, int]

    @property
    def text(self) -> str:
        """The format for people."""
        compression, skip = self.encoding
        parts = [f"{compression.replace('_', '-')}, {self.fields.weight}-bit {self.signs} weights"]
        parts += [f"{self.fields.delay}-bit delays"] if self.fields.delay else []
        parts += [f"{skip}-bit distances"] if skip else []
        return ", ".join([*parts, f"{self.fields.index}-bit index"])


@dataclass(frozen=True)
class ListUsage:
    """What the lists of every core take.

    Attributes:
        words: `(cores,)` synapse words. longest: `(cores,)` words of the source with most.
        formats: `(cores,)` number of formats.
        layers: for every population its formats, most used first; with the words of all cores.
    """

    words: I64
    longest: I64
    formats: I64
    layers: tuple[tuple[tuple[ListFormat, int], ...], ...]


def list_usage(graph: CoreGraph, limits: Limits, packing: Packing) -> ListUsage:
    """Count the words of every core of a graph.

    Args:
        graph: the mapped network.
        limits: of its target.
        packing: of its synapse memory.
    """
    key = limits, packing
    if key not in graph.list_usages:
        graph.list_usages[key] = _Lists(graph, limits, packing).usage()
    return graph.list_usages[key]


class _Lists:
    """Lists (first row, rows), synapse groups, and uses: a list in a synapse group.

    One axon or several with different shifts of the neuron indices have a use.
    """

    def __init__(self, graph: CoreGraph, limits: Limits, packing: Packing) -> None:
        self._graph = graph
        self._limits = limits
        self._packing = packing
        soft = np.array([p.subtract for p in graph.profiles])[graph["tile.profile"]]
        self._each = np.where(soft, limits.soft_reset_neurons, 1).astype(np.int64)
        size = graph["tile.neurons"] * self._each
        first = np.cumsum(size) - size
        start = first - first[np.searchsorted(graph["tile.core"], graph["tile.core"])]
        self._neurons = _summed(graph, graph["tile.core"], size)
        coupled = np.where(self._each > 1, graph["tile.neurons"], 0)
        self._coupled = _summed(graph, graph["tile.core"], coupled)

        # Each of these is as long as there are routes: what is only a step on the way is let go.
        self._lists, of_list = distinct(self._list_keys())
        self._groups, of_group = distinct(self._group_keys())
        self._uses, self._use = distinct(np.stack([of_group, of_list]))
        tile, _, shift = self._accumulators()
        self._offset = start[tile] + shift * self._each[tile]

    def _list_keys(self) -> Integers:
        """`(2, routes)` first row and rows of every list."""
        axon, group = axon_groups(self._graph)
        return np.stack([self._graph["axon.row_base"][axon], self._graph["group.lines"][group]])

    def _group_keys(self) -> Integers:
        """`(5, routes)` core, population, source, port and delay of every list."""
        graph = self._graph
        tile, port, _ = self._accumulators()
        own = graph["tile.population"][tile]
        source = graph["group.tile"][graph["route.group"]]
        reads = np.where(source < 0, -1, graph["tile.population"][np.maximum(source, 0)])
        return np.stack([graph["tile.core"][tile], own, reads, port, graph["route.delay"]])

    def _accumulators(self) -> tuple[Integers, Integers, Integers]:
        """Tile, port and neuron of the tile that the accumulators of every axon begin at."""
        graph = self._graph
        axon, _ = axon_groups(graph)
        tile = graph["axon.tile"][axon]
        own = graph["axon.acc_base"][axon] - graph["tile.acc0"][tile]
        return tile, *np.divmod(own, graph["tile.neurons"][tile])

    def usage(self) -> ListUsage:
        """Choose the encodings and count."""
        graph, packing = self._graph, self._packing
        words = self._use_words()
        reach = packing.base_offset_max + 1
        kept = copies(self._use, self._offset, reach)[1] * self._lists[1][self._uses[1]]
        totals = np.zeros((self._groups.shape[1], words.shape[1]), np.int64)
        longest = np.zeros_like(totals)
        np.add.at(totals, self._uses[0], kept[:, None] * words)
        np.maximum.at(longest, self._uses[0], words)
        chosen = choice(totals, longest, self._limits.words_per_axon)
        each = np.arange(len(chosen))
        core = self._groups[0]
        most = np.where(self._coupled > 0, packing.coupling_words, 0)
        np.maximum.at(most, core, longest[each, chosen])
        formats = [
            ListFormat(packing.encodings[e], *self._fields[i], self._shifts(i))
            for i, e in enumerate(chosen.tolist())
        ]
        numbers = {f: n for n, f in enumerate(dict.fromkeys(formats))}
        number = np.array([numbers[f] for f in formats], np.int64)
        slots = distinct(np.stack([core, number]))[0][0]
        sums = totals[each, chosen]
        return ListUsage(
            words=_summed(graph, core, sums) + self._coupled * packing.coupling_words,
            longest=most,
            formats=_summed(graph, slots, np.ones_like(slots)) + (self._coupled > 0),
            layers=self._layers(list(numbers), number, sums),
        )

    @cached_property
    def _fields(self) -> list[tuple[Fields, Signs]]:
        """Fields and signs of every synapse group."""
        packing = self._packing
        index = [packing.index_width(int(n)) for n in self._neurons]
        of_list = row_ranges(self._graph, self._limits.weight_bits, *self._lists)
        ranges = np.zeros((2, self._groups.shape[1]), np.int64)
        np.minimum.at(ranges[0], self._uses[0], of_list[0][self._uses[1]])
        np.maximum.at(ranges[1], self._uses[0], of_list[1][self._uses[1]])
        return [
            (
                Fields(
                    packing.weight_width(low, high), index[core], packing.delay_width(int(delay))
                ),
                signs_of(low, high),
            )
            for core, delay, low, high in zip(
                *self._groups[[0, 4]].tolist(), *ranges.tolist(), strict=True
            )
        ]

    def _use_words(self) -> I64:
        """`(uses, encodings)` words of one atom."""
        packing = self._packing
        of_list, layout, entries, synapses, extent = self._layouts
        first = np.searchsorted(of_list, np.arange(self._lists.shape[1] + 1))
        words = np.zeros((self._uses.shape[1], len(packing.encodings)), np.int64)
        alike: dict[Fields, list[int]] = {}
        for group, (fields, _) in enumerate(self._fields):
            alike.setdefault(fields, []).append(group)
        start = np.searchsorted(self._uses[0], np.arange(self._groups.shape[1] + 1))
        for fields, groups in alike.items():
            uses = expanded(start[groups], np.diff(start)[groups])
            lists = self._uses[1][uses]
            count = first[lists + 1] - first[lists]
            kind = layout[expanded(first[lists], count)]
            begin = np.cumsum(count) - count
            for i, encoding in enumerate(packing.encodings):
                bits = packing.bits(encoding, entries[:, i], synapses, fields)
                if encoding[0] == "dense":
                    # zeros between distant neurons may be cheaper than another entry
                    filler = -(-extent // packing.entry_synapses)
                    bits = np.minimum(bits, packing.bits(encoding, filler, extent, fields))
                words[uses, i] = np.maximum.reduceat(packing.words(bits)[kind], begin)
        return words

    @cached_property
    def _layouts(self) -> tuple[I64, I64, I64, I64, I64]:
        """(list, layout) pairs; entries in every encoding, synapses and extent of layouts."""
        graph = self._graph
        rows = expanded(self._lists[0], self._lists[1])
        of_list = np.repeat(np.arange(self._lists.shape[1]), self._lists[1])
        runs = graph["row.runs"][rows].astype(np.int64)
        run0 = np.where(runs > 0, graph["row.run0"][rows], 0).astype(np.int64)
        kinds, kind = distinct(np.stack([run0, runs]))
        pairs, _ = distinct(np.stack([of_list, kind]))
        rows_of = [self._layout(*pair) for pair in kinds.T.tolist()]
        table = np.array(rows_of, np.int64).reshape(-1, len(self._packing.encodings) + 2)
        return pairs[0], pairs[1], table[:, :-2], table[:, -2], table[:, -1]

    def _layout(self, run0: int, runs: int) -> list[int]:
        """Entries of a row in every encoding, its synapses, and its extent in neurons."""
        run = slice(run0, run0 + runs)
        offset, length = (self._graph[f"run.{c}"][run].tolist() for c in ("dst_off", "length"))
        starts: list[int] = []
        lengths: list[int] = []
        for start, size in sorted(zip(offset, length, strict=True)):
            if starts and starts[-1] + lengths[-1] == start:
                lengths[-1] += size
            else:
                starts.append(start)
                lengths.append(size)
        entries = [self._packing.entries(e, starts, lengths) for e in self._packing.encodings]
        extent = starts[-1] + lengths[-1] - starts[0] if starts else 0
        return [*entries, sum(lengths), extent]

    def _shifts(self, group: int) -> tuple[int, int]:
        core, population, _, port, _ = self._groups[:, group].tolist()
        tiles = (self._graph["tile.core"] == core) & (self._graph["tile.population"] == population)
        profile = self._graph.profiles[self._graph["tile.profile"][tiles.argmax()]]
        return profile.port_shifts[port], profile.state_shift

    def _layers(
        self, formats: list[ListFormat], number: I64, words: I64
    ) -> tuple[tuple[tuple[ListFormat, int], ...], ...]:
        found = []
        for index in range(len(self._graph.populations)):
            mine = self._groups[1] == index
            sums = np.bincount(number[mine], weights=words[mine], minlength=len(formats))
            order = sorted(np.flatnonzero(sums).tolist(), key=lambda n: (-sums[n], n))
            found.append(tuple((formats[n], int(sums[n])) for n in order))
        return tuple(found)


def _summed(graph: CoreGraph, core: Integers, amount: Integers) -> I64:
    return np.bincount(core, weights=amount, minlength=graph.cores).astype(np.int64)
