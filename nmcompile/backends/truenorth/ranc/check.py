"""What RANC itself asks of a network: places in the grid, axons and ticks that exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc.file import RancFile
from nmcompile.backends.truenorth.ranc.text import PROBLEMS_MAX, fault
from nmcompile.diagnostics import Diagnostic

Mask = npt.NDArray[np.bool_]


def problems(file: RancFile, name: str) -> list[Diagnostic]:
    """Everything that leaves the network's own limits, the first of each kind.

    RANC looks for most of it too. It does not see negative destinations (and follows a router that
    is not there), nor two cores in one place (the last one counts).

    Args:
        file: the network.
        name: of the file, for messages.
    """
    return [*_places(file, name), *_neurons(file, name), *_packets(file, name)][:PROBLEMS_MAX]


def grid_of(file: RancFile) -> npt.NDArray[np.int32]:
    """`(num_cores_y, num_cores_x)` the core in every place, -1 where there is none."""
    grid = np.full((file.config.num_cores_y, file.config.num_cores_x), -1, np.int32)
    grid[file.place[:, 1], file.place[:, 0]] = np.arange(len(file.place))
    return grid


def destinations(file: RancFile) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """x and y of every neuron's destination."""
    x, y = np.repeat(file.place, file.neurons, axis=0).T
    return x + file.neuron["dx"], y + file.neuron["dy"]


def _outside(file: RancFile, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Mask:
    config = file.config
    outside: Mask = (x < 0) | (y < 0) | (x >= config.num_cores_x) | (y >= config.num_cores_y)
    return outside


def _places(file: RancFile, name: str) -> list[Diagnostic]:
    grid = f"{file.config.num_cores_x} x {file.config.num_cores_y} cores"
    found = []
    bus = np.array([file.bus.coordinates], np.int32)
    if _outside(file, *bus.T).any():
        found.append(fault("the output bus is outside the grid", name, f"{bus[0].tolist()}", grid))
    seen = {tuple(bus[0].tolist()): "output_bus"}
    outside = _outside(file, *file.place.T)
    for core, place in enumerate(file.place.tolist()):
        where, at = f"{name}: cores[{core}]", (place[0], place[1])
        if outside[core]:
            found.append(fault("a core is outside the grid", where, f"{place}", grid))
        elif at in seen:
            found.append(fault("this place is taken", where, f"{place} is `{seen[at]}`"))
        seen[at] = f"cores[{core}]"
    many = file.types >= file.config.num_weights
    if many.any():
        axon = int(np.flatnonzero(many)[0])
        where = f"{name}: {file.axon_name(axon)}"
        limit = f"num_weights = {file.config.num_weights}"
        found.append(fault("there is no such type of axon", where, f"{file.types[axon]}", limit))
    return found


def _neurons(file: RancFile, name: str) -> list[Diagnostic]:
    neuron, config = file.neuron, file.config
    x, y = destinations(file)
    bus = (x == file.bus.coordinates[0]) & (y == file.bus.coordinates[1])
    axon = neuron["destination_axon"]
    most = np.where(bus, file.bus.num_outputs, config.num_axons)
    return _first(
        lambda row: f"{name}: {file.neuron_name(row)}",
        (
            "the destination is outside the grid",
            _outside(file, x, y),
            lambda row: f"({x[row]}, {y[row]})",
            f"{config.num_cores_x} x {config.num_cores_y} cores",
        ),
        (
            "the destination has no such axon or output",
            axon >= most,
            lambda row: f"{axon[row]}",
            f"num_axons = {config.num_axons}, num_outputs = {file.bus.num_outputs}",
        ),
        (
            "the destination tick is beyond the scheduler",
            _late(file, neuron["destination_tick"], bus),
            lambda row: f"{neuron['destination_tick'][row]}",
            _ticks(file),
        ),
    )


def _packets(file: RancFile, name: str) -> list[Diagnostic]:
    packet, config = file.packet, file.config
    entry = packet["entry"]

    def where(row: int) -> str:
        first = int(np.searchsorted(entry, entry[row]))
        return f"{name}: packets[{entry[row]}][{row - first}]"

    return _first(
        where,
        (
            "the destination is outside the grid",
            _outside(file, packet["x"], packet["y"]),
            lambda row: f"({packet['x'][row]}, {packet['y'][row]})",
            f"{config.num_cores_x} x {config.num_cores_y} cores",
        ),
        (
            "the destination has no such axon",
            packet["axon"] >= config.num_axons,
            lambda row: f"{packet['axon'][row]}",
            f"num_axons = {config.num_axons}",
        ),
        (
            "the destination tick is beyond the scheduler",
            _late(file, packet["tick"], np.zeros(len(entry), np.bool_)),
            lambda row: f"{packet['tick'][row]}",
            _ticks(file),
        ),
    )


def _late(file: RancFile, tick: npt.NDArray[np.int32], bus: Mask) -> Mask:
    """RANC accepts one tick more, meets the word that is being read, and drops the spike."""
    late: Mask = np.where(bus, tick >= file.config.max_tick_offset, _last(file) < tick)
    return late


def _last(file: RancFile) -> int:
    return file.config.max_tick_offset - 2


def _ticks(file: RancFile) -> str:
    return f"{_last(file)} (max_tick_offset = {file.config.max_tick_offset})"


def _first(
    where: Callable[[int], str], *rules: tuple[str, Mask, Callable[[int], str], str]
) -> list[Diagnostic]:
    """One diagnostic for every rule that is broken, for the first row that breaks it."""
    found = []
    for message, broken, value, limit in rules:
        rows = np.flatnonzero(broken)
        if len(rows):
            row = int(rows[0])
            found.append(fault(message, where(row), value(row), limit))
    return found
