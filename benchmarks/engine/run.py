"""How fast is the integer engine? The same networks, weights and crop in a plain torch loop.

    make bench-engine          (QUICK=1: fewer repetitions)

Engine, torch loop and SpikingJelly (where installed) run in turn in one process, each on all
cores; the figures are best-of-N times and their ratios. Counts of the last layer are compared for
equality before anything is timed. The data folder is `NMCOMPILE_DATA`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
QUICK = os.environ.get("QUICK") == "1"
REPEAT = 3 if QUICK else 10
TIMESTEPS = 20
LOW = 0.03
THREADS: int = numba.config.NUMBA_NUM_THREADS
COMMAND = "make bench-engine"


def search_network(model: str) -> tuple[Any, npt.NDArray[np.uint8]]:
    """The integer search network of a model, and a search crop of a real video."""
    sys.path.insert(0, str(HERE.parent / "siamsnn"))
    import common

    from nmcompile.datasets.sequence import open_sequence
    from nmcompile.passes.recipe import Recipe
    from nmcompile.reference.float import channel_order
    from nmcompile.trackers.siamfc import SiamFCParams, SiamFCTracker

    class Recorder:
        """Keeps the crops it is asked about."""

        crops: npt.NDArray[np.uint8]

        def set_template(self, crop: npt.NDArray[np.uint8]) -> None:
            """Nothing to do."""

        def respond(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
            """Keep them."""
            self.crops = crops
            return np.ones((len(crops), 17, 17))

    with tempfile.TemporaryDirectory() as scratch:
        path = common.checkpoint(model, Path(scratch))
        program = common.programs(path, Recipe(timesteps=TIMESTEPS))["integer"]
    if not (common.DATA / "sequences").is_dir():
        sys.exit(f"the real sequences are not at {common.DATA}: set NMCOMPILE_DATA")
    video = open_sequence(common.DATA / "sequences" / "Crossing")
    recorder = Recorder()
    tracker = SiamFCTracker(recorder, SiamFCParams(), video.frames[0], video.boxes[0])
    tracker.step(video.frames[10])
    crop = channel_order(recorder.crops[1:2], program.preprocess)[0]
    return backbone(program.network("search")), crop


def backbone(network: Any) -> Any:
    """The network up to the counts of its features, which every engine here computes."""
    from nmcompile.ir import ops
    from nmcompile.ir.network import Node

    nodes = [n for n in network.nodes if not isinstance(n.op, ops.Slot | ops.Correlate | ops.Scale)]
    nodes = [n for n in nodes if not isinstance(n.op, ops.Decode | ops.Output)]
    last = [n for n in nodes if isinstance(n.op, ops.Neuron)][-1].name
    nodes += [Node("count", ops.Decode(), (last,)), Node("output", ops.Output(), ("count",))]
    return network.replace(nodes=tuple(nodes))


def activities(network: Any, counters: Any) -> dict[str, float]:
    """Spikes per neuron and timestep of every population that feeds weights."""
    from nmcompile.ir import ops

    feeds = {n.inputs[0] for n in network.nodes if isinstance(n.op, ops.Conv2d | ops.Linear)}
    steps = network.timesteps
    layers = [x for x in counters.layers if x.node in feeds]
    return {x.node: x.spikes / (x.neurons * steps) for x in layers}


def quieter(network: Any, crop: npt.NDArray[np.uint8]) -> Any:
    """The network with thresholds raised until every layer sees less than `LOW` activity."""
    from nmcompile.ir import ops
    from nmcompile.ir.arrays import Array
    from nmcompile.reference.integer import IntegerRunner

    while True:
        loud = activities(network, IntegerRunner(network).run(crop).counters)
        above = [name for name, rate in loud.items() if rate >= LOW]
        if not above:
            return network
        target = above[0]
        while not isinstance(network.by_name[target].op, ops.Neuron):
            target = network.by_name[target].inputs[0]

        def change(node: Any, target: str = target) -> Any:
            if node.name != target:
                return node
            model = node.op.model
            level = Array(np.int32((model.fire_above.data + 1) * 1.25))
            raised = dataclasses.replace(
                model, fire_above=Array(level.data - 1), reset_by=level, v_init=level_half(level)
            )
            return dataclasses.replace(node, op=ops.Neuron(raised))

        network = network.map_nodes(change)


def level_half(level: Any) -> Any:
    """Half a threshold, where membranes start."""
    from nmcompile.ir.arrays import Array

    return Array(np.int32(level.data // 2))


def in_turn(
    engines: dict[str, Callable[[], object]], clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of every repetition, the engines taking turns."""
    for run in engines.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(REPEAT):
        for name, run in engines.items():
            begin = clock()
            run()
            seconds[name].append(clock() - begin)
    return seconds


