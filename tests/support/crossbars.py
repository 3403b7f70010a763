"""Random networks on crossbar cores, in every mode of the neuron."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.crossbar_graph import AXON_TYPES, CrossbarGraph
from nmcompile.mapping.graph import Mesh, PopulationInfo

Rng = np.random.Generator
STEPS, DEPTH = 6, 3


def random_graph(seed: int, *, plain: bool = False, clip: int = 300) -> CrossbarGraph:
    """Some cores that excite each other; membranes meet the clip and the floors.

    Args:
        seed: of everything. plain: deterministic neurons without leak reversal only.
        clip: of membranes; small, so that weights of 9 bits reach it at once.
    """
    rng = np.random.default_rng(seed)
    cores = int(rng.integers(1, 5))
    sizes = rng.choice([1, 3, 20, 64, 70], (2, cores))
    blocks = min(cores, int(rng.integers(1, 3)))
    block = np.concatenate([np.arange(blocks), rng.integers(0, blocks, cores - blocks)])
    neurons, axons = (size[block] for size in sizes)
    density = rng.choice([0.1, 0.5, 1.0])
    rows = [_rows(rng, sizes[1][b], sizes[0][b], density) for b in range(blocks)]
    words = np.array([len(row) for row in rows])
    place = np.arange(cores)
    tables = {
        "core.chip": place * 0,
        "core.x": place % 2,
        "core.y": place // 2,
        "core.slot": place * 0,
        "core.neuron0": np.cumsum(neurons) - neurons,
        "core.neurons": neurons,
        "core.axon0": np.cumsum(axons) - axons,
        "core.axons": axons,
        "core.block": block,
        "axon.type": rng.integers(0, AXON_TYPES, axons.sum()),
        "block.word0": np.cumsum(words) - words,
        "block.axons": sizes[1][:blocks],
        "block.neurons": sizes[0][:blocks],
        "crossbar.word": np.concatenate(rows),
    }
    tables |= _parameters(rng, clip, plain)
    tables |= _neurons(rng, neurons, axons, clip, len(tables["parameter.leak"]))
    tables |= _outside(rng, neurons, axons)
    shapes = [(int(n), 1, 1) for n in neurons]
    return CrossbarGraph(
        network="random",
        target="test",
        timesteps=STEPS,
        ticks=STEPS + DEPTH,
        input_shape=(4,),
        input_mode="spikes",
        input_bits=1,
        input_signed=False,
        input_values=False,
        encode=None,
        output="p0",
        output_shape=(shapes[0][0],),
        readout="counts",
        signed_pairs=False,
        slot="",
        slot_shape=(),
        slot_largest=0,
        populations=tuple(
            PopulationInfo(f"p{i}", f"layer{i}", "neuron", shape, (shape[0],), i % (DEPTH + 1))
            for i, shape in enumerate(shapes)
        ),
        mesh=Mesh(1, 2, 2, 1),
        membrane_clip=clip,
        tables=tables,
    )


def with_values(graph: CrossbarGraph, **columns: Any) -> CrossbarGraph:
    """A copy; `neuron__v_init=...` exchanges the column `neuron.v_init`."""
    changed = {name.replace("__", "."): np.asarray(column) for name, column in columns.items()}
    return graph.replace(changed)


def one_core(axons: int, neurons: int, **parameters: Any) -> CrossbarGraph:
    """A core whose neurons all have one parameter row, full crossbar, all axons of type 0.

    Input element a drives axon a; population "p0" of depth 0 holds the neurons.
    """
    graph = random_graph(0, plain=True)
    row = dict.fromkeys(graph.SCHEMA["parameter"], 0)
    row |= {"threshold": 1000, "floor": 1000, "floor_mode": 1} | parameters
    zeros = np.zeros(neurons, np.int64)
    words = -(-neurons // 64)
    full = [np.uint64(2 ** min(64, neurons - 64 * k) - 1) for k in range(words)]
    count = {"core": 1, "block": 1, "tile": 1}
    tables = {
        name: np.zeros(count.get(name.split(".")[0], 0), np.int64) for name in graph.columns()
    }
    tables |= {f"parameter.{name}": np.array([value]) for name, value in row.items()}
    tables |= {f"neuron.{name}": zeros for name in graph.SCHEMA["neuron"]}
    tables |= {f"host.{name}": np.zeros(axons) for name in graph.SCHEMA["host"]}
    tables |= {
        "core.neurons": np.array([neurons]),
        "core.axons": np.array([axons]),
        "block.neurons": np.array([neurons]),
        "block.axons": np.array([axons]),
        "axon.type": np.zeros(axons),
        "crossbar.word": np.tile(np.array(full, np.uint64), axons),
        "neuron.target_core": zeros - 1,
        "neuron.target_delay": zeros + 1,
        "host.index": np.arange(axons),
        "host.axon": np.arange(axons),
        "tile.neurons": np.array([neurons]),
        "tile.c1": np.array([neurons]),
        "tile.y1": np.ones(1),
        "tile.x1": np.ones(1),
        "readout.neuron": np.arange(neurons),
        "readout.index": np.arange(neurons),
    }
    return dataclasses.replace(
        graph,
        timesteps=4,
        ticks=4,
        input_shape=(axons,),
        output_shape=(neurons,),
        readout="train",
        populations=(PopulationInfo("p0", "layer0", "neuron", (neurons, 1, 1), (neurons,), 0),),
        tables=tables,
    )


def _rows(rng: Rng, axons: int, neurons: int, density: float) -> npt.NDArray[np.uint64]:
    bits = np.zeros((axons, -(-neurons // 64) * 64), np.uint8)
    bits[:, :neurons] = rng.random((axons, neurons)) < density
    return np.packbits(bits, axis=1, bitorder="little").view(np.uint64).reshape(-1)


def _parameters(rng: Rng, clip: int, plain: bool) -> dict[str, npt.NDArray[Any]]:
    rows = int(rng.integers(1, 9))
    shares = (0, 1) if plain else (0, 2)
    values = {
        **{f"weight{g}": rng.choice([-256, -7, -1, 0, 1, 5, 255], rows) for g in range(AXON_TYPES)},
        "leak": rng.choice([-9, -1, 0, 0, 3, 200], rows),
        "threshold": rng.choice([0, 1, 20, clip, clip + 1], rows),
        "floor": rng.choice([0, 2, 40, clip, clip + 1], rows),
        "reset_value": rng.choice([-clip, -3, 0, 0, 7, clip], rows),
        "reset_mode": rng.integers(0, 3, rows),
        "floor_mode": rng.integers(0, 2, rows),
        "leak_reversal": rng.integers(*shares, rows),
        "stochastic_leak": rng.integers(*shares, rows),
        **{f"stochastic{g}": rng.integers(*shares, rows) for g in range(AXON_TYPES)},
        "mask_bits": rng.choice([0, 0, 3, 18], rows) * (not plain),
    }
    return {f"parameter.{name}": column for name, column in values.items()}


def _neurons(
    rng: Rng, neurons: Any, axons: Any, clip: int, parameters: int
) -> dict[str, npt.NDArray[Any]]:
    total = int(neurons.sum())
    core = rng.integers(-1, len(neurons), total)
    return {
        "neuron.parameter": rng.integers(0, parameters, total),
        "neuron.v_init": rng.integers(-clip, clip + 1, total),
        "neuron.target_core": core,
        "neuron.target_axon": rng.integers(0, axons[core]),
        "neuron.target_delay": rng.integers(1, 16, total),
        "neuron.role": rng.integers(0, 3, total),
        "neuron.traffic": rng.integers(0, 5, total),
    }


def _outside(rng: Rng, neurons: Any, axons: Any) -> dict[str, npt.NDArray[Any]]:
    """Host and bias rows, one tile per core, read-out and fan-out."""
    cores, hosts, biases, fanouts = len(neurons), 5, 2, 12
    host, bias = rng.integers(0, cores, hosts), rng.integers(0, cores, biases)
    start = rng.integers(1, 4, biases)
    ones, zeros = np.ones(cores, np.int64), np.zeros(cores, np.int64)
    return {
        "tile.core": np.arange(cores),
        "tile.neuron0": np.cumsum(neurons) - neurons,
        "tile.neurons": neurons,
        "tile.population": np.arange(cores),
        **{f"tile.{name}": zeros for name in ("y0", "x0", "c0")},
        **{f"tile.{name}": ones for name in ("y1", "x1")},
        "tile.c1": neurons,
        "host.index": rng.integers(0, 4, hosts),
        "host.core": host,
        "host.axon": rng.integers(0, axons[host]),
        "host.delay": rng.integers(0, 4, hosts),
        "host.traffic": rng.integers(0, 5, hosts),
        "bias.core": bias,
        "bias.axon": rng.integers(0, axons[bias]),
        "bias.start": start,
        "bias.end": start + rng.integers(0, 4, biases),
        "readout.neuron": np.arange(neurons[0]),
        "readout.index": np.arange(neurons[0]),
        "fanout.line": rng.integers(0, neurons.sum() + 4, fanouts),
        "fanout.population": rng.integers(0, cores, fanouts),
        "fanout.synapses": rng.integers(0, 9, fanouts),
    }
