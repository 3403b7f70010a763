"""Read RANC's `input.json` and `config.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc import scan, schema
from nmcompile.backends.truenorth.ranc.check import problems
from nmcompile.backends.truenorth.ranc.file import NEURON, PACKET, RancFile
from nmcompile.backends.truenorth.ranc.schema import RancBus, RancConfig, RancNeuron, RancPacket
from nmcompile.backends.truenorth.ranc.text import RancText, fault
from nmcompile.diagnostics import NmError

WORD_BITS = 64


def read_config(path: Path) -> RancConfig:
    """Read `config.json`.

    Raises:
        NmError: NM0147.
    """
    text = RancText(path)
    return text.value(schema.CONFIG, "", (0, len(text.data)))


def read_ranc(path: Path, config: RancConfig) -> RancFile:
    """Read `input.json`, core by core.

    Args:
        path: the file.
        config: what `config.json` says.

    Raises:
        NmError: NM0147 with the JSON path of everything that is wrong.
    """
    text = RancText(path)
    cores = _Cores(text, config)
    packets: list[list[RancPacket]] = []
    bus: list[RancBus] = []

    def read_packets(start: int) -> int:
        end = text.end(start)
        found = text.value(schema.PACKETS, "packets", (start, end))
        packets.extend(found)
        return end

    def read_bus(start: int) -> int:
        end = text.end(start)
        bus.append(text.value(schema.BUS, "output_bus", (start, end)))
        return end

    keys = {
        "packets": read_packets,
        "output_bus": read_bus,
        "cores": lambda start: text.walk_list("cores", start, cores.add),
    }
    seen = text.walk(scan.skip_space(text.data, 0), keys)
    missing = [fault(f"`{key}` is missing", text.name) for key in keys if key not in seen]
    if missing:
        raise NmError(*missing)
    table = np.array(
        [
            (entry, *packet.destination_core, packet.destination_axon, packet.destination_tick)
            for entry, listed in enumerate(packets)
            for packet in listed
        ],
        np.int32,
    ).reshape(-1, len(PACKET))
    found = RancFile(
        config=config,
        bus=bus[0],
        entries=len(packets),
        packet={name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(PACKET)},
        **cores.columns(),
    )
    wrong = problems(found, text.name)
    if wrong:
        raise NmError(*wrong)
    return found


class _Cores:
    """The cores of a file, gathered one after the other."""

    def __init__(self, text: RancText, config: RancConfig) -> None:
        self._text = text
        self._config = config
        self._blocks: dict[bytes, int] = {}
        self._distinct: list[npt.NDArray[np.uint64]] = []
        self._block: list[int] = []
        self._places: list[list[int]] = []
        self._axons: list[list[int]] = []
        self._neurons: list[npt.NDArray[np.int32]] = []
        self._weights: list[npt.NDArray[np.int32]] = []

    def add(self, start: int) -> int:
        """Read the core at `start`; returns its end.

        Raises:
            NmError: NM0147.
        """
        text, config = self._text, self._config
        path = f"cores[{len(self._block)}]"
        members, end = text.members(path, start)

        def read(key: str, adapter: Any) -> Any:
            return text.value(adapter, f"{path}.{key}", text.need(members, path, key))

        axons = read("axons", schema.AXONS)
        neurons = read("neurons", schema.NEURONS)
        self._limit(path, "axons", len(axons), config.num_axons)
        self._limit(path, "neurons", len(neurons), config.num_neurons)
        self._places.append(read("coordinates", schema.PLACE))
        self._axons.append(axons)
        rows = [
            (
                *(n.reset_potential, n.leak, n.positive_threshold, n.negative_threshold),
                *n.destination_core_offset,
                *(n.destination_axon, n.destination_tick, n.current_potential, n.reset_mode),
            )
            for n in neurons
        ]
        self._neurons.append(np.array(rows, np.int32).reshape(-1, len(NEURON)))
        self._weights.append(self._weight_rows(path, neurons))
        self._block.append(
            self._crossbar(path, len(neurons), text.need(members, path, "connections"))
        )
        return end

    def columns(self) -> dict[str, Any]:
        """The columns of a `RancFile` that tell of cores."""
        none = np.zeros((0, len(NEURON)), np.int32)
        table = np.concatenate([none, *self._neurons])
        neuron = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(NEURON)}
        nothing = np.zeros((0, self._config.num_weights), np.int32)
        return {
            "place": np.array(self._places, np.int32).reshape(-1, 2),
            "neurons": np.array([len(rows) for rows in self._neurons], np.int32),
            "axons": np.array([len(types) for types in self._axons], np.int32),
            "types": np.array([t for types in self._axons for t in types], np.int32),
            "neuron": neuron,
            "weights": np.concatenate([nothing, *self._weights]),
            "blocks": self._distinct,
            "block": np.array(self._block, np.int32),
        }

    def _weight_rows(self, path: str, neurons: list[RancNeuron]) -> npt.NDArray[np.int32]:
        """`(neurons, num_weights)`; what a neuron does not list is 0."""
        width = self._config.num_weights
        for number, neuron in enumerate(neurons):
            if len(neuron.weights) > width:
                self._limit(f"{path}.neurons[{number}]", "weights", len(neuron.weights), width)
        rows = [neuron.weights + [0] * (width - len(neuron.weights)) for neuron in neurons]
        return np.array(rows, np.int32).reshape(-1, width)

    def _limit(self, path: str, key: str, found: int, most: int) -> None:
        if found > most:
            where, limit = self._text.at(path), f"num_{key} = {most}"
            raise NmError(fault(f"there are too many {key}", where, f"{found}", limit))

    def _crossbar(self, path: str, neurons: int, span: tuple[int, int]) -> int:
        """Number of the crossbar that `connections` says."""
        config = self._config
        words = np.zeros((config.num_axons, -(-neurons // WORD_BITS)), np.uint64)
        rows = scan.connection_words(self._text.data, *span, neurons, config.num_axons, words)
        if rows < 0:
            raise NmError(
                fault(
                    f"`{path}.connections` is not a list of rows of zeros and ones",
                    self._text.place(-1 - rows),
                    limit=f"num_axons = {config.num_axons} entries in a row",
                )
            )
        self._limit(path, "neurons", rows, config.num_neurons)
        if rows < neurons:
            raise NmError(
                fault(
                    "a neuron has no row of connections",
                    self._text.at(f"{path}.connections"),
                    f"{rows} rows for {neurons} neurons",
                )
            )
        key = words.tobytes() + neurons.to_bytes(4, "little")
        if key not in self._blocks:
            self._blocks[key] = len(self._distinct)
            self._distinct.append(words)
        return self._blocks[key]
