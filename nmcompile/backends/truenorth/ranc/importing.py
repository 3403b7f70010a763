"""A network of RANC as a graph of crossbar cores with its stimulus.

The cores keep the size that `config.json` gives them, whatever TrueNorth's is; the numbers must be
those that a crossbar graph holds. Time: what RANC reads in its tick n is read in tick n here. A
packet in entry i of `packets` is sent at input timestep i + 1 and arrives `destination_tick` ticks
later; a neuron's `destination_tick` is its axon delay less one, because RANC writes at least one
word ahead. Membranes clip at 2^29 - 1, far beyond any threshold, where RANC has 32 bits.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc.bounds import crossbar_bits, synapses
from nmcompile.backends.truenorth.ranc.check import destinations, grid_of
from nmcompile.backends.truenorth.ranc.file import RancFile
from nmcompile.backends.truenorth.ranc.parameters import CLIP, parameters, refuse
from nmcompile.mapping.crossbar_graph import AXON_TYPES, DELAY_MAX, CrossbarGraph
from nmcompile.mapping.graph import Mesh, PopulationInfo

Column = npt.NDArray[Any]
Stimulus = npt.NDArray[np.uint8]

TARGET: Final = "ranc"


def import_ranc(
    file: RancFile, *, ticks: int | None = None, name: str = "input.json"
) -> tuple[CrossbarGraph, Stimulus]:
    """The network and what its host sends.

    Args:
        file: as read by `read_ranc`.
        ticks: how long it runs; None: as many ticks as there are lists of packets, at
            least one.
        name: of the file, for messages.

    Returns:
        The graph: one population of all neurons, core by core, one input per place where packets
        arrive, one output per output of the bus. The stimulus: `(ticks, inputs)` spikes.

    Raises:
        NmError: NM0148 for what is RANC's alone, naming core and neuron.
    """
    ticks = max(file.entries, 1) if ticks is None else ticks
    table, rows = parameters(file, name)
    x, y = destinations(file)
    bus = (x == file.bus.coordinates[0]) & (y == file.bus.coordinates[1])
    target = np.where(bus, -1, grid_of(file)[y, x])
    delay = file.neuron["destination_tick"] + 1
    refuse(
        (target >= 0) & (delay > DELAY_MAX),
        lambda row: f"{name}: {file.neuron_name(row)}",
        "a spike arrives later than an axon delay can say",
        f"{DELAY_MAX} ticks",
        delay,
    )
    host, stimulus = _host(file, ticks, name)
    cores = len(file.place)
    words = [block.ravel() for block in file.blocks]
    neurons_of = np.zeros(len(file.blocks), np.int64)
    neurons_of[file.block] = file.neurons
    read = np.flatnonzero(bus)
    busy = np.flatnonzero(file.neurons)
    zeros = np.zeros(len(busy), np.int32)
    tables: dict[str, Column] = {
        **{f"core.{column}": np.zeros(cores, np.int32) for column in ("chip", "slot")},
        "core.x": file.place[:, 0],
        "core.y": file.place[:, 1],
        "core.neuron0": file.first_neuron[:-1],
        "core.neurons": file.neurons,
        "core.axon0": np.arange(cores) * file.config.num_axons,
        "core.axons": np.full(cores, file.config.num_axons),
        "core.block": file.block,
        "axon.type": file.axon_types().ravel(),
        "block.word0": np.concatenate([[0], np.cumsum([len(w) for w in words])])[: len(words)],
        "block.axons": np.full(len(words), file.config.num_axons),
        "block.neurons": neurons_of,
        "crossbar.word": np.concatenate([np.zeros(0, np.uint64), *words]),
        **table,
        "neuron.parameter": rows,
        "neuron.v_init": file.neuron["current_potential"],
        "neuron.target_core": target,
        "neuron.target_axon": file.neuron["destination_axon"],
        "neuron.target_delay": delay,
        "neuron.role": np.zeros(len(rows), np.int32),
        "neuron.traffic": np.zeros(len(rows), np.int64),
        "tile.core": busy,
        "tile.neuron0": file.first_neuron[busy],
        "tile.neurons": file.neurons[busy],
        "tile.population": zeros,
        **{f"tile.{column}": zeros for column in ("y0", "x0")},
        **{f"tile.{column}": zeros + 1 for column in ("y1", "x1")},
        "tile.c0": file.first_neuron[busy],
        "tile.c1": file.first_neuron[busy + 1],
        **host,
        **{f"bias.{column}": np.zeros(0, np.int32) for column in ("core", "axon", "start", "end")},
        "readout.neuron": read,
        "readout.index": file.neuron["destination_axon"][read],
    }
    shape = (len(rows), 1, 1)
    graph = CrossbarGraph(
        network="ranc",
        target=TARGET,
        timesteps=ticks,
        ticks=ticks,
        input_shape=(stimulus.shape[1],),
        input_mode="spikes",
        input_bits=1,
        input_signed=False,
        input_values=False,
        encode=None,
        output="cores",
        output_shape=(file.bus.num_outputs,),
        readout="train",
        signed_pairs=False,
        slot="",
        slot_shape=(),
        slot_largest=0,
        populations=(PopulationInfo("cores", "cores", "neuron", shape, shape, 0),),
        mesh=Mesh(1, file.config.num_cores_x, file.config.num_cores_y, 1),
        tables={**tables, **_fanout(file, target, host)},
        membrane_clip=CLIP,
    )
    graph.validate()
    return graph, stimulus


def _host(file: RancFile, ticks: int, name: str) -> tuple[dict[str, Column], Stimulus]:
    """One input for every core, axon and delay that packets name, and when it spikes."""
    packet = file.packet
    bus = (packet["x"] == file.bus.coordinates[0]) & (packet["y"] == file.bus.coordinates[1])

    def where(row: int) -> str:
        return f"{name}: a packet in packets[{packet['entry'][row]}]"

    refuse(bus, where, "the host sends to the output bus", "cores", packet["axon"])
    refuse(
        packet["tick"] > DELAY_MAX,
        where,
        "a packet arrives later than an axon delay can say",
        f"{DELAY_MAX} ticks",
        packet["tick"],
    )
    core = grid_of(file)[packet["y"], packet["x"]]
    sent = np.flatnonzero((packet["entry"] < ticks) & (core >= 0))
    rows = np.stack([core[sent], packet["axon"][sent], packet["tick"][sent]], axis=1)
    distinct, inverse = np.unique(rows, axis=0, return_inverse=True)
    stimulus = np.zeros((ticks, len(distinct)), np.uint8)
    stimulus[packet["entry"][sent], inverse.ravel()] = 1
    return {
        "host.index": np.arange(len(distinct)),
        **{f"host.{c}": distinct[:, i] for i, c in enumerate(("core", "axon", "delay"))},
        "host.traffic": stimulus.sum(axis=0, dtype=np.int64),
    }, stimulus


def _fanout(
    file: RancFile, target: npt.NDArray[np.int32], host: dict[str, Column]
) -> dict[str, Column]:
    """How many weights other than 0 every neuron and every input feeds."""
    types, first = file.axon_types(), file.first_neuron
    counts = np.zeros((len(file.place) + 1, file.config.num_axons), np.int64)
    weights = file.first_weights(AXON_TYPES)
    for core, block in enumerate(file.block.tolist()):
        bits = crossbar_bits(file.blocks[block], int(file.neurons[core]))
        counts[core] = synapses(bits, types[core], weights[first[core] : first[core + 1]])
    # the last row, of no core, stays 0
    feeds = np.concatenate(
        [
            counts[target, np.where(target < 0, 0, file.neuron["destination_axon"])],
            counts[host["host.core"], host["host.axon"]],
        ]
    )
    line = np.flatnonzero(feeds)
    return {
        "fanout.line": line,
        "fanout.population": np.zeros(len(line), np.int32),
        "fanout.synapses": feeds[line],
    }
