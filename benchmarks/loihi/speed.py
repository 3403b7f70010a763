"""How fast are the mapped Loihi cores beside Lava's CPU runtime, on the same networks?

    python benchmarks/loihi/speed.py          (QUICK=1: fewer steps)

Ten dense layers of 1024 LIF neurons, and the first convolution of SiamFC (255x255x3, 96 kernels of
11x11, stride 2) with sparse spikes and with real pixels at every step. Lava runs stock processes
(`Dense`, `Conv`, `LIF`) with a time limit in a process of its own, and times `run` alone: its
compilation, its first step and its end are not counted. Ours times `LoihiEngine.run` on cores
mapped for Loihi 2, its first run (compilation) not counted. The spikes of the last layer must be
equal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from figures import QUICK, Figure, table

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.limits import limits_of
from nmcompile.mapping.mapper import map_network, map_tiles
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import Tiling, tile
from nmcompile.target import load_target

HERE = Path(__file__).resolve().parent
COMMAND = "make bench-loihi"
LAYERS, WIDTH, ACTIVITY = 10, 1024, 0.05
DU, DV, SHIFT, BITS = 4095, 512, 6, 24
LAVA_LIMIT_S = 600
GOAL = 100.0
REPEAT = 7 if QUICK else 31


@dataclass(frozen=True)
class Case:
    """One network with its stimulus.

    Attributes:
        name: for the table. network: golden. stimulus: as the network takes it.
        steps: of Lava. layers: weights and threshold of every layer, for Lava's processes.
    """

    name: str
    network: Network
    stimulus: npt.NDArray[Any]
    steps: int
    layers: tuple[tuple[npt.NDArray[np.int8], int], ...]


def lif(threshold: int) -> IntegerNeuron:
    """Lava's LIF with vth = `threshold`."""
    zero = Array(np.int32(0))
    return IntegerNeuron(
        model="CubaLIF",
        u_keep=4096 - (DU + 1),
        v_keep=4096 - DV,
        state_shift=SHIFT,
        state_bits=BITS,
        bias=zero,
        fire_above=Array(np.int32(threshold << SHIFT)),
        reset="zero",
        reset_by=zero,
        v_init=zero,
    )


def network_of(
    layers: tuple[tuple[npt.NDArray[np.int8], int], ...], entry: ops.Input, steps: int
) -> Network:
    """A chain of layers; 4-D weights are convolutions of stride 2."""
    nodes = [Node("input", entry)]
    source = "input"
    if entry.kind == "values":
        nodes.append(Node("code", ops.Encode("constant"), ("input",)))
        source = "code"
    for i, (weight, threshold) in enumerate(layers):
        bias = Array(np.zeros(weight.shape[0], np.int32))
        op: ops.Op = ops.Linear(Array(weight), bias)
        if weight.ndim == 4:
            op = ops.Conv2d(Array(weight), bias, stride=(2, 2))
        nodes.append(Node(f"w{i}", op, (source,)))
        source = f"n{i}"
        nodes.append(Node(source, ops.Neuron(lif(threshold)), (f"w{i}",)))
    nodes.append(Node("output", ops.Output(), (source,)))
    return Network("bench", tuple(nodes), steps)


def level_for(current: npt.NDArray[np.integer[Any]], rate: float) -> int:
    """Threshold at which neurons with these currents `(T, N)` spike at about `rate`."""
    low, high = 1, int(np.abs(current).max()) * 16
    while low < high:
        middle = (low + high) // 2
        v, spikes = np.zeros(current.shape[1]), 0
        for step in current:
            v = v * (4096 - DV) / 4096 + step
            fired = v > middle
            spikes += int(fired.sum())
            v[fired] = 0
        low, high = (middle + 1, high) if spikes > rate * current.size else (low, middle)
    return low


def dense_case(steps: int) -> Case:
    """Ten dense layers whose thresholds keep about 5 % of the neurons spiking."""
    rng = np.random.default_rng(1)
    train = rng.random((steps, WIDTH)) < ACTIVITY
    layers = []
    spikes = train.astype(np.int64)
    for _ in range(LAYERS):
        # Even values: stock `Dense` keeps nothing else where signs are mixed at 8 bits.
        weight = (2 * rng.integers(-60, 64, (WIDTH, WIDTH))).astype(np.int8)
        current = spikes @ weight.T.astype(np.int64)
        threshold = level_for(current, ACTIVITY)
        layers.append((weight, threshold))
        spikes = simulated(current, threshold)
    entry = ops.Input("spikes", (WIDTH,), 1)
    network = network_of(tuple(layers), entry, steps)
    return Case("10 x dense 1024, 5 %", network, train.astype(np.uint8), steps, tuple(layers))


def simulated(
    current: npt.NDArray[np.integer[Any]], threshold: int
) -> npt.NDArray[np.integer[Any]]:
    """About the spikes that the layer emits (to choose the next threshold, no more)."""
    v, train = np.zeros(current.shape[1]), np.zeros_like(current)
    for t, step in enumerate(current):
        v = v * (4096 - DV) / 4096 + step
        train[t] = v > threshold
        v[train[t] > 0] = 0
    return train


