"""Put the tables of a core graph together: tiles, neurons, groups, axons, routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.ir.arrays import Array
from nmcompile.mapping.axes import Interval, Intervals, needed_channels, overlapping
from nmcompile.mapping.coregraph import Profile
from nmcompile.mapping.demand import split_atoms
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.populations import Population, Projection
from nmcompile.mapping.reach import Reached, reached
from nmcompile.mapping.synapses import SynapseTables
from nmcompile.mapping.tile import Tiling

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[np.generic]]
Traffic = Mapping[str, npt.NDArray[np.integer[Any]]]
"""Spikes of every neuron in a calibration run, by population (or input) name."""


@dataclass(frozen=True)
class Tile:
    """One tile with its numbers: first neuron, first accumulator, core."""

    core: int
    neuron0: int
    acc0: int
    population: int
    y: Interval
    x: Interval
    c: Interval

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return _length(self.y) * _length(self.x) * _length(self.c)


@dataclass(frozen=True)
class Groups:
    """The neuron groups of one population (or of the input).

    Attributes:
        channels: channel interval of every group at a position.
        number: `(len(channels), H, W)` group numbers.
    """

    channels: Intervals
    number: I32

    @cached_property
    def slot(self) -> dict[Interval, int]:
        """Where every channel interval stands."""
        return {interval: i for i, interval in enumerate(self.channels)}


class Assembler:
    """Builds all columns but those of `core`.

    Args:
        tiling: the cut.
        cores: the core of every tile, per population.
        limits: for the group size.
        traffic: measured spikes; one spike per neuron where it is missing.
    """

    def __init__(
        self, tiling: Tiling, cores: list[list[int]], limits: Limits, traffic: Traffic
    ) -> None:
        self._stages = tiling.stages
        self._grids = dict(tiling.grids)
        self._input_groups = tiling.input_groups
        self._limits = limits
        self._traffic = traffic
        self._synapses = SynapseTables()
        self.profiles: list[Profile] = []
        self._tiles = self._number_tiles(cores)
        self._neurons = sum(t.neurons for t in self._tiles)
        self._spikes: dict[str, I64] = {}
        self._groups = self._number_groups()
        self._row_sets: dict[tuple[object, ...], I64] = {}

    def columns(self) -> Columns:
        """All columns but those of `core`."""
        return {
            **self._tile_columns(),
            **self._neuron_columns(),
            **self._group_columns(),
            **self._axon_columns(),
            **self._synapses.columns(),
            **self._end_columns(),
        }

    def _number_tiles(self, cores: list[list[int]]) -> list[Tile]:
        """Tiles in (core, population, grid) order, so that a core's neurons are contiguous."""
        boxes = [
            (core, index, box)
            for index, population in enumerate(self._stages.populations)
            for core, box in zip(cores[index], self._grids[population.name].boxes(), strict=True)
        ]
        tiles = []
        neuron = acc = 0
        for core, index, (y, x, c) in sorted(boxes, key=lambda b: b[0]):
            tile = Tile(core, neuron, acc, index, y, x, c)
            tiles.append(tile)
            neuron += tile.neurons
            acc += tile.neurons * len(self._stages.populations[index].port_shifts)
        return tiles

    def _number_groups(self) -> dict[str, Groups]:
        groups: dict[str, Groups] = {}
        names = [p.name for p in self._stages.populations]
        for population in self._stages.populations:
            intervals = self._grids[population.name].groups(self._limits.axon_atoms)
            number = np.zeros((len(intervals), *population.shape[1:]), np.int32)
            groups[population.name] = Groups(intervals, number)
        count = 0
        tiles, stimulus = list(self._tiles), self._stages.input
        if stimulus.mode != "bias":
            channels, height, width = stimulus.shape
            number = np.zeros((len(self._input_groups), height, width), np.int32)
            groups[stimulus.name] = Groups(self._input_groups, number)
            tiles.append(Tile(-1, self._neurons, 0, -1, (0, height), (0, width), (0, channels)))
        atoms = self._limits.axon_atoms
        total = sum(t.neurons // _length(t.c) * len(split_atoms(t.c, atoms)) for t in tiles)
        # Line0, lines and tile; written in place, as there may be millions.
        self._group_lines = np.empty((3, total), np.int32)
        self._group_traffic = np.empty(total, np.int64)
        for index, tile in enumerate(tiles):
            name = stimulus.name if tile.core < 0 else names[tile.population]
            index = -1 if tile.core < 0 else index
            count = self._add_groups(groups[name], tile, index, self._spiked(name), count)
        return groups

    def _add_groups(self, groups: Groups, tile: Tile, index: int, spikes: I64, count: int) -> int:
        """Number the groups of a tile position by position; returns the next free number."""
        own = split_atoms(tile.c, self._limits.axon_atoms)
        height, width = _length(tile.y), _length(tile.x)
        positions = height * width
        end = count + positions * len(own)
        number = np.arange(count, end).reshape(height, width, len(own))
        box = (slice(*tile.y), slice(*tile.x))
        lines = self._group_lines[:, count:end].reshape(3, positions, len(own))
        traffic = self._group_traffic[count:end].reshape(positions, len(own))
        for k, (low, high) in enumerate(own):
            groups.number[groups.slot[low, high]][box] = number[:, :, k]
            lines[0, :, k] = tile.neuron0 + np.arange(positions) * _length(tile.c) + low - tile.c[0]
            lines[1, :, k] = high - low
            traffic[:, k] = spikes[low:high, box[0], box[1]].sum(axis=0).reshape(-1)
        lines[2] = index
        return end

    def _spiked(self, name: str) -> I64:
        """`(C, H, W)` spikes of the calibration run, ones where none is given."""
        if name not in self._spikes:
            shapes = {p.name: p.shape for p in self._stages.populations}
            shape = shapes.get(name, self._stages.input.shape)
            given = self._traffic.get(name)
            self._spikes[name] = (
                np.broadcast_to(np.int64(1), shape)
                if given is None
                else np.asarray(given, np.int64).reshape(shape)
            )
        return self._spikes[name]

    def _feeds(self) -> Iterator[tuple[int, Projection, Reached, Reached, Intervals]]:
        """Tile, projection, positions and channels of all axons, in the order of the axons."""
        for index, tile in enumerate(self._tiles):
            for projection in self._stages.populations[tile.population].projections:
                on_y, on_x = reached(projection.y, tile.y), reached(projection.x, tile.x)
                if on_y.at and on_x.at:
                    channels = self._groups[projection.source].channels
                    needed = needed_channels(projection, tile.c)
                    yield index, projection, on_y, on_x, overlapping(channels, needed)

    def _connected(self) -> tuple[I32, I32]:
        """Core, tile, row_base and acc_base of all axons; group, core and delay of all routes."""
        total = sum(len(y.at) * len(x.at) * len(channels) for _, _, y, x, channels in self._feeds())
        axons, routes = np.empty((4, total), np.int32), np.empty((3, total), np.int32)
        end = 0
        for index, projection, on_y, on_x, channels in self._feeds():
            tile = self._tiles[index]
            at = np.ix_(on_y.at, on_x.at)
            row0 = self._rows(tile, projection, on_y, on_x)
            offset = on_y.first[:, None] * _length(tile.x) + on_x.first
            acc = tile.acc0 + projection.port * tile.neurons + offset * _length(tile.c)
            groups = self._groups[projection.source]
            for interval in channels:
                number = groups.number[groups.slot[interval]][at].reshape(-1)
                own = slice(end, end + number.size)
                end += number.size
                axons[0, own], axons[1, own] = tile.core, index
                axons[2, own], axons[3, own] = (row0 + interval[0]).reshape(-1), acc.reshape(-1)
                routes[0, own], routes[1, own], routes[2, own] = number, tile.core, projection.delay
        return axons, routes

    def _rows(self, tile: Tile, projection: Projection, y: Reached, x: Reached) -> I64:
        """First row for every source position of a tile."""
        width = _length(tile.x)
        key = (projection.node, tile.c, width, y.kinds, x.kinds)
        if key not in self._row_sets:
            of = self._synapses.row_set
            rows = [[of(projection, tile.c, width, a, b) for b in x.kinds] for a in y.kinds]
            self._row_sets[key] = np.array(rows, np.int64)
        found: I64 = self._row_sets[key][np.ix_(y.kind, x.kind)]
        return found

    def _tile_columns(self) -> Columns:
        rows = []
        for tile in self._tiles:
            profile = self._profile(self._stages.populations[tile.population])
            place = (tile.core, tile.neuron0, tile.neurons, tile.population, profile, tile.acc0)
            rows.append((*place, *tile.y, *tile.x, *tile.c))
        names = ("core", "neuron0", "neurons", "population", "profile", "acc0")
        box = ("y0", "y1", "x0", "x1", "c0", "c1")
        table = np.array(rows, np.int32).reshape(-1, 12)
        return {f"tile.{name}": table[:, i] for i, name in enumerate((*names, *box))}

    def _profile(self, population: Population) -> int:
        """Index of the population's profile; equal profiles are stored once."""
        start, end = 1 + population.depth, self._stages.timesteps + population.depth
        profile = Profile(population.kind, start, end)
        if population.model is not None:
            model = population.model
            profile = Profile(
                kind=population.kind,
                start_tick=start,
                end_tick=end,
                port_shifts=population.port_shifts,
                input_shift=population.input_shift,
                u_keep=model.u_keep,
                v_keep=model.v_keep,
                state_shift=model.state_shift,
                state_bits=model.state_bits,
                subtract=model.reset == "subtract",
                payloads=model.payloads,
                wide_sums=population.wide_sums,
                burst=model.advance == "burst",
            )
        if population.delta is not None:
            delta = population.delta
            profile = Profile(
                kind=population.kind,
                start_tick=start,
                end_tick=end,
                port_shifts=population.port_shifts,
                input_shift=population.input_shift,
                wide_sums=population.wide_sums,
                sums=delta.receives == "changes",
                sends_changes=delta.sends == "changes",
                relu=delta.activation == "relu",
                spike_exp=delta.spike_exp,
                state_exp=delta.state_exp,
                message_bits=delta.message_bits,
            )
        if profile not in self.profiles:
            self.profiles.append(profile)
        return self.profiles.index(profile)

    def _neuron_columns(self) -> Columns:
        names = ("bias", "fire_above", "reset_by", "v_init")
        columns = {name: np.zeros(self._neurons, np.int32) for name in names}
        full = [_parameters(p) for p in self._stages.populations]
        for tile in self._tiles:
            own = slice(tile.neuron0, tile.neuron0 + tile.neurons)
            for name, table in full[tile.population].items():
                part = table[slice(*tile.c), slice(*tile.y), slice(*tile.x)]
                columns[name][own] = part.transpose(1, 2, 0).reshape(-1)
        return {f"neuron.{name}": column for name, column in columns.items()}

    def _group_columns(self) -> Columns:
        for table in (self._group_lines, self._group_traffic):
            table.setflags(write=False)
        line0, lines, tile = self._group_lines
        return {
            "group.line0": line0,
            "group.lines": lines,
            "group.tile": tile,
            "group.traffic": self._group_traffic,
        }

    def _axon_columns(self) -> Columns:
        axons, routes = self._connected()
        for table in (axons, routes):
            table.setflags(write=False)
        core, tile, row, acc = axons
        group, to, delay = routes
        # Tiles are in core order, hence so are the axons.
        each = np.bincount(core)
        first = (np.cumsum(each) - each).astype(np.int32)
        return {
            "axon.core": core,
            "axon.tile": tile,
            "axon.row_base": row,
            "axon.acc_base": acc,
            "route.group": group,
            "route.core": to,
            "route.axon": np.arange(len(core), dtype=np.int32) - np.repeat(first, each),
            "route.delay": delay,
        }

    def _end_columns(self) -> Columns:
        names = [p.name for p in self._stages.populations]
        neurons, index = [], []
        for tile in self._tiles:
            if names[tile.population] != self._stages.output:
                continue
            neurons.append(tile.neuron0 + np.arange(tile.neurons))
            index.append(_flat_index(self._stages.populations[tile.population].shape, tile))
        channels, height, width = self._stages.input.shape
        whole = Tile(-1, 0, 0, -1, (0, height), (0, width), (0, channels))
        return {
            "readout.neuron": np.concatenate(neurons),
            "readout.index": np.concatenate(index),
            "host.index": _flat_index(self._stages.input.shape, whole)[: self._host_lines],
            **self._pixel_columns(),
        }

    @property
    def _host_lines(self) -> int:
        stimulus = self._stages.input
        return 0 if stimulus.mode == "bias" else int(np.prod(stimulus.shape))

    def _pixel_columns(self) -> Columns:
        """Which neurons get which element of the input as their bias."""
        rows = [np.zeros((0, 4), np.int64)]
        for tile in self._tiles:
            population = self._stages.populations[tile.population]
            if not population.pixels or population.model is None:
                continue
            table = np.empty((tile.neurons, 4), np.int64)
            table[:, 0] = tile.neuron0 + np.arange(tile.neurons)
            table[:, 1] = _flat_index(population.shape, tile)
            table[:, 2] = population.input_shift
            table[:, 3] = population.model.state_shift
            rows.append(table)
        table = np.concatenate(rows)
        names = ("neuron", "index", "shift", "exponent")
        return {f"pixel.{name}": table[:, i] for i, name in enumerate(names)}


def _flat_index(shape: tuple[int, int, int], tile: Tile) -> I64:
    """Position in (C, H, W) order of every neuron of a tile, in (y, x, c) order."""
    y, x, c = (np.arange(*interval) for interval in (tile.y, tile.x, tile.c))
    flat: I64 = (c * shape[1] + y[:, None, None]) * shape[2] + x[:, None]
    return flat.reshape(-1)


def _parameters(population: Population) -> dict[str, I32]:
    """Every parameter of its neurons, by column, as a full `(C, H, W)` table."""
    found: dict[str, Array] = {}
    if population.model is not None:
        names = ("bias", "fire_above", "reset_by", "v_init")
        found = {name: getattr(population.model, name) for name in names}
    if population.delta is not None:
        found = {"bias": population.delta.bias, "fire_above": population.delta.threshold}
    return {name: _per_neuron(array, population.shape) for name, array in found.items()}


def _per_neuron(array: Array, shape: tuple[int, int, int]) -> I32:
    data = array.data.astype(np.int32)
    if data.ndim == 1:
        data = data.reshape(-1, 1, 1)
    return np.broadcast_to(data, shape)


def _length(interval: Interval) -> int:
    return interval[1] - interval[0]
