"""Crossbar cores as fast as they go: random recurrent networks with an exact rate.

Cores of 256 axons and 256 neurons; half of the crosspoints are synapses, of weights 1, -1, 3 and
-3. Every neuron excites one axon, chosen at random among all (a permutation, so that no two spikes
meet in one axon), after 1 to 15 ticks. Leak and threshold alone make every neuron fire at its rate:
every 50 ticks for 2 % (20 Hz), every 10 for 10 %, at a random phase; the linear reset keeps the
rate exact whatever arrives, because the weights add up to zero.

Four kinds: all neurons with one row of parameters; every neuron with one of 4096 rows, drawn at
random (no two groups of neurons alike); random thresholds (the generator at work); and no leak, so
that nothing ever happens. A core-tick is one core for one tick. Every case runs in a process of its
own; `CPU` is the time of its threads added up, which other programs on the machine disturb less
than the wall clock.

RANC and SANA-FE were measured elsewhere, on networks of the same construction and another machine;
nothing of theirs runs here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from figures import QUICK, Figure, peak_bytes, table

COMMAND = "make bench-truenorth"
SIDE, LEAK, DELAYS, PARAMETER_ROWS = 256, 100, 15, 4096
RANC = "RANC, one thread, measured elsewhere"
SANAFE = "SANA-FE 2.2.9, one thread, measured elsewhere"
LOAD_LIMIT_S, LOAD_LIMIT_MIB = 2.0, 400
THREADS = (1, 2)


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes:
        cores, percent: size, and neurons that fire in a tick.
        kind: "alike", "each its own", "random thresholds" or "silent".
        goal: core-ticks per second. events_goal: synaptic events per second; on two threads.
        peer, peer_value: core-ticks per second of another simulator.
    """

    cores: int
    percent: int
    kind: str = "alike"
    goal: float | None = None
    events_goal: float | None = None
    peer: str | None = None
    peer_value: float | None = None

    @property
    def name(self) -> str:
        """For tables."""
        if self.kind == "silent":
            return f"{self.cores} cores silent"
        kind = "" if self.kind == "alike" else f", {self.kind}"
        return f"{self.cores} cores {self.percent} %{kind}"


CASES = (
    Case(64, 2, goal=3e6, peer=f"{SANAFE}, 63 cores", peer_value=12_200),
    Case(64, 10, peer=f"{RANC}, 63 cores", peer_value=1957),
    Case(512, 2, peer=f"{RANC}, 511 cores", peer_value=2125),
    Case(4096, 2, goal=1e6, peer=f"{RANC}, 63 cores (most of all sizes)", peer_value=2432),
    Case(4096, 10, events_goal=400e6, peer=f"{RANC}, 4095 cores", peer_value=1544),
    Case(4096, 2, "each its own"),
    Case(1024, 2, "random thresholds"),
    Case(4096, 2, "silent"),
)


