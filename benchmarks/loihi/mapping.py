"""How many cores, packets and hops does a network need when tiles of different layers share cores?

    python benchmarks/loihi/mapping.py          (QUICK=1: the shipped tracker and P100k)

Three mappings of every network: each tile of the coarsest cut on a core of its own; first fit,
largest tile first, among the cores of neighbouring layers; and what `nmcompile` does, finer tiles
merged across layers. Packets carry the spikes of one real crop (one spike per neuron in P100k)
and count once per neuron and destination core; all capacities of the target hold in every row.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "siamsnn")]

import common  # noqa: E402
from figures import QUICK, Figure, table  # noqa: E402
from speed import apart  # noqa: E402

from nmcompile.backends.loihi.engine import LoihiEngine  # noqa: E402
from nmcompile.backends.registry import backend_of  # noqa: E402
from nmcompile.build.compiled import Options, lower, prepared  # noqa: E402
from nmcompile.build.compiled import measure as run_golden  # noqa: E402
from nmcompile.build.execute import NetworkInput  # noqa: E402
from nmcompile.cost.rates import rates_of  # noqa: E402
from nmcompile.cost.timing import mean_latency  # noqa: E402
from nmcompile.frontends import load  # noqa: E402
from nmcompile.ir import ops  # noqa: E402
from nmcompile.ir.arrays import Array  # noqa: E402
from nmcompile.ir.network import Network, Node  # noqa: E402
from nmcompile.ir.neurons import IntegerNeuron  # noqa: E402
from nmcompile.mapping.assemble import Traffic  # noqa: E402
from nmcompile.mapping.balance import tile_counts  # noqa: E402
from nmcompile.mapping.coregraph import CoreGraph  # noqa: E402
from nmcompile.mapping.demand import Demand  # noqa: E402
from nmcompile.mapping.limits import Limits, limits_of  # noqa: E402
from nmcompile.mapping.mapper import map_network, map_tiles  # noqa: E402
from nmcompile.mapping.metrics import placement_metrics  # noqa: E402
from nmcompile.mapping.stages import stages  # noqa: E402
from nmcompile.mapping.tile import Tiling, demands, tile  # noqa: E402
from nmcompile.mapping.utilisation import utilisation  # noqa: E402
from nmcompile.passes.recipe import Recipe  # noqa: E402
from nmcompile.target import load_target  # noqa: E402

COMMAND = "make bench-loihi"
LAYERS_APART, FIRST_FIT, MERGED = "layers apart", "first fit", "merged"
PARTITIONER, PARTITIONER_PACKETS, PARTITIONER_HOPS = "Mt-KaHyPar 1.7", 60_065, 103_356
"""P100k by a hypergraph partitioner (DEFAULT, km1, k = 128): neurons as vertices, 128 equal parts,
no memory; hops after simulated annealing, the best of four seeds."""


@dataclass(frozen=True)
class Case:
    """A network with the spikes that it sends for `input` (one per neuron without)."""

    name: str
    limits: Limits
    network: Network
    traffic: Traffic
    input: NetworkInput | None = None


def tracker_cases(model: str) -> list[Case]:
    """The networks of a tracker, mapped for Loihi 2, with the spikes of a real crop."""
    target = load_target("loihi2")
    with tempfile.TemporaryDirectory() as scratch:
        path = common.checkpoint(model, Path(scratch))
        compiled = prepared(load(path), target, Options(Recipe()))
    backend = backend_of(target)
    lower(compiled, backend)
    run_golden(compiled, backend)
    return [
        Case(
            *(f"{model} {network.name}", limits_of(target), network),
            *(compiled.traffic[network.name], compiled.inputs[network.name][0]),
        )
        for network in compiled.golden.chip_networks
    ]


def p100k() -> Case:
    """Convolutions of 102,400 neurons, the input layer on cores too; fan-in 18 to 288.

    2x64x64 - 8x64x64 - 8x64x64 - 16x32x32 - 32x16x16 - 64x8x8, 3x3 kernels, padding 1.
    """
    rng = np.random.default_rng(0)

    def weights(out: int, inputs: int, size: int) -> Array:
        return Array(rng.integers(-127, 128, (out, inputs, size, size)).astype(np.int8))

    def zeros(out: int) -> Array:
        return Array(np.zeros(out, np.int32))

    relay = ops.Conv2d(weights(2, 1, 1), zeros(2), groups=2)
    layers = [relay] + [
        ops.Conv2d(weights(out, inputs, 3), zeros(out), (stride, stride), (1, 1))
        for inputs, out, stride in ((2, 8, 1), (8, 8, 1), (8, 16, 2), (16, 32, 2), (32, 64, 2))
    ]
    nodes = [Node("input", ops.Input("spikes", (2, 64, 64), 1))]
    for index, op in enumerate(layers):
        nodes.append(Node(f"c{index}", op, (nodes[-1].name,), f"layer {index}"))
        nodes.append(Node(f"n{index}", ops.Neuron(fires_at(100)), (f"c{index}",)))
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    # One core per router, as in the study that the partitioner's figures come from.
    mesh = {"router_columns": 8, "router_rows": 16, "cores_per_router": 1}
    limits = dataclasses.replace(limits_of(load_target("loihi1")), **mesh)
    return Case("P100k", limits, Network("p100k", tuple(nodes), 1), {})


def fires_at(level: int) -> IntegerNeuron:
    """An IF neuron with reset to zero, one compartment on Loihi 1."""
    zero = Array(np.int32(0))
    return IntegerNeuron(
        model="IF",
        u_keep=0,
        v_keep=4096,
        state_shift=0,
        state_bits=24,
        bias=zero,
        fire_above=Array(np.int32(level)),
        reset="zero",
        reset_by=zero,
        v_init=zero,
    )


def first_fit(tiling: Tiling, limits: Limits) -> list[list[int]]:
    """Largest tiles first into cores that hold tiles of the same or the previous layer."""
    used: list[Demand] = []
    newest: list[int] = []
    cores = []
    for layer, (_, tiles) in enumerate(demands(tiling, limits)):
        chosen = [0] * len(tiles)
        for i in sorted(range(len(tiles)), key=lambda i: -(tiles[i].total_memory_bytes)):
            fits = (
                core
                for core, held in enumerate(used)
                if newest[core] >= layer - 1 and (held + tiles[i]).fits(limits)
            )
            core = next(fits, len(used))
            if core == len(used):
                used.append(Demand())
                newest.append(layer)
            used[core], newest[core] = used[core] + tiles[i], layer
            chosen[i] = core
        cores.append(chosen)
    return cores


def compare(case: Case) -> list[dict[str, Any]]:
    """Cores, packets and hops of the three mappings."""
    limits = case.limits
    tiling = tile(stages(case.network), limits)
    rows = []
    for way in (LAYERS_APART, FIRST_FIT, MERGED):
        begin = time.perf_counter()
        if way == MERGED:
            graph = map_network(case.network, limits, case.traffic)
        else:
            cores = apart(tiling) if way == LAYERS_APART else first_fit(tiling, limits)
            graph = map_tiles(tiling, cores, limits, case.traffic)
        seconds = time.perf_counter() - begin
        rows.append({"case": case.name, "target": limits.target, "way": way, "seconds": seconds})
        rows[-1] |= asdict(placement_metrics(graph)) | fullest(graph, limits)
    return rows


def fullest(graph: CoreGraph, limits: Limits) -> dict[str, Any]:
    """The capacity of a core that is used up most; all must hold."""
    used = [row for row in utilisation(graph, limits) if row.allowed]
    over = [row for row in used if not row.fits]
    if over:
        sys.exit(f"{graph.network}: {over[0]}")
    of_a_core = [row for row in used if row.limit not in ("cores", "chips_max", "axon_atoms")]
    most = max(of_a_core, key=lambda row: row.used / row.allowed)
    return {"fullest": most.limit, "fullest_share": most.used / most.allowed}


def spread_out(case: Case, budget: int) -> list[dict[str, Any]]:
    """One tile per core against merged tiles of equal work, on the cores of one chip."""
    limits = case.limits
    tiling = tile(stages(case.network), limits)
    counts = tile_counts(tiling, case.traffic, budget)
    finer = tile(stages(case.network), limits, counts)
    graphs = {
        "one tile per core": map_tiles(finer, apart(finer), limits, case.traffic),
        MERGED: map_network(case.network, limits, case.traffic, cores=budget),
    }
    return [_timed(case, way, graph) for way, graph in graphs.items()]


def _timed(case: Case, way: str, graph: CoreGraph) -> dict[str, Any]:
    if case.input is None:
        raise ValueError(f"{case.name} has no input to run")
    counters = LoihiEngine(graph).run(case.input.stimulus, case.input.slots).counters
    if counters.cores is None:
        raise ValueError("the engine counts cores")
    busy = counters.cores.sops.sum(axis=0)
    latency = mean_latency([counters], rates_of(load_target(case.limits.target)), chips=graph.chips)
    metrics = placement_metrics(graph)
    return {
        "case": case.name,
        "way": way,
        "cores": graph.cores,
        "busiest_over_mean": float(busy.max() / busy.mean()),
        "latency_s": latency.value,
        "packets": metrics.packets,
        "hops": metrics.hops,
    }


def figures_of(rows: list[dict[str, Any]]) -> list[Figure]:
    """Merged against layers apart, for one network."""
    first, _, last = rows
    found = []
    for key, what in (("cores", "cores"), ("packets", "packets between cores"), ("hops", "hops")):
        found.append(
            Figure(
                *(f"{last['case']}: {what}", last[key], "1", COMMAND),
                *(f"<= {first[key]}", LAYERS_APART, first[key]),
            )
        )
    found.append(Figure(f"{last['case']}: seconds to map", last["seconds"], "s", COMMAND))
    return found


def measure() -> tuple[list[Figure], list[dict[str, Any]]]:
    """All networks; prints the tables."""
    trackers = tracker_cases("siamsnn")
    cases = [*trackers, p100k()]
    if not QUICK:
        cases[2:2] = [*tracker_cases("fdsiamfc_15"), *tracker_cases("siamfc_3s")]
    compared = [compare(case) for case in cases]
    figures = [figure for rows in compared for figure in figures_of(rows)]
    merged = compared[-1][-1]
    for key, peer in (("packets", PARTITIONER_PACKETS), ("hops", PARTITIONER_HOPS)):
        name = f"P100k: {key} beside a partitioner's on 128 cores without memory"
        figures.append(
            Figure(name, merged[key], "1", COMMAND, f"<= {peer}", PARTITIONER, peer),
        )
    search = next(case for case in trackers if case.name.endswith("search"))
    spread = spread_out(search, search.limits.cores)
    before, after = (row["latency_s"] for row in spread)
    figures.append(
        Figure(
            *("siamsnn search on a whole chip: runs per second", 1 / after, "1/s", COMMAND),
            *(f">= {1 / before:.1f}", "one tile per core", 1 / before),
        )
    )
    rows = [row for each in compared for row in each]
    print(table(HEAD, [_cells(row) for row in rows]))
    print(table(SPREAD_HEAD, [_spread_cells(row) for row in spread]))
    return figures, [*rows, *spread]


HEAD = (
    *("network", "target", "mapping", "cores", "chips", "packets between cores", "within a core"),
    *("from the host", "packet hops", "chip crossings", "fullest capacity", "s"),
)
SPREAD_HEAD = ("network", "mapping", "cores", "busiest core", "runs/s", "packets", "packet hops")


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    counts = ("packets", "packets_in_core", "packets_host", "hops", "chip_crossings")
    return (
        *(row["case"], row["target"], row["way"], row["cores"], row["chips"]),
        *(f"{row[name]:,}" for name in counts),
        f"{row['fullest']} {100 * row['fullest_share']:.0f} %",
        f"{row['seconds']:.1f}",
    )


def _spread_cells(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        *(row["case"], row["way"], row["cores"], f"{row['busiest_over_mean']:.2f} x mean"),
        *(f"{1 / row['latency_s']:.0f}", f"{row['packets']:,}", f"{row['hops']:,}"),
    )


if __name__ == "__main__":
    measure()