def conv_case(steps: int, *, pixels: bool) -> Case:
    """SiamFC's conv1 on spikes at 5 %, or on an image at every step."""
    rng = np.random.default_rng(2)
    shape = (3, 255, 255)
    weight = (2 * rng.integers(-60, 64, (96, 3, 11, 11))).astype(np.int8)
    if pixels:
        stimulus: npt.NDArray[Any] = rng.integers(0, 256, shape).astype(np.uint8)
        entry, threshold, name = ops.Input("values", shape, 8), 120_000, "conv1, graded pixels"
    else:
        stimulus = (rng.random((steps, *shape)) < ACTIVITY).astype(np.uint8)
        entry, threshold, name = ops.Input("spikes", shape, 1), 900, "conv1, spikes 5 %"
    layers = ((weight, threshold),)
    return Case(name, network_of(layers, entry, steps), stimulus, steps, layers)


def apart(tiling: Tiling) -> list[list[int]]:
    """Every tile on a core of its own."""
    number = iter(range(tiling.tiles))
    return [[next(number) for _ in range(grid.tiles)] for _, grid in tiling.grids]


def mappings(network: Network) -> dict[str, CoreGraph]:
    """As the compiler maps it, and with the fewest tiles, every one on a core of its own."""
    limits = limits_of(load_target("loihi2"))
    tiling = tile(stages(network), limits)
    return {
        "merged": map_network(network, limits),
        "layers apart": map_tiles(tiling, apart(tiling), limits),
    }


def ours(case: Case, graph: CoreGraph) -> tuple[float, npt.NDArray[np.uint8], dict[str, Any]]:
    """Timesteps per second (median run), the output train, and what was counted."""
    engine = LoihiEngine(graph)
    result = engine.run(case.stimulus)
    times = []
    for _ in range(REPEAT):
        begin = time.perf_counter()
        engine.run(case.stimulus)
        times.append(time.perf_counter() - begin)
    counters = result.counters
    facts = {
        "cores": graph.cores,
        "sops": counters.sops,
        "macs": sum(layer.macs for layer in counters.layers),
    }
    return case.steps / float(np.median(times)), np.asarray(result.output, np.uint8), facts


def lavas(case: Case) -> tuple[float, npt.NDArray[np.uint8]]:
    """Steps per second of Lava and its output train."""
    with tempfile.TemporaryDirectory() as name:
        stored: dict[str, npt.NDArray[Any]] = {"stimulus": case.stimulus}
        for i, (weight, threshold) in enumerate(case.layers):
            stored |= {f"weight{i}": weight, f"threshold{i}": np.int32(threshold)}  # type: ignore[dict-item]
        np.savez(Path(name, "case.npz"), **stored)
        child = [sys.executable, str(HERE / "lava_child.py"), name, str(case.steps), str(DU)]
        subprocess.run([*child, str(DV)], check=True, timeout=LAVA_LIMIT_S)
        result = json.loads(Path(name, "result.json").read_text(encoding="utf-8"))
        return case.steps / result["run_s"], np.load(Path(name, "spikes.npy"))


def measured(case: Case) -> list[dict[str, Any]]:
    """The rows of one case."""
    rows = []
    lava_rate, lava_train = lavas(case)
    for way, graph in mappings(case.network).items():
        rate, train, facts = ours(case, graph)
        if not np.array_equal(train, lava_train):
            sys.exit(f"{case.name}: Lava spikes elsewhere ({np.sum(train != lava_train)} differ)")
        rates = {"steps_per_s": rate, "lava_steps_per_s": lava_rate, "ratio": rate / lava_rate}
        rows.append({"case": case.name, "mapping": way, **rates, **facts})
    return rows


def measure() -> tuple[list[Figure], list[dict[str, Any]]]:
    """All cases, one after the other; prints the table."""
    cases = (
        dense_case(50 if QUICK else 200),
        conv_case(2 if QUICK else 10, pixels=False),
        conv_case(2 if QUICK else 10, pixels=True),
    )
    rows = [row for case in cases for row in measured(case)]
    head = ("network", "mapping", "cores", "M accesses", "ours steps/s", "Lava steps/s", "ratio")
    print(table(head, [_cells(row) for row in rows]))
    print(f"threads: {numba.config.NUMBA_NUM_THREADS}, load: {os.getloadavg()[0]:.1f}")
    figures = [
        Figure(
            f"{row['case']}, {row['mapping']}: timesteps per second",
            row["steps_per_s"],
            "1/s",
            COMMAND,
            goal=f">= {GOAL:g} times lava",
            peer="lava-nc, CPU runtime",
            peer_value=row["lava_steps_per_s"],
        )
        for row in rows
    ]
    return figures, rows


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    accesses = (row["sops"] + row["macs"]) / 1e6
    rates = (f"{row['steps_per_s']:.1f}", f"{row['lava_steps_per_s']:.2f}", f"{row['ratio']:.0f}")
    return (row["case"], row["mapping"], str(row["cores"]), f"{accesses:.1f}", *rates)


if __name__ == "__main__":
    measure()