def network(case: Case, seed: int = 1) -> Any:
    """The mapped graph of a case."""
    from nmcompile.mapping.crossbar_graph import CrossbarGraph
    from nmcompile.mapping.graph import Mesh

    rng = np.random.default_rng(seed)
    cores, neurons = case.cores, case.cores * SIDE
    core, side = np.arange(cores), int(np.ceil(np.sqrt(cores)))
    threshold = LEAK * round(100 / case.percent)
    target = rng.permutation(neurons)
    rows = PARAMETER_ROWS if case.kind == "each its own" else 1
    values = dict.fromkeys(CrossbarGraph.SCHEMA["parameter"], 0)
    values |= {"weight0": 1, "weight1": -1, "weight2": 3, "weight3": -3, "leak": LEAK}
    values |= {"threshold": threshold, "floor": 2**18 - 1, "floor_mode": 1, "reset_mode": 1}
    if case.kind == "silent":
        values["leak"] = 0
    if case.kind == "random thresholds":
        # On average half of the mask is added to the threshold.
        values |= {"mask_bits": 6, "threshold": threshold - 2**5}
    tables: dict[str, Any] = {name: np.zeros(0) for name in CrossbarGraph.columns()}
    tables |= {f"parameter.{name}": np.full(rows, value) for name, value in values.items()}
    tables |= {f"core.{name}": np.full(cores, SIDE) for name in ("neurons", "axons")}
    tables |= {f"core.{name}": core * SIDE for name in ("neuron0", "axon0")}
    tables |= {"core.x": core % side, "core.y": core // side, "core.block": core}
    tables |= {"core.chip": core * 0, "core.slot": core * 0}
    tables |= {f"block.{name}": np.full(cores, SIDE) for name in ("axons", "neurons")}
    tables |= {
        "axon.type": np.tile(np.arange(SIDE) % 4, cores),
        "block.word0": core * (SIDE * SIDE // 64),
        "crossbar.word": rng.integers(0, 2**64, cores * SIDE * SIDE // 64, dtype=np.uint64),
        "neuron.parameter": rng.integers(0, rows, neurons),
        "neuron.v_init": rng.integers(0, threshold, neurons),
        "neuron.target_core": target // SIDE,
        "neuron.target_axon": target % SIDE,
        "neuron.target_delay": rng.integers(1, DELAYS + 1, neurons),
        "neuron.role": np.zeros(neurons, np.int32),
        "neuron.traffic": np.zeros(neurons, np.int64),
    }
    return CrossbarGraph(
        network="recurrent",
        target="truenorth",
        timesteps=1,
        ticks=1,
        input_shape=(1,),
        input_mode="spikes",
        input_bits=1,
        input_signed=False,
        input_values=False,
        encode=None,
        output="",
        output_shape=(1,),
        readout="train",
        signed_pairs=False,
        slot="",
        slot_shape=(),
        slot_largest=0,
        populations=(),
        mesh=Mesh(1, side, side, 1),
        membrane_clip=2**19 - 1,
        tables=tables,
    )


def timed(case: Case, graph: Any, threads: int, repeat: int) -> dict[str, Any]:
    """The best of some stretches of ticks, and what was counted."""
    from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine

    engine = TrueNorthEngine(graph, threads=threads)
    engine.skip(4 * 50)
    period = round(100 / case.percent)
    slow = 4 if case.kind == "random thresholds" else 1
    ticks = max(1, 400_000 // slow // case.cores // period) * period
    wall, cpu, rates = [], [], []
    for _ in range(repeat):
        before, spikes = engine.core_sops.sum(), engine.core_spikes.sum()
        begin, used = time.perf_counter(), time.process_time()
        engine.skip(ticks)
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
        events = int(engine.core_sops.sum() - before)
        rates.append(int(engine.core_spikes.sum() - spikes) / (ticks * case.cores * SIDE))
    work = case.cores * ticks
    return {
        "threads": threads,
        "core_ticks_per_s": work / min(wall),
        "core_ticks_per_cpu_s": work / min(cpu),
        "events_per_s": events / min(wall),
        "events_per_core_tick": events / work,
        "rate": float(np.mean(rates)),
        "checksum": int(engine.membranes().astype(np.int64) @ np.arange(1, case.cores * SIDE + 1)),
    }


def loaded(stem: Path) -> dict[str, Any]:
    """Seconds to load a stored network and to make it ready, and the memory that took."""
    from nmcompile.mapping.stored import load_graph

    begin = time.perf_counter()
    graph: Any = load_graph(stem)
    load_s = time.perf_counter() - begin
    peak = peak_bytes() / 2**20
    from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine

    begin = time.perf_counter()
    TrueNorthEngine(graph)
    ready = time.perf_counter() - begin
    engine_peak = peak_bytes() / 2**20
    return {
        "load_s": load_s,
        "load_mib": peak,
        "engine_s": ready,
        "engine_mib": engine_peak,
    }


def saved(stem: Path) -> dict[str, Any]:
    """Seconds to save a network of 4096 cores, and its size."""
    graph = network(Case(4096, 2))
    begin = time.perf_counter()
    graph.save(stem)
    save_s = time.perf_counter() - begin
    return {"save_s": save_s, "file_mib": stem.with_suffix(".safetensors").stat().st_size / 2**20}


def apart(*arguments: object) -> Any:
    """What a child process measures."""
    child = [sys.executable, str(Path(__file__).resolve()), *map(str, arguments)]
    done = subprocess.run(child, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def rows(quick: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Measure all cases; prints the tables, returns figures and the rows behind them."""
    found: list[dict[str, Any]] = []
    for index, case in enumerate(CASES):
        results = apart("case", index, 2 if quick else 12)
        if len({result["checksum"] for result in results}) > 1:
            sys.exit(f"{case.name}: one and two threads end in different states")
        found += [{**asdict(case), "name": case.name, **result} for result in results]
    print(table(_HEAD, [_cells(row) for row in found]))
    print(f"load: {os.getloadavg()[0]:.1f}\n")
    figures = [figure for row in found for figure in _figures(row)]
    with tempfile.TemporaryDirectory() as folder:
        stem = Path(folder, "network")
        stored = apart("save", stem) | apart("load", stem)
    print(table(tuple(stored), [tuple(f"{value:.2f}" for value in stored.values())]))
    figures += _stored(stored)
    return figures, [*found, {"name": "4096 cores stored", **stored}]


_HEAD = (
    *("network", "threads", "M core-ticks/s", "M core-ticks per CPU s", "M events/s"),
    *("events per core-tick", "rate", "goal", "peer"),
)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    goal = row["goal"] or row["events_goal"]
    kind = " events" if row["events_goal"] else ""
    return (
        row["name"],
        str(row["threads"]),
        f"{row['core_ticks_per_s'] / 1e6:.2f}",
        f"{row['core_ticks_per_cpu_s'] / 1e6:.2f}",
        f"{row['events_per_s'] / 1e6:.0f}",
        f"{row['events_per_core_tick']:.0f}",
        f"{100 * row['rate']:.3f} %",
        f"{goal / 1e6:g} M{kind}" if goal else "",
        f"{row['peer_value']:,} ({row['peer']})" if row["peer"] else "",
    )


def _figures(row: dict[str, Any]) -> list[Figure]:
    threads = "1 thread" if row["threads"] == 1 else f"{row['threads']} threads"
    name, most = f"simulator {row['name']}, {threads}", row["threads"] == THREADS[-1]
    goal = f">= {row['goal']:g}" if row["goal"] and most else None
    peer = (row["peer"], row["peer_value"])
    per_s = Figure(name, row["core_ticks_per_s"], "core-ticks/s", COMMAND, goal, *peer)
    per_cpu = Figure(f"{name}, CPU", row["core_ticks_per_cpu_s"], "core-ticks/CPU s", COMMAND)
    wanted = f">= {row['events_goal']:g}" if row["events_goal"] and most else None
    events = Figure(f"{name}, synaptic events", row["events_per_s"], "1/s", COMMAND, wanted)
    return [per_s, per_cpu, events]


def _stored(stored: dict[str, Any]) -> list[Figure]:
    name = "simulator 4096 cores"
    both = stored["save_s"] + stored["load_s"]
    limit, memory = f"< {LOAD_LIMIT_S:g}", f"< {LOAD_LIMIT_MIB}"
    peer = (f"{RANC}, 4095 cores",)
    return [
        Figure(f"{name}, saved and loaded", both, "s", COMMAND, limit, *peer, 62),
        Figure(f"{name}, memory to load", stored["load_mib"], "MiB", COMMAND, memory, *peer, 9276),
        Figure(f"{name}, ready to run", stored["engine_s"], "s", COMMAND),
        Figure(f"{name}, memory ready to run", stored["engine_mib"], "MiB", COMMAND, memory),
    ]


def main() -> None:
    """As a child: one measurement as JSON; alone: all of them."""
    if len(sys.argv) < 2:
        rows(QUICK)
    elif sys.argv[1] == "case":
        case, repeat = CASES[int(sys.argv[2])], int(sys.argv[3])
        graph = network(case)
        print(json.dumps([timed(case, graph, threads, repeat) for threads in THREADS]))
    else:
        measure = {"save": saved, "load": loaded}[sys.argv[1]]
        print(json.dumps(measure(Path(sys.argv[2]))))


if __name__ == "__main__":
    main()
