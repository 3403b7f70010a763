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

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.types import EdgeType
from nmcompile.mapping.populations import InputMode, Kind, ReadOut, Shape3

FORMAT = "nmcompile-coregraph"
VERSION = 3

Column = npt.NDArray[Any]

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
"""Columns of every table; int32 unless `_DTYPES` says otherwise."""

_DTYPES = {"weight.value": np.int16, "group.traffic": np.int64}
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


@dataclass(frozen=True, slots=True)
class PopulationInfo:
    """One population: its name, the user's layer name, shapes, depth d_p, range of its spikes."""

    name: str
    layer: str
    kind: Kind
    shape: Shape3
    golden_shape: tuple[int, ...]
    depth: int
    bits: int = 1
    signed: bool = False

    @property
    def edge(self) -> EdgeType:
        """The type of its spikes."""
        return EdgeType("spikes", self.golden_shape, self.bits, self.signed)


@dataclass(frozen=True, slots=True)
class Mesh:
    """The routers: `chip_columns` chips side by side, each `columns` x `rows` routers."""

    chip_columns: int
    columns: int
    rows: int
    cores_per_router: int


@dataclass(frozen=True)
class CoreGraph:
    """One network on cores; see the module for the tables.

    Attributes:
        network: its name. target: name of the target.
        timesteps: T. ticks: T plus the pipeline depth.
        input_shape: the network's own input shape. input_mode: when the host injects.
        input_bits, input_signed: range of what the host sends.
        input_values: whether the input is real-valued (its accesses are MACs).
        encode: how the host codes a "coded" input as spikes.
        output: the population that is read out. output_shape: its shape in the network.
        readout: what the host takes from it: spikes, their counts, or membranes.
        signed_pairs: whether the read-out subtracts channel 2c + 1 from channel 2c.
        slot: the program slot that the host writes into synapses, "" for none.
        slot_shape: `(C, h, w)`, or `(T, C, h, w)` with other weights at every timestep.
        slot_largest: magnitude that one word of an element holds, 0 for any.
        populations: in network order. profiles: by index.
        mesh: the routers.
        tables: all columns of `SCHEMA`, read-only.
    """

    network: str
    target: str
    timesteps: int
    ticks: int
    input_shape: tuple[int, ...]
    input_mode: InputMode
    input_bits: int
    input_signed: bool
    input_values: bool
    encode: ops.Encode | None
    output: str
    output_shape: tuple[int, ...]
    readout: ReadOut
    signed_pairs: bool
    slot: str
    slot_shape: tuple[int, ...]
    slot_largest: int
    populations: tuple[PopulationInfo, ...]
    profiles: tuple[Profile, ...]
    mesh: Mesh
    tables: Mapping[str, Column] = field(compare=False, repr=False)

    def __post_init__(self) -> None:
        if tuple(sorted(self.tables)) != tuple(sorted(COLUMNS)):
            raise ValueError("the tables of a core graph are incomplete")
        frozen = {}
        for name in COLUMNS:
            column = np.array(self.tables[name], _DTYPES.get(name, np.int32))
            column.setflags(write=False)
            frozen[name] = column
        object.__setattr__(self, "tables", frozen)

    def __getitem__(self, column: str) -> Column:
        """A column, for example `graph["tile.core"]`."""
        return self.tables[column]

    def size(self, table: str) -> int:
        """Number of entries of a table."""
        return len(self.tables[f"{table}.{SCHEMA[table][0]}"])

    @property
    def cores(self) -> int:
        """Number of cores used."""
        return self.size("core")

    @property
    def slots(self) -> list[tuple[int, ...]]:
        """(chip, x, y, slot) of every core."""
        columns = [self[f"core.{name}"].tolist() for name in SCHEMA["core"]]
        return list(zip(*columns, strict=True))

    @property
    def chips(self) -> int:
        """Number of chips used."""
        return int(self["core.chip"].max(initial=-1)) + 1

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.size("neuron")

    def replace(self, columns: Mapping[str, Column]) -> CoreGraph:
        """A copy with some columns exchanged."""
        return dataclasses.replace(self, tables={**self.tables, **columns})

    @cached_property
    def digest(self) -> str:
        """sha256 over the header and every column (hex)."""
        content = hashlib.sha256(self._header().encode())
        for name in COLUMNS:
            content.update(name.encode() + self.tables[name].tobytes())
        return content.hexdigest()

    def save(self, stem: Path) -> None:
        """Write `stem`.json and `stem`.safetensors, the same bytes for the same graph."""
        stem.with_suffix(".json").write_text(self._header() + "\n", encoding="utf-8")
        save_file(dict(sorted(self.tables.items())), stem.with_suffix(".safetensors"))

    @staticmethod
    def load(stem: Path) -> CoreGraph:
        """Read what `save` wrote.

        Raises:
            NmError: NM0504 when a file is missing, damaged or of another version.
        """
        try:
            body = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
            tables = load_file(stem.with_suffix(".safetensors"))
            if body.pop("format") != FORMAT or body.pop("version") != VERSION:
                raise ValueError("another format or version")
            return _from_header(body, tables)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise NmError(
                Diagnostic(
                    code="NM0504",
                    message="this is not a readable core graph of this version",
                    where=f"{stem.name}.json",
                    found=f"{type(error).__name__}: {error}",
                    help=("build the deployment again with `nmcompile build`",),
                )
            ) from error

    def to_networkx(self) -> nx.DiGraph:
        """Cores as nodes (place, populations, neurons), core pairs as edges.

        Edge attributes: `routes`, and `weight`, the spike packets of the calibration run. The
        host is the node `"host"`.
        """
        graph = nx.DiGraph(name=self.network)
        neurons = np.bincount(self["tile.core"], weights=self["tile.neurons"], minlength=self.cores)
        names: list[set[str]] = [set() for _ in range(self.cores)]
        for core, population in zip(self["tile.core"], self["tile.population"], strict=True):
            names[core].add(self.populations[population].name)
        for core in range(self.cores):
            place = {c: int(self[f"core.{c}"][core]) for c in SCHEMA["core"]}
            layers = tuple(sorted(names[core]))
            graph.add_node(core, neurons=int(neurons[core]), populations=layers, **place)
        for source, target, routes, packets in zip(*self.core_edges(), strict=True):
            start = "host" if source < 0 else int(source)
            graph.add_edge(start, int(target), routes=int(routes), weight=int(packets))
        return graph

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

    def core_edges(self) -> tuple[Column, Column, Column, Column]:
        """Source core, target core, routes, packets of every pair of cores that talk."""
        source = self.group_cores()[self["route.group"]].astype(np.int64)
        key = (source + 1) * self.cores + self["route.core"]
        pairs, inverse = np.unique(key, return_inverse=True)
        routes = np.bincount(inverse, minlength=len(pairs))
        packets = np.zeros(len(pairs), np.int64)
        chosen = self.packet_routes
        np.add.at(packets, inverse[chosen], self["group.traffic"][self["route.group"][chosen]])
        return pairs // self.cores - 1, pairs % self.cores, routes, packets

    def _header(self) -> str:
        body = {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "tables"
        }
        body |= {"format": FORMAT, "version": VERSION}
        return json.dumps(body, indent=1, sort_keys=True, default=dataclasses.asdict)


def _from_header(body: dict[str, Any], tables: Mapping[str, Column]) -> CoreGraph:
    body["populations"] = tuple(
        PopulationInfo(**{k: _tupled(v) for k, v in p.items()}) for p in body["populations"]
    )
    body["profiles"] = tuple(
        Profile(**{k: _tupled(v) for k, v in p.items()}) for p in body["profiles"]
    )
    body["mesh"] = Mesh(**body["mesh"])
    if body["encode"] is not None:
        body["encode"] = ops.Encode(**{k: _tupled(v) for k, v in body["encode"].items()})
    return CoreGraph(tables=tables, **{k: _tupled(v) for k, v in body.items()})


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
