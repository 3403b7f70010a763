"""Write RANC's `input.json` and `config.json`, core by core."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc.bounds import crossbar_bits
from nmcompile.backends.truenorth.ranc.file import NEURON, RancFile

# the values in the order of `NEURON`, weights second
_NEURON = (
    '{"reset_potential": %d, "weights": %s, "leak": %d, "positive_threshold": %d,'
    ' "negative_threshold": %d, "destination_core_offset": [%d, %d], "destination_axon": %d,'
    ' "destination_tick": %d, "current_potential": %d, "reset_mode": %d}'
)
_PACKET = '{"destination_core": [%d, %d], "destination_axon": %d, "destination_tick": %d}'


def write_ranc(file: RancFile, folder: Path) -> None:
    """Write both files into a folder, the same bytes for the same network.

    Args:
        file: the network.
        folder: made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = json.dumps(file.config.model_dump(mode="json"), indent=2)
    (folder / "config.json").write_text(config + "\n", encoding="utf-8")
    with (folder / "input.json").open("wb") as out:
        bus = json.dumps(file.bus.model_dump(mode="json"))
        out.write(f'{{"output_bus": {bus},\n"packets": [\n'.encode())
        out.write(",\n".join(_entries(file)).encode())
        out.write(b'],\n"cores": [')
        for core in range(len(file.place)):
            out.write(b",\n" if core else b"\n")
            out.writelines(_core(file, core))
        out.write(b"]}\n")


def _entries(file: RancFile) -> Iterator[str]:
    """The packets of every tick."""
    packet = file.packet
    first = np.searchsorted(packet["entry"], np.arange(file.entries + 1)).tolist()
    columns = [packet[name].tolist() for name in ("x", "y", "axon", "tick")]
    rows = [_PACKET % row for row in zip(*columns, strict=True)]
    for start, end in pairwise(first):
        yield f"[{', '.join(rows[start:end])}]"


def _core(file: RancFile, core: int) -> Iterator[bytes]:
    """The text of a core, in parts."""
    neurons = slice(*file.first_neuron[core : core + 2])
    types = file.types[slice(*file.first_axon[core : core + 2])].tolist()
    yield f'{{"coordinates": {file.place[core].tolist()}, "axons": {types},\n'.encode()
    columns = [file.neuron[name][neurons].tolist() for name in NEURON]
    columns.insert(1, file.weights[neurons].tolist())
    rows = [_NEURON % row for row in zip(*columns, strict=True)]
    yield f'"neurons": [{", ".join(rows)}],\n"connections": ['.encode()
    yield _connections(crossbar_bits(file.blocks[file.block[core]], int(file.neurons[core])))
    yield b"]}"


def _connections(bits: npt.NDArray[np.uint8]) -> bytes:
    """Rows of digits, one row per neuron, from `(axons, neurons)` bits."""
    axons, neurons = bits.shape
    text = np.full((neurons, 2 * axons + 2), ord(","), np.uint8)
    text[:, 0] = ord("[")
    text[:, 1:-1:2] = bits.T + ord("0")
    text[:, -2] = ord("]")
    return text.tobytes()[:-1]
