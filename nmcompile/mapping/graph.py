"""What every mapped network is: a header, places of cores, columnar tables, and packets.

A simulator reads nothing else. Tables are sets of one-dimensional columns (`"tile.core"`), frozen,
content-digested and stored without pickle. Every chip family has its own tables; these every
graph has:

=======  =========================================================================================
core     chip, x, y, slot: place of every core; x and y are router coordinates on the chip
tile     core, population, neuron0, neurons: consecutive neurons of one population on one core;
         y0, y1, x0, x1, c0, c1: their box in the population
readout  neuron, index: which neuron is which output element
=======  =========================================================================================
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import networkx as nx
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.program import HostCounts
from nmcompile.ir.types import EdgeType
from nmcompile.mapping.populations import InputMode, Kind, ReadOut, Shape3

Column = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]
PLACE = ("chip", "x", "y", "slot")
"""Columns of the place of a core."""


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


@dataclass(frozen=True, slots=True)
class Packets:
    """Who sends what where: one spike of a sender causes one packet per entry.

    Attributes:
        sender: `(packets,)` what spikes, in the graph's own numbering (`MappedGraph.packets`).
        source: `(packets,)` its core, -1 for the host.
        target: `(packets,)` core to which the packet goes.
        traffic: `(packets,)` packets in the calibration run.
    """

    sender: I64
    source: I64
    target: I64
    traffic: I64


@dataclass(frozen=True, slots=True)
class Helpers:
    """What stands on cores beside the neurons of one population, so that its spikes get around.

    Attributes:
        copies: further neurons beside the population's own that compute the same as one of them.
        relays: neurons that only pass a spike on. relay_cores: cores that hold nothing else.
    """

    copies: int = 0
    relays: int = 0
    relay_cores: int = 0


@dataclass(frozen=True, kw_only=True)
class MappedGraph(ABC):
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
        populations: in network order.
        mesh: the routers.
        tables: all columns of `SCHEMA`, read-only.
    """

    FORMAT: ClassVar[str]
    """Name of the format in the stored header. VERSION: its version."""
    VERSION: ClassVar[int]
    SCHEMA: ClassVar[Mapping[str, tuple[str, ...]]]
    """Columns of every table; int32 unless `DTYPES` says otherwise."""
    DTYPES: ClassVar[Mapping[str, type[np.generic]]]

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
    mesh: Mesh
    tables: Mapping[str, Column] = field(compare=False, repr=False)

    def __post_init__(self) -> None:
        columns = self.columns()
        if self.tables.keys() != set(columns):
            wrong = sorted(set(self.tables) ^ set(columns))
            raise ValueError(f"the tables of a core graph are incomplete: {', '.join(wrong)}")
        frozen = {name: self._frozen(name, self.tables[name]) for name in columns}
        object.__setattr__(self, "tables", frozen)

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Names of all columns, `"table.column"`."""
        return tuple(f"{table}.{column}" for table, own in cls.SCHEMA.items() for column in own)

    def __getitem__(self, column: str) -> Column:
        """A column, for example `graph["tile.core"]`."""
        return self.tables[column]

    def size(self, table: str) -> int:
        """Number of entries of a table."""
        return len(self.tables[f"{table}.{self.SCHEMA[table][0]}"])

    @property
    def cores(self) -> int:
        """Number of cores used."""
        return self.size("core")

    @property
    def slots(self) -> list[tuple[int, ...]]:
        """(chip, x, y, slot) of every core."""
        columns = [self[f"core.{name}"].tolist() for name in PLACE]
        return list(zip(*columns, strict=True))

    @property
    def chips(self) -> int:
        """Chips up to the last one used."""
        return int(self["core.chip"].max(initial=-1)) + 1

    @property
    def own_chips(self) -> int:
        """Chips that hold its cores; lower numbers may belong to other networks."""
        return len(np.unique(self["core.chip"]))

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.size("neuron")

    @abstractmethod
    def core_neurons(self) -> I64:
        """`(cores,)` neurons that are serviced at every tick."""

    @abstractmethod
    def packets(self) -> Packets:
        """Every packet route, in a fixed order."""

    def helpers(self) -> tuple[Helpers, ...]:
        """Copies and relays of every population; none where a spike has many targets."""
        return tuple(Helpers() for _ in self.populations)

    def relayed(self) -> I64:
        """`(cores,)` population whose spikes a core only passes on, -1 for all other cores."""
        return np.full(self.cores, -1, np.int64)

    def reset_writes(self) -> HostCounts:
        """What the host writes before a frame where the chip has no frame reset."""
        return (("membrane_writes", self.neurons),)

    def replace(self, columns: Mapping[str, Column]) -> Self:
        """A copy with some columns exchanged."""
        return dataclasses.replace(self, tables={**self.tables, **columns})

    @cached_property
    def digest(self) -> str:
        """sha256 over the header and every column (hex)."""
        content = hashlib.sha256(self._header().encode())
        for name in self.columns():
            content.update(name.encode())
            content.update(np.ascontiguousarray(self.tables[name]).data)
        return content.hexdigest()

    def save(self, stem: Path) -> None:
        """Write `stem`.json and `stem`.safetensors, the same bytes for the same graph."""
        stem.with_suffix(".json").write_text(self._header() + "\n", encoding="utf-8")
        save_file(dict(sorted(self.tables.items())), stem.with_suffix(".safetensors"))

    @classmethod
    def load(cls, stem: Path) -> Self:
        """Read what `save` wrote (`nmcompile.mapping.stored` reads any family's).

        Raises:
            NmError: NM0504 when a file is missing, damaged or of another version.
        """
        try:
            body = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
            tables = load_file(stem.with_suffix(".safetensors"))
            if body.pop("format") != cls.FORMAT or body.pop("version") != cls.VERSION:
                raise ValueError("another format or version")
            for table in tables.values():
                table.setflags(write=False)
            return cls(tables=tables, **cls.from_header(body))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise unreadable(stem, error) from error

    @classmethod
    def from_header(cls, body: dict[str, Any]) -> dict[str, Any]:
        """The fields of the class from those of the stored header."""
        fields = {name: tupled(value) for name, value in body.items()}
        fields["populations"] = from_dicts(PopulationInfo, body["populations"])
        (fields["mesh"],) = from_dicts(Mesh, [body["mesh"]])
        if body["encode"] is not None:
            (fields["encode"],) = from_dicts(ops.Encode, [body["encode"]])
        return fields

    def to_networkx(self) -> nx.DiGraph:
        """Cores as nodes (place, populations, neurons), core pairs as edges.

        Edge attributes: `routes`, and `weight`, the spike packets of the calibration run. The
        host is the node `"host"`.
        """
        graph = nx.DiGraph(name=self.network)
        neurons = self.core_neurons()
        names: list[set[str]] = [set() for _ in range(self.cores)]
        for core, population in zip(self["tile.core"], self["tile.population"], strict=True):
            names[core].add(self.populations[population].name)
        for core in range(self.cores):
            place = {c: int(self[f"core.{c}"][core]) for c in PLACE}
            layers = tuple(sorted(names[core]))
            graph.add_node(core, neurons=int(neurons[core]), populations=layers, **place)
        for source, target, routes, packets in zip(*self.core_edges(), strict=True):
            start = "host" if source < 0 else int(source)
            graph.add_edge(start, int(target), routes=int(routes), weight=int(packets))
        return graph

    def core_edges(self) -> tuple[Column, Column, Column, Column]:
        """Source core, target core, routes, packets of every pair of cores that talk."""
        packets = self.packets()
        pairs, inverse = np.unique(self._pair(packets.source, packets.target), return_inverse=True)
        routes = np.bincount(inverse, minlength=len(pairs))
        sums = np.zeros(len(pairs), np.int64)
        np.add.at(sums, inverse, packets.traffic)
        return pairs // self.cores - 1, pairs % self.cores, routes, sums

    def _pair(self, source: Column, target: Column) -> I64:
        """One number per pair of cores; the host comes first."""
        key: I64 = (source.astype(np.int64) + 1) * self.cores + target
        return key

    def _frozen(self, name: str, values: Column) -> Column:
        dtype = self.DTYPES.get(name, np.int32)
        if not values.flags.writeable and values.dtype == dtype and values.flags.c_contiguous:
            return values
        column = np.array(values, dtype)
        column.setflags(write=False)
        return column

    def _header(self) -> str:
        body = {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "tables"
        }
        body |= {"format": self.FORMAT, "version": self.VERSION}
        return json.dumps(body, indent=1, sort_keys=True, default=dataclasses.asdict)


def unreadable(stem: Path, error: Exception) -> NmError:
    """NM0504: the files of a graph are missing, damaged or of another version."""
    return NmError(
        Diagnostic(
            code="NM0504",
            message="this is not a readable core graph of this version",
            where=f"{stem.name}.json",
            found=f"{type(error).__name__}: {error}",
            help=("build the deployment again with `nmcompile build`",),
        )
    )


def from_dicts(kind: Any, rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Objects of a dataclass from their stored fields."""
    return tuple(kind(**{name: tupled(value) for name, value in row.items()}) for row in rows)


def tupled(value: Any) -> Any:
    """Lists of JSON are tuples here."""
    return tuple(value) if isinstance(value, list) else value
