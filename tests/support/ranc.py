"""RANC as its format's description says: random networks as JSON values, and a plain model of it.

`PlainRanc` knows nothing of nmcompile. It works on the decoded files, with Python integers.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from nmcompile.backends.truenorth.ranc.file import RancFile
from nmcompile.backends.truenorth.ranc.read import read_config, read_ranc
from nmcompile.backends.truenorth.ranc.write import write_ranc

Json = dict[str, Any]


def config_of(columns: int = 3, rows: int = 2, **changes: int) -> Json:
    """A `config.json` of small cores."""
    return {
        "num_neurons": 6,
        "num_axons": 5,
        "num_cores_x": columns,
        "num_cores_y": rows,
        "num_weights": 4,
        "max_tick_offset": 16,
        "neuron_block_trace_verbosity": 0,
        "core_controller_trace_verbosity": 0,
        "scheduler_trace_verbosity": 0,
        "neuron_reset_type": 0,
        **changes,
    }


def random_input(rng: np.random.Generator, config: Json, entries: int = 8) -> Json:
    """An `input.json` within what RANC and crossbar cores have in common."""
    columns, rows = config["num_cores_x"], config["num_cores_y"]
    places = [(x, y) for y in range(rows) for x in range(columns)]
    order = rng.permutation(len(places))
    bus = places[order[0]]
    outputs = int(rng.integers(1, 9))
    empty = int(rng.integers(0, 2))
    taken = [places[i] for i in order[1 : len(order) - empty]]

    def packet() -> Json:
        return {
            "destination_core": list(taken[rng.integers(len(taken))]),
            "destination_axon": int(rng.integers(config["num_axons"])),
            "destination_tick": int(rng.integers(0, 4)),
        }

    return {
        "packets": [[packet() for _ in range(rng.integers(0, 7))] for _ in range(entries)],
        "output_bus": {"coordinates": list(bus), "num_outputs": outputs},
        "cores": [_core(rng, config, place, places, bus, outputs) for place in taken],
    }


def _core(
    rng: np.random.Generator,
    config: Json,
    place: tuple[int, int],
    places: list[tuple[int, int]],
    bus: tuple[int, int],
    outputs: int,
) -> Json:
    neurons = int(rng.integers(1, config["num_neurons"] + 1))
    return {
        "coordinates": list(place),
        "axons": rng.integers(0, config["num_weights"], config["num_axons"]).tolist(),
        "neurons": [_neuron(rng, config, place, places, bus, outputs) for _ in range(neurons)],
        "connections": rng.integers(0, 2, (neurons, config["num_axons"])).tolist(),
    }


def _neuron(
    rng: np.random.Generator,
    config: Json,
    place: tuple[int, int],
    places: list[tuple[int, int]],
    bus: tuple[int, int],
    outputs: int,
) -> Json:
    x, y = places[rng.integers(len(places))]
    axons = outputs if (x, y) == bus else config["num_axons"]
    mode, negative = int(rng.integers(0, 2)), -int(rng.integers(0, 6))
    reset = int(rng.integers(-3, 4))
    if config["neuron_reset_type"] == 1 and (mode == 1 or negative == 0):
        negative, reset = 0, 0  # what the symmetric floor has in common with TrueNorth's
    return {
        "reset_potential": reset,
        "weights": rng.integers(-4, 5, config["num_weights"]).tolist(),
        "leak": int(rng.integers(-1, 3)),
        "positive_threshold": int(rng.integers(1, 6)),
        "negative_threshold": negative,
        "destination_core_offset": [x - place[0], y - place[1]],
        "destination_axon": int(rng.integers(axons)),
        "destination_tick": int(rng.integers(0, 15)) if rng.random() < 0.3 else 0,
        "current_potential": int(rng.integers(-3, 6)),
        "reset_mode": mode,
    }


def read(network: Json, config: Json, indent: int | None = None) -> RancFile:
    """The network through its two files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "input.json"), Path(folder, "config.json")
        for path, content in zip(paths, (network, config), strict=True):
            path.write_text(json.dumps(content, indent=indent), encoding="utf-8")
        return read_ranc(paths[0], read_config(paths[1]))


def written(file: RancFile) -> tuple[Json, Json]:
    """input.json and config.json as written."""
    with tempfile.TemporaryDirectory() as folder:
        write_ranc(file, Path(folder))
        names = ("input.json", "config.json")
        return tuple(json.loads(Path(folder, n).read_text("utf-8")) for n in names)


class PlainRanc:
    """RANC's ticks, neuron by neuron.

    Attributes:
        potential: membrane of every (core, neuron).
    """

    def __init__(self, network: Json, config: Json) -> None:
        self._network, self._config = network, config
        self._core = {tuple(c["coordinates"]): k for k, c in enumerate(network["cores"])}
        self._bus = tuple(network["output_bus"]["coordinates"])
        self.potential = {
            (k, j): neuron["current_potential"]
            for k, core in enumerate(network["cores"])
            for j, neuron in enumerate(core["neurons"])
        }

    def run(self, ticks: int) -> tuple[np.ndarray[Any, Any], set[tuple[int, int, int]]]:
        """Spikes of the output bus, `(ticks, outputs)`, and (tick, core, neuron) of every spike."""
        active: dict[int, set[tuple[int, int]]] = defaultdict(set)
        for entry, listed in enumerate(self._network["packets"]):
            for packet in listed:
                core = self._core.get(tuple(packet["destination_core"]))
                if core is not None:
                    # one word ahead of the word of the tick before: entry 0 precedes tick 1
                    active[entry + packet["destination_tick"] + 1].add(
                        (core, packet["destination_axon"])
                    )
        outputs = np.zeros((ticks, self._network["output_bus"]["num_outputs"]), np.uint8)
        spikes = set()
        for tick in range(1, ticks + 1):
            for core, description in enumerate(self._network["cores"]):
                axons = [a for k, a in active[tick] if k == core]
                for number, neuron in enumerate(description["neurons"]):
                    if not self._step(core, number, description, neuron, axons):
                        continue
                    spikes.add((tick, core, number))
                    x, y = description["coordinates"]
                    dx, dy = neuron["destination_core_offset"]
                    if (x + dx, y + dy) == self._bus:
                        outputs[tick - 1, neuron["destination_axon"]] = 1
                    elif (x + dx, y + dy) in self._core:
                        arrival = tick + neuron["destination_tick"] + 1
                        target = self._core[x + dx, y + dy]
                        active[arrival].add((target, neuron["destination_axon"]))
        return outputs, spikes

    def _step(
        self, core: int, number: int, description: Json, neuron: Json, axons: list[int]
    ) -> bool:
        v = self.potential[core, number]
        for axon in axons:
            if description["connections"][number][axon]:
                v += neuron["weights"][description["axons"][axon]]
        v += neuron["leak"]
        fires = v >= neuron["positive_threshold"]
        low = neuron["negative_threshold"]
        symmetric = self._config["neuron_reset_type"] == 1
        linear = neuron["reset_mode"] == 1
        if fires:
            v = v - neuron["positive_threshold"] if linear else neuron["reset_potential"]
        elif v < low or (symmetric and v == low):
            v = v - low if linear else -neuron["reset_potential"]
        self.potential[core, number] = v
        return bool(fires)
