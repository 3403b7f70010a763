"""A graph of crossbar cores as a network of RANC: the subset that both have.

RANC has one grid; chips that are tiled become one. Neurons without a target send to the output
bus: those that the host reads to their output, the others to further outputs that nobody reads.
What the host injects becomes packets, also what it sends at every tick of a window. RANC has no
frames: the file holds one, from the start values, and its output bus shows every tick, so that the
spikes of a population of depth d are those of ticks d + 1 to d + T.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.stimulus import spike_train
from nmcompile.backends.truenorth.ranc.file import PACKET, RancFile
from nmcompile.backends.truenorth.ranc.schema import ASYMMETRIC, RancBus, RancConfig
from nmcompile.backends.truenorth.ranc.subset import (
    block_of,
    ranc_values,
    refusal,
    weights_of,
)
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.crossbar_graph import AXON_TYPES, DELAY_MAX, CrossbarGraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

SMALLEST = {
    "num_neurons": 1,
    "num_axons": 1,
    "num_cores_x": 1,
    "num_cores_y": 1,
    "num_weights": AXON_TYPES,
    "max_tick_offset": DELAY_MAX + 1,
    "neuron_reset_type": ASYMMETRIC,
}


def export_ranc(
    graph: CrossbarGraph,
    stimulus: npt.NDArray[Any] | None = None,
    *,
    like: RancFile | None = None,
) -> RancFile:
    """The network with one stimulus, for `write_ranc`.

    Args:
        graph: the mapped network.
        stimulus: as the network takes it (`spike_train`); None: no packets of the input.
        like: the file that the graph was imported from, whose grid, bus and reset type it keeps;
            None: the smallest grid that holds the cores and a bus, asymmetric resets.

    Raises:
        NmError: NM0149 for what RANC does not have, naming core and neuron; NM0204, NM0218 for a
            stimulus that is not the network's.
    """
    place = grid_places(graph)
    bus = _free_place(place) if like is None else np.array(like.bus.coordinates)
    outputs, output = _outputs(graph, 0 if like is None else like.bus.num_outputs)
    packet, entries = _packets(graph, place, stimulus)
    config = _config(graph, np.vstack([place, bus]), packet, like)
    values = ranc_values(graph, config.neuron_reset_type)
    reads = graph["neuron.target_core"] < 0
    target = np.where(reads[:, None], bus, place[graph["neuron.target_core"]])
    offset = target - place[graph.neuron_cores()]
    weights = np.zeros((graph.neurons, config.num_weights), np.int64)
    known = min(AXON_TYPES, config.num_weights)
    weights[:, :known] = weights_of(values)[:, :known]
    neuron = {
        "reset_potential": values["reset_value"],
        "leak": values["leak"],
        "positive_threshold": values["threshold"],
        "negative_threshold": values["floor"],
        "dx": offset[:, 0],
        "dy": offset[:, 1],
        "destination_axon": np.where(reads, output, graph["neuron.target_axon"]),
        "destination_tick": np.where(reads, 0, graph["neuron.target_delay"] - 1),
        "current_potential": values["v_init"],
        "reset_mode": values["reset_mode"],
    }
    return RancFile(
        config=config,
        bus=RancBus(coordinates=bus.tolist(), num_outputs=outputs),
        entries=entries,
        packet=packet,
        place=place.astype(np.int32),
        neurons=graph["core.neurons"],
        axons=graph["core.axons"],
        types=graph["axon.type"].astype(np.int32),
        neuron={name: column.astype(np.int32) for name, column in neuron.items()},
        weights=weights.astype(np.int32),
        blocks=_blocks(graph, config.num_axons),
        block=graph["core.block"],
    )


def grid_places(graph: CrossbarGraph) -> I64:
    """`(cores, 2)` place of every core in the grid of all chips.

    Raises:
        NmError: NM0149 when cores share a router.
    """
    mesh, chip = graph.mesh, graph["core.chip"].astype(np.int64)
    x = chip % mesh.chip_columns * mesh.columns + graph["core.x"]
    y = chip // mesh.chip_columns * mesh.rows + graph["core.y"]
    place: I64 = np.stack([x, y], axis=1)
    _, first, count = np.unique(place, axis=0, return_index=True, return_counts=True)
    if (count > 1).any():
        raise NmError(
            Diagnostic(
                code="NM0149",
                message="RANC has one core at every router",
                where=f"{graph.network}, core {int(first[count > 1][0])}",
                limit="1 core",
                found=f"{int(count.max())} cores",
                help=("map the network to a target with one core per router",),
            )
        )
    return place


def _free_place(place: I64) -> I64:
    """The first place without a core, row by row; above the last row where there is none."""
    columns, rows = (int(v) for v in place.max(axis=0, initial=0) + 1)
    taken = np.zeros(columns * rows + 1, np.bool_)
    taken[place[:, 1] * columns + place[:, 0]] = True
    free = int(np.argmin(taken))
    return np.array([free % columns, free // columns], np.int64)


def _outputs(graph: CrossbarGraph, least: int) -> tuple[int, I64]:
    """Outputs of the bus, and the output of every neuron that sends to it.

    Raises:
        NmError: NM0149 when the host reads membranes, or a neuron that sends to a core.
    """
    if graph.readout == "membranes":
        raise NmError(
            Diagnostic(
                code="NM0149",
                message="RANC's output bus shows spikes, and the host reads membranes",
                where=f"{graph.network}, {graph.output}",
                help=("read spikes or their counts", "run the network with nmcompile alone"),
            )
        )
    reader, index = graph["readout.neuron"].astype(np.int64), graph["readout.index"]
    sends = graph["neuron.target_core"][reader] >= 0
    _, first, twice = np.unique(reader, return_index=True, return_counts=True)
    for broken in (np.flatnonzero(sends), first[twice > 1]):
        if len(broken):
            raise refusal(
                graph,
                int(reader[broken[0]]),
                "the host reads a neuron whose spikes go elsewhere too",
                "one destination for each neuron",
                f"output {int(index[broken[0]])}",
                "read a copy of the neuron",
            )
    read = max(int(np.prod(graph.output_shape)), least)
    unread = graph["neuron.target_core"] < 0
    unread[reader] = False
    output = np.zeros(graph.neurons, np.int64)
    output[reader] = index
    output[unread] = read + np.arange(np.count_nonzero(unread))
    return read + int(np.count_nonzero(unread)), output


def _packets(
    graph: CrossbarGraph, place: I64, stimulus: npt.NDArray[Any] | None
) -> tuple[dict[str, I32], int]:
    """What the host sends, and the number of ticks with a list of packets."""
    train = np.zeros((graph.timesteps, int(np.prod(graph.input_shape))), np.bool_)
    if stimulus is not None:
        train = spike_train(graph, stimulus)
    entry, row = np.nonzero(train[:, graph["host.index"]])
    delay = graph["host.delay"][row]
    # the last word of a scheduler is out of a packet's reach: sent a tick later instead
    early = np.maximum(delay - (DELAY_MAX - 1), 0)
    sent = [(entry + early, graph["host.core"][row], graph["host.axon"][row], delay - early)]
    bias = ("core", "axon", "start", "end")
    for core, axon, start, end in zip(*(graph[f"bias.{c}"].tolist() for c in bias), strict=True):
        ticks = np.arange(start - 1, end)
        to, line, now = (np.full(len(ticks), value) for value in (core, axon, 0))
        sent.append((ticks, to, line, now))
    when, core, axon, tick = (np.concatenate(parts) for parts in zip(*sent, strict=True))
    order = np.argsort(when, kind="stable")
    x, y = place[core[order]].T
    columns = (when[order], x, y, axon[order], tick[order])
    packet = {n: c.astype(np.int32) for n, c in zip(PACKET, columns, strict=True)}
    return packet, max(graph.ticks, int(when.max(initial=-1)) + 1)


def _config(
    graph: CrossbarGraph, places: I64, packet: dict[str, I32], like: RancFile | None
) -> RancConfig:
    """The sizes that the network needs, and no smaller than those of `like`."""
    sends = graph["neuron.target_core"] >= 0
    waits = max(int(graph["neuron.target_delay"][sends].max(initial=1)) - 1, 0)
    columns, rows = (int(v) for v in places.max(axis=0) + 1)
    needs = {
        "num_neurons": int(graph["core.neurons"].max(initial=1)),
        "num_axons": int(graph["core.axons"].max(initial=1)),
        "num_cores_x": columns,
        "num_cores_y": rows,
        "num_weights": int(graph["axon.type"].max(initial=0)) + 1,
        "max_tick_offset": max(waits, int(packet["tick"].max(initial=0))) + 2,
    }
    sizes = SMALLEST if like is None else like.config.model_dump()
    return RancConfig(**{**sizes, **{name: max(sizes[name], n) for name, n in needs.items()}})


def _blocks(graph: CrossbarGraph, axons: int) -> list[npt.NDArray[np.uint64]]:
    """Crossbars with a row for every axon of the grid's cores."""
    found = []
    for block in range(graph.size("block")):
        words = block_of(graph, block)
        padded = np.zeros((axons, words.shape[1]), np.uint64)
        padded[: len(words)] = words
        found.append(padded)
    return found
