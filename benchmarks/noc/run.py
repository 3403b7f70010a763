"""Does the mesh or do the cores limit the rate? And how far from its bound does the mesh end?

make bench-noc                                    (QUICK=1: the patterns and one model)
python benchmarks/noc/run.py patterns shipped     (or one of the two)

`patterns`: traffic with known answers on a mesh of 32 x 32 routers. `shipped`: the packets that the
mapped cores of the shipped trackers send, timestep by timestep, from builds that were verified.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(ROOT / "tests")]

from figures import QUICK, Figure, Rows, run_parts, table  # noqa: E402
from support.noc import mesh_ways  # noqa: E402

from nmcompile.build.deployment import Deployment  # noqa: E402
from nmcompile.build.mesh import MeshRun, run_mesh  # noqa: E402
from nmcompile.build.pipeline import BuildRequest, build  # noqa: E402
from nmcompile.mapping.noc.drain import drain  # noqa: E402
from nmcompile.units import format_si  # noqa: E402

COMMAND = "make bench-noc"
SIDE = 32
CASES = (
    *(("siamsnn", "loihi2"), ("siamsnn", "loihi1"), ("siamsnn-truenorth", "truenorth")),
    *(("siamsnn", "tianjic"), ("dashnet", "tianjic")),
)
Pairs = list[tuple[int, int]]


def _patterns() -> Iterator[tuple[str, Pairs, int]]:
    """(name, pairs of cores, packets of each)."""
    cores = SIDE * SIDE
    rng = np.random.default_rng(0)
    yield "to the eastern neighbour", [(c, c + 1) for c in range(cores) if (c + 1) % SIDE], 100
    yield "all to one corner", [(c, 0) for c in range(1, cores)], 1
    places = [(y, x) for y in range(SIDE) for x in range(SIDE) if x != y]
    yield "transpose", [(y * SIDE + x, x * SIDE + y) for y, x in places], 10
    yield "reversal", [(c, cores - 1 - c) for c in range(cores)], 10
    for packets in (1, 10, 100):
        partners = rng.integers(0, cores, (cores, packets))
        pairs = sorted({(c, int(p)) for c in range(cores) for p in partners[c]})
        yield f"uniform random, {packets} a core", pairs, 1


def patterns() -> Rows:
    """Known traffic, and its bound."""
    figures, rows, lines = [], [], []
    for name, pairs, packets in _patterns():
        ways = mesh_ways(SIDE, SIDE, pairs)
        found = drain(ways, np.full((1, len(pairs)), packets, np.int64))
        cycles, bound = int(found.cycles[0]), int(found.bound[0])
        row = {
            "pattern": name,
            "packets": int(found.packets[0]),
            "busiest_link": int(found.load_max[ways.in_mesh].max(initial=0)),
            "bound_cycles": bound,
            "cycles": cycles,
            "queue_max": int(found.queue_max.max(initial=0)),
        }
        rows.append(row)
        lines.append((*(f"{v:,}" if isinstance(v, int) else v for v in row.values()),))
        figures.append(Figure(f"{name}: cycles over bound", cycles / bound, "1", COMMAND))
    head = ("pattern", "packets", "busiest link", "bound", "cycles", "longest queue")
    print(
        table(
            (*head, "cycles / bound"),
            [(*line, f"{f.value:.3f}") for line, f in zip(lines, figures, strict=True)],
        )
    )
    return figures, rows


def shipped() -> Rows:
    """The shipped trackers on their chips."""
    figures: list[Figure] = []
    rows: list[dict[str, Any]] = []
    for model, target in CASES[: 1 if QUICK else None]:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "build"
            build(BuildRequest(ROOT / "models" / model / f"{model}.pt", target, out))
            deployment = Deployment.open(out)
            stimuli = deployment.stimuli()
            for network in deployment.chip_networks():
                run = run_mesh(deployment, network, stimuli[network][:2])
                rows += _rows(f"{model} on {target}: {network}", run)
    for row in rows:
        name = f"{row['network']}, {row['links']}"
        figures.append(Figure(f"{name}: most cycles", row["cycles_max"], "1", COMMAND))
        enough = row["enough_s"]
        figures.append(Figure(f"{name}: cycle that is enough", enough, "s", COMMAND))
    head = ("network", "links", "cycle", "packets a timestep", "p50", "p95", "max", "bound")
    head = (*head, "queue", "slowest", "mesh decides", "enough")
    print(table(head, [_cells(row) for row in rows]))
    return figures, rows


def _rows(name: str, run: MeshRun) -> list[dict[str, Any]]:
    return [
        {
            "network": name,
            "links": reading.link.name,
            "cycle_s": reading.link.cycle.value,
            "packets_a_timestep": round(run.packets / max(1, run.timesteps)),
            "host_share": run.host / max(1, run.packets),
            "cycles_p50": reading.cycles(50),
            "cycles_p95": reading.cycles(95),
            "cycles_max": reading.cycles(100),
            "bound_max": int(reading.drains.bound.max(initial=0)),
            "queue_max": int(reading.drains.queue_max.max(initial=0)),
            "slowest_s": reading.timing.slowest,
            "decides": reading.timing.decides,
            "timesteps": run.timesteps,
            "enough_s": reading.timing.enough,
        }
        for reading in run.readings
    ]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    counts = ("packets_a_timestep", "cycles_p50", "cycles_p95", "cycles_max", "bound_max")
    decides = row["decides"]
    return (
        row["network"],
        row["links"],
        _time(row["cycle_s"]),
        *(f"{row[key]:,}" for key in (*counts, "queue_max")),
        _time(row["slowest_s"]),
        "unknown" if decides is None else f"{decides} of {row['timesteps']}",
        _time(row["enough_s"]),
    )


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else format_si(seconds, "s")


if __name__ == "__main__":
    run_parts(HERE, {"patterns": patterns, "shipped": shipped})