def compare(network: Any, crop: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """Engine, torch loop and SpikingJelly on one network: all cores, then one thread alone."""
    import torch
    from loops import SpikingJellyLoop, layers_of, torch_loop

    from nmcompile.reference.integer import IntegerRunner

    runner, layers = IntegerRunner(network), layers_of(network)
    image = torch.from_numpy(crop.astype(np.float32))[None]
    trace = runner.run(crop)
    engines: dict[str, Callable[[], Any]] = {
        "engine": lambda: runner.run(crop).output,
        "torch": lambda: torch_loop(layers, image, network.timesteps)[0].numpy(),
    }
    if jelly_version():
        loop = SpikingJellyLoop(layers)
        engines["spikingjelly"] = lambda: loop(image, network.timesteps)[0].numpy()
    equal = {name: bool(np.array_equal(trace.output, run())) for name, run in engines.items()}
    if not equal["torch"]:
        sys.exit(f"{network.name}: the torch loop counts other spikes")
    row = {
        "sops": trace.counters.sops,
        "activity": activities(network, trace.counters),
        "equal": equal,
    }
    for label, threads, clock in (
        ("wall", THREADS, time.perf_counter),
        ("cpu_one_thread", 1, time.process_time),
    ):
        numba.set_num_threads(threads)
        torch.set_num_threads(threads)
        seconds = in_turn(engines, clock)
        row[f"{label}_best_s"] = {name: min(times) for name, times in seconds.items()}
        row[f"{label}_median_s"] = {n: float(np.median(times)) for n, times in seconds.items()}
    numba.set_num_threads(THREADS)
    return row


def event_rate(network: Any, crop: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Synaptic operations per second of the event kernel alone (lists of events included)."""
    from nmcompile.ir import ops
    from nmcompile.reference.executor import last
    from nmcompile.reference.integer import IntegerRunner
    from nmcompile.reference.synapses import Synapses

    trace = IntegerRunner(network).run(crop, record=True)
    layers = []
    for node in network.nodes:
        if isinstance(node.op, ops.Conv2d) and node.inputs[0] in trace.spikes:
            synapses = Synapses(node.op, network.types[node.inputs[0]], node)
            layers.append((synapses, last(trace.spikes[node.inputs[0]])))
    rates = {}
    for threads in sorted({1, THREADS}):
        numba.set_num_threads(threads)
        clock = time.process_time if threads == 1 else time.perf_counter
        best = [float("inf")] * len(layers)
        done = 0
        for _ in range(REPEAT):
            done = 0
            for i, (synapses, train) in enumerate(layers):
                begin = clock()
                synapses.advance(len(train), train)
                best[i] = min(best[i], clock() - begin)
                done += synapses.arrived
        rates[str(threads)] = done / sum(best)
    return rates


def peak_memory(network: Any, crop: npt.NDArray[np.uint8]) -> int:
    """Peak resident bytes of a process that only runs the engine."""
    with tempfile.NamedTemporaryFile(suffix=".pkl") as file:
        pickle.dump((network, crop), file)
        file.flush()
        command = [sys.executable, str(HERE / "run.py"), file.name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout)


def run_alone(path: str) -> None:
    """The child of `peak_memory`."""
    from nmcompile.reference.integer import IntegerRunner

    network, crop = pickle.loads(Path(path).read_bytes())
    runner = IntegerRunner(network)
    for _ in range(3):
        runner.run(crop)
    # The high-water mark of this process; getrusage would inherit the parent's.
    status = Path("/proc/self/status").read_text(encoding="ascii").split()
    print(int(status[status.index("VmHWM:") + 1]) * 1024)


def jelly_version() -> str:
    """SpikingJelly's version, empty where it is not installed."""
    try:
        return version("spikingjelly")
    except PackageNotFoundError:
        return ""


def figure(name: str, value: float, unit: str, goal: str | None, **peer: Any) -> dict[str, Any]:
    """One figure in the form that all benchmarks share."""
    body = {"name": name, "value": value, "unit": unit, "goal": goal}
    return {**body, "peer": None, "peer_value": None, **peer, "command": COMMAND}


def figures_of(case: str, row: dict[str, Any], goal: float) -> list[dict[str, Any]]:
    """The ratios of one network."""
    found = []
    for label, words in (("wall", f"{THREADS} threads"), ("cpu_one_thread", "1 thread, CPU time")):
        best = row[f"{label}_best_s"]
        found.append(figure(f"{case}: seconds per crop, {words}", best["engine"], "s", None))
        for peer in ("torch", "spikingjelly"):
            if peer in best:
                ratio = best[peer] / best["engine"]
                wanted = f">= {goal:g}" if peer == "torch" else None
                name = f"{case}: {peer} loop over engine, {words}"
                found.append(figure(name, ratio, "x", wanted, peer=peer, peer_value=best[peer]))
    return found


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The README's table."""
    head = ("network", "G SOPs", "activity", "threads", "engine s", "torch loop s", "ratio")
    lines = ["| " + " | ".join((*head, "SpikingJelly s", "ratio")) + " |", "|" + " --- |" * 9]
    for case, row in rows.items():
        rates = row["activity"].values()
        shown = (
            case,
            f"{row['sops'] / 1e9:.3f}",
            f"{100 * min(rates):.1f}-{100 * max(rates):.1f} %",
        )
        for label, words in (("wall", f"{THREADS}, wall"), ("cpu_one_thread", "1, CPU")):
            best = row[f"{label}_best_s"]
            jelly = best.get("spikingjelly")
            cells = (
                *(*shown, words, f"{best['engine']:.3f}", f"{best['torch']:.3f}"),
                f"{best['torch'] / best['engine']:.2f}",
                f"{jelly:.3f}" if jelly else "-",
                f"{jelly / best['engine']:.2f}" if jelly else "-",
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    network, crop = search_network("siamfc_3s")
    small, small_crop = search_network("siamsnn")
    rows = {
        "SiamFC-3s": compare(network, crop),
        "SiamFC-3s, below 3 %": compare(quieter(network, crop), crop),
        "siamsnn": compare(small, small_crop),
    }
    figures = []
    for case, row in rows.items():
        figures += figures_of(case, row, 3.0 if "below" in case else 1.0)
    rates = event_rate(network, crop)
    for threads, rate in rates.items():
        goal = None if threads == "1" else ">= 8"
        name = f"event kernel, {threads} threads" + (" (CPU time)" if threads == "1" else "")
        figures.append(figure(name, rate / 1e9, "G SOP/s", goal))
    memory = peak_memory(network, crop)
    figures.append(figure("SiamFC-3s: peak memory of the engine", memory / 1e9, "GB", "< 1"))
    print(table(rows))
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    for threads, rate in rates.items():
        print(f"event kernel, {threads} threads: {rate / 1e9:.1f} G SOP/s")
    print(f"peak memory: {memory / 1e9:.2f} GB")
    packages = {name: version(name) for name in ("numpy", "torch", "numba")}
    body = {
        "repetitions": REPEAT,
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
        },
        "versions": {
            "python": platform.python_version(),
            **packages,
            "spikingjelly": jelly_version() or None,
        },
        "figures": figures,
        "rows": rows,
    }
    name = "result-quick.json" if QUICK else "result.json"
    (HERE / name).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_alone(sys.argv[1])
    else:
        main()
