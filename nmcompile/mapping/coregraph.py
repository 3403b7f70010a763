"""The mapped network: columnar tables, frozen, content-digested, stored without pickle.

A simulator reads nothing else. Tables are sets of one-dimensional columns (`"tile.core"`):

=========  =======================================================================================
core       chip, x, y, slot: place of every core; x and y are router coordinates on the chip
tile       core, neuron0, neurons: where its neurons are; population, profile: indices; acc0: its
           first accumulator; y0, y1, x0, x1, c0, c1: its box in the population
neuron     bias, fire_above, reset_by, v_init (int32), in the order (tile, y, x, channel)
group      line0, lines: consecutive neurons of one position that share an axon; tile: their tile
           (-1: injected by the host); traffic: spikes in the calibration run (int64)
route      group -> core, axon (numbered within the core), delay (ticks beyond the synapse's one)
axon       core, tile, row_base, acc_base; grouped by core
row        run0, runs, dst_base, w_base; line k of a group on axon a selects row a.row_base + k
run        dst_off, w_off, length: accumulators acc_base + dst_base + dst_off ... get the weights
           w_base + w_off ...
weight     value (int16)
slot       weight, element, sign, word: which weights the host fills with sign x which element of
           the template `(C, h, w)` before the network runs (of a bank, before every timestep);
           word k of an element e is the part of |e| between k and k + 1 times `slot_largest`
readout    neuron, index: which neuron is which output element
host       index: which input element is which host line; host lines follow the neurons
pixel      neuron, index, shift, exponent: the host writes the bias (x[index] >> shift) << exponent
           before every frame; the shifted element is the mantissa
=========  =======================================================================================

Neurons and host lines share one numbering. A tile with P ports owns P x neurons accumulators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.graph import I64, Column, MappedGraph, Packets, from_dicts
from nmcompile.mapping.populations import Kind

if TYPE_CHECKING:
    from nmcompile.mapping.limits import Limits
    from nmcompile.mapping.list_usage import ListUsage
    from nmcompile.mapping.packing import Packing

SCHEMA: dict[str, tuple[str, ...]] = {
    "core": ("chip", "x", "y", "slot"),
    "tile": (
        *("core", "neuron0", "neurons", "population", "profile", "acc0"),
        *("y0", "y1", "x0", "x1", "c0", "c1"),
    ),
    "neuron": ("bias", "fire_above", "reset_by", "v_init"),
    "group": ("line0", "lines", "tile", "traffic"),
    "route": ("group", "core", "axon", "delay"),
    "axon": ("core", "tile", "row_base", "acc_base"),
    "row": ("run0", "runs", "dst_base", "w_base"),
    "run": ("dst_off", "w_off", "length"),
    "weight": ("value",),
    "slot": ("weight", "element", "sign", "word"),
    "readout": ("neuron", "index"),
    "host": ("index",),
    "pixel": ("neuron", "index", "shift", "exponent"),
}
"""Columns of every table; int32 unless `CoreGraph.DTYPES` says otherwise."""

COLUMNS = tuple(f"{table}.{column}" for table, columns in SCHEMA.items() for column in columns)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the neurons of a tile compute, and when.

    Attributes:
        kind: neuron or pooling rule.
        port_shifts: right shift of every port's sum; the ports are then added.
        input_shift: right shift of the whole sum.
        start_tick: first tick of a frame in which the neurons are updated; u and v are reset
            before it. end_tick: the last one. Outside, input is dropped and the state kept.
        u_keep: see `IntegerNeuron`; likewise the rest up to `burst`. t of its equations is the
            tick since `start_tick`, so that payload schedules follow the pipeline.
        wide_sums: whether what arrives may add up to more than 32 bits; that is an error, which a
            simulator must not miss.
        sums: of sigma-delta neurons: receives changes, else values. sends_changes: likewise.
        relu: their activation. spike_exp: see `SigmaDelta`; likewise the rest. Their threshold is
            in the column `fire_above`.
    """

    kind: Kind
    start_tick: int
    end_tick: int
    port_shifts: tuple[int, ...] = (0,)
    input_shift: int = 0
    u_keep: int = 0
    v_keep: int = 0
    state_shift: int = 0
    state_bits: int = 0
    subtract: bool = False
    payloads: tuple[int, ...] = (1,)
    burst: bool = False
    wide_sums: bool = False
    sums: bool = False
    sends_changes: bool = False
    relu: bool = False
    spike_exp: int = 0
    state_exp: int = 0
    message_bits: int = 0


@dataclass(frozen=True, kw_only=True)
class CoreGraph(MappedGraph):
    """One network on cores with synapse memories; see the module for the tables.

    Attributes:
        profiles: by index.
    """

    FORMAT: ClassVar[str] = "nmcompile-coregraph"
    VERSION: ClassVar[int] = 3
    SCHEMA: ClassVar[Mapping[str, tuple[str, ...]]] = SCHEMA
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = {
        "weight.value": np.int16,
        "group.traffic": np.int64,
    }

    profiles: tuple[Profile, ...]

    @classmethod
    def from_header(cls, body: dict[str, Any]) -> dict[str, Any]:
        """See `MappedGraph.from_header`."""
        return super().from_header(body) | {"profiles": from_dicts(Profile, body["profiles"])}

    def core_neurons(self) -> I64:
        """See `MappedGraph.core_neurons`."""
        sums = np.bincount(self["tile.core"], weights=self["tile.neurons"], minlength=self.cores)
        return sums.astype(np.int64)

    def packets(self) -> Packets:
        """See `MappedGraph.packets`; senders are groups."""
        chosen = self.packet_routes
        group = self["route.group"][chosen].astype(np.int64)
        return Packets(
            sender=group,
            source=self.group_cores()[group].astype(np.int64),
            target=self["route.core"][chosen].astype(np.int64),
            traffic=self["group.traffic"][group],
        )

    def group_cores(self) -> npt.NDArray[np.int32]:
        """`(groups,)` core of every group, -1 for the host."""
        tiles = self["group.tile"]
        cores: npt.NDArray[np.int32] = np.where(
            tiles < 0, -1, self["tile.core"][np.maximum(tiles, 0)]
        ).astype(np.int32)
        return cores

    @cached_property
    def packet_routes(self) -> Column:
        """One route of every packet that a spike of a group causes, ascending.

        Axons of one core that hear a group with the same delay share a packet: their entries
        lie one after the other in the core's table of input axons.
        """
        delays = int(self["route.delay"].max(initial=0)) + 1
        key = self["route.group"].astype(np.int64) * self.cores + self["route.core"]
        _, chosen = np.unique(key * delays + self["route.delay"], return_index=True)
        return np.sort(chosen)

    @cached_property
    def list_usages(self) -> dict[tuple[Limits, Packing], ListUsage]:
        """What `list_usage` has counted at length, for whoever asks again."""
        return {}

    def core_edges(self) -> tuple[Column, Column, Column, Column]:
        """Source core, target core, routes, packets of every pair of cores that talk."""
        source = self.group_cores()[self["route.group"]].astype(np.int64)
        key = self._pair(source, self["route.core"])
        pairs, inverse = np.unique(key, return_inverse=True)
        routes = np.bincount(inverse, minlength=len(pairs))
        packets = np.zeros(len(pairs), np.int64)
        chosen = self.packet_routes
        np.add.at(packets, inverse[chosen], self["group.traffic"][self["route.group"][chosen]])
        return pairs // self.cores - 1, pairs % self.cores, routes, packets
