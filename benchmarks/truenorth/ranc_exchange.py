"""How long it takes to read and to write a network of RANC, and how much memory.

    python benchmarks/truenorth/ranc_exchange.py     (QUICK=1: 511 cores)

A random recurrent network in RANC's own format: cores of 256 x 256 with half of the crosspoints
set, random targets, weights of +-1 and +-3, on a grid with one output bus. It is written, imported
as a graph of crossbar cores, and exported again; the last file must be the first one, byte for
byte. Every step runs in a process of its own, for its peak memory; times are CPU seconds of one
thread. RANC's figures for the same kind of network (its own, 4095 cores): 62 s, 9.73 GB to load.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import figures  # noqa: E402

COMMAND = "python benchmarks/truenorth/ranc_exchange.py"
SIDE, QUICK_COLUMNS = 64, 8
NEURONS = AXONS = 256
PEER_SECONDS, PEER_GB = 62.0, 9.73
"""Measured: RANC, built with -O3 -march=native, 4095 such cores."""


def random_file(columns: int, rows: int, seed: int = 0) -> Any:
    """A random recurrent network that fills a grid but for the output bus in its last place."""
    from nmcompile.backends.truenorth.ranc.file import RancFile
    from nmcompile.backends.truenorth.ranc.schema import RancBus, RancConfig

    rng = np.random.default_rng(seed)
    cores = columns * rows - 1
    number = np.arange(cores)
    place = np.stack([number % columns, number // columns], axis=1).astype(np.int32)
    total = cores * NEURONS
    offset = place[rng.integers(cores, size=total)] - np.repeat(place, NEURONS, axis=0)
    zeros = np.zeros(total, np.int32)
    return RancFile(
        config=RancConfig(
            num_neurons=NEURONS,
            num_axons=AXONS,
            num_cores_x=columns,
            num_cores_y=rows,
            num_weights=4,
            max_tick_offset=16,
            neuron_reset_type=0,
        ),
        bus=RancBus(coordinates=[columns - 1, rows - 1], num_outputs=1),
        entries=1,
        packet=dict.fromkeys(("entry", "x", "y", "axon", "tick"), zeros[:0]),
        place=place,
        neurons=np.full(cores, NEURONS, np.int32),
        axons=np.full(cores, AXONS, np.int32),
        types=rng.integers(0, 4, cores * AXONS).astype(np.int32),
        neuron={
            "reset_potential": zeros,
            "leak": zeros + 1,
            "positive_threshold": zeros + 50,
            "negative_threshold": zeros - 100,
            "dx": offset[:, 0],
            "dy": offset[:, 1],
            "destination_axon": rng.integers(AXONS, size=total).astype(np.int32),
            "destination_tick": rng.integers(15, size=total).astype(np.int32),
            "current_potential": rng.integers(50, size=total).astype(np.int32),
            "reset_mode": zeros,
        },
        weights=np.tile(np.array([1, -1, 3, -3], np.int32), (total, 1)),
        blocks=[rng.integers(2**64, size=(AXONS, 4), dtype=np.uint64) for _ in range(cores)],
        block=number.astype(np.int32),
    )


def write_step(folder: Path, columns: int, rows: int) -> dict[str, Any]:
    """Write the random network."""
    from nmcompile.backends.truenorth.ranc.write import write_ranc

    write_ranc(random_file(columns, rows), folder / "given")
    return {"bytes": (folder / "given" / "input.json").stat().st_size}


def import_step(folder: Path, columns: int, rows: int) -> dict[str, Any]:
    """Read the files, build the graph; store it for the next step."""
    from nmcompile.backends.truenorth.ranc.importing import import_ranc
    from nmcompile.backends.truenorth.ranc.read import read_config, read_ranc

    _small(folder)
    start = time.process_time()
    config = read_config(folder / "given" / "config.json")
    file = read_ranc(folder / "given" / "input.json", config)
    read = time.process_time() - start
    graph, _ = import_ranc(file)
    measured = {"read_s": read, "seconds": time.process_time() - start, **_memory()}
    graph.save(folder / "graph")
    return measured


def export_step(folder: Path, columns: int, rows: int) -> dict[str, Any]:
    """Load the graph, write the files again."""
    from nmcompile.backends.truenorth.ranc.exporting import export_ranc
    from nmcompile.backends.truenorth.ranc.write import write_ranc
    from nmcompile.mapping.crossbar_graph import CrossbarGraph

    start = time.process_time()
    graph = CrossbarGraph.load(folder / "graph")
    loaded = time.process_time() - start
    file = export_ranc(graph, like=_config_of(folder))
    write_ranc(file, folder / "again")
    total = time.process_time() - start
    given, again = (_digest(folder / name / "input.json") for name in ("given", "again"))
    if given != again:
        raise SystemExit("the exported network is another one")
    return {"load_s": loaded, "seconds": total - loaded, **_memory()}


STEPS = {"write": write_step, "import": import_step, "export": export_step}


def _config_of(folder: Path) -> Any:
    """The header of the file that was imported, which an export keeps."""
    from dataclasses import replace

    from nmcompile.backends.truenorth.ranc.read import read_config

    config = read_config(folder / "given" / "config.json")
    bus = [config.num_cores_x - 1, config.num_cores_y - 1]
    file = random_file(2, 1)
    return replace(file, config=config, bus=file.bus.model_copy(update={"coordinates": bus}))


def _small(folder: Path) -> None:
    """Compile what is compiled, on a network of one core."""
    from nmcompile.backends.truenorth.ranc.read import read_config, read_ranc
    from nmcompile.backends.truenorth.ranc.write import write_ranc

    write_ranc(random_file(2, 1), folder / "small")
    read_ranc(folder / "small" / "input.json", read_config(folder / "small" / "config.json"))


def _memory() -> dict[str, int]:
    return {"peak_bytes": figures.peak_bytes()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rows(quick: bool) -> tuple[list[figures.Figure], list[dict[str, Any]]]:
    """Measure one size; the figures in the common form, and what they come from."""
    columns = QUICK_COLUMNS if quick else SIDE
    cores = columns * SIDE - 1
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in STEPS:
            command = [sys.executable, __file__, name, folder, str(columns), str(SIDE)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[name] = json.loads(done.stdout)
    size = f"{cores} cores"
    peer: dict[str, Any] = {} if quick else {"peer": "RANC"}
    seconds: dict[str, Any] = {**peer, "peer_value": None if quick else PEER_SECONDS}
    memory: dict[str, Any] = {**peer, "peer_value": None if quick else PEER_GB}
    read, wrote = found["import"], found["export"]
    figure = figures.Figure
    measured = [
        figure(f"RANC import {size}, CPU", round(read["seconds"], 2), "s", COMMAND, **seconds),
        figure(
            f"RANC import {size}, peak memory",
            round(read["peak_bytes"] / 1e9, 2),
            "GB",
            COMMAND,
            **memory,
        ),
        figure(f"RANC export {size}, CPU", round(wrote["seconds"], 2), "s", COMMAND),
        figure(
            f"RANC export {size}, peak memory", round(wrote["peak_bytes"] / 1e9, 2), "GB", COMMAND
        ),
    ]
    lines = [(f.name, f.value, f.unit, f.peer_value or "") for f in measured]
    print(figures.table(("figure", "value", "unit", "RANC itself"), lines))
    return measured, [{"cores": cores, **found}]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        step, place, wide, high = sys.argv[1:]
        print(json.dumps(STEPS[step](Path(place), int(wide), int(high))))
    else:
        rows(figures.QUICK)
