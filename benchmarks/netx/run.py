"""lava-dl's networks on a Loihi 2: the same numbers as lava-dl on Lava, the cores, and the speed.

python benchmarks/netx/run.py          (QUICK=1: 20 timesteps instead of 100)

Needs the networks (NMCOMPILE_DATA) and, for the comparison, lava-dl:
`pip install --no-deps --ignore-requires-python lava-dl==0.6.0`; it fails where a number differs.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent)]

from figures import QUICK, Figure, table, write  # noqa: E402

from nmcompile.backends.loihi.engine import LoihiEngine  # noqa: E402
from nmcompile.build.compiled import Compiled, Options, compile_model  # noqa: E402
from nmcompile.build.given_input import frames_from  # noqa: E402
from nmcompile.frontends import load  # noqa: E402
from nmcompile.ir import ops  # noqa: E402
from nmcompile.passes.recipe import Recipe  # noqa: E402
from nmcompile.reference.integer import IntegerRunner  # noqa: E402
from nmcompile.target import load_target  # noqa: E402

DATA = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared" / "data")) / "netx"
NETWORKS = ("tiny", "mnist_cuba", "gts_pilotnet_sdnn")
CHILD = ROOT / "tests" / "support" / "lava_dl.py"
COMMAND = "python benchmarks/netx/run.py"
STEPS = 20 if QUICK else 100
REPETITIONS = 2 if QUICK else 5
TIME_LIMIT_S = 900


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes:
        name: of the file. neurons, cores, ticks: on a Loihi 2, for STEPS timesteps.
        sops: synaptic operations of one inference.
        engine: timesteps per second of the mapped cores. lava: of lava-dl's network on Lava.
        equal: values that left both, all equal; None without lava-dl.
    """

    name: str
    neurons: int
    cores: int
    ticks: int
    sops: int
    engine: float
    lava: float | None
    equal: int | None


def compiled(name: str) -> Compiled:
    """The network on as few cores as possible, golden and cores compared."""
    options = Options(recipe=Recipe(timesteps=STEPS), frames=1, spread=False)
    model = load(DATA / f"{name}.net")
    return compile_model(model, load_target("loihi2"), options, lambda _: None)


def job_of(build: Compiled) -> tuple[dict[str, Any], int]:
    """What lava-dl must be told for the same inference, and by how many steps it is later."""
    (given,) = build.inputs["main"]
    network = build.golden.networks[0]
    path = DATA / f"{build.model.program.name}.net"
    job: dict[str, Any] = {"net": str(path), "message_bits": 0, "reset_offset": 0}
    if any(network.of_type(ops.Delay)):
        return {**job, "reset_interval": 0, "steps": STEPS, "source": given.stimulus.T}, 0
    late = sum(1 for _ in network.of_type(ops.Conv2d, ops.Linear))
    job |= {"steps": STEPS + late, "reset_interval": STEPS + late}
    if network.types["input"].kind == "values":
        return {**job, "bias": given.stimulus.T}, late
    silence = np.zeros((given.stimulus.shape[1], late), np.int32)
    source = np.concatenate([given.stimulus.T.astype(np.int32), silence], axis=1)
    return {**job, "reset_offset": 1, "source": source}, late


def on_lava(builds: dict[str, Compiled]) -> dict[str, tuple[float, int]]:
    """Network -> timesteps per second and number of equal values; empty without lava-dl."""
    try:
        importlib.metadata.version("lava-dl")
    except importlib.metadata.PackageNotFoundError:
        print("lava-dl is not installed: nothing to compare with", file=sys.stderr)
        return {}
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = {key: job_of(build) for key, build in builds.items()}
        for key, (job, _) in jobs.items():
            np.savez(folder / f"{key}.npz", **job)
        (folder / "jobs.json").write_text(json.dumps(list(jobs)))
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
        command = [sys.executable, str(CHILD), str(folder)]
        subprocess.run(command, check=True, timeout=TIME_LIMIT_S, env=environment)
        for key, (job, late) in jobs.items():
            with np.load(folder / f"{key}.out.npz") as result:
                output, seconds = result["output"].T, float(result["seconds"])
            golden = golden_output(builds[key])
            if not np.array_equal(output[late : late + STEPS], golden):
                sys.exit(f"{key}: lava-dl on Lava computes something else")
            found[key] = ((int(job["steps"]) - 1) / seconds, golden.size)
    return found


def golden_output(build: Compiled) -> Any:
    """What leaves the golden network, `(T, ...)`."""
    (given,) = build.inputs["main"]
    return np.asarray(IntegerRunner(build.golden.networks[0]).run(given.stimulus).output)


def engine_rate(build: Compiled) -> float:
    """Timesteps per second of the mapped cores, best of REPETITIONS."""
    (given,) = build.inputs["main"]
    engine = LoihiEngine(build.graphs["main"])
    seconds = []
    for _ in range(REPETITIONS + 1):
        begin = time.perf_counter()
        engine.run(given.stimulus)
        seconds.append(time.perf_counter() - begin)
    return STEPS / min(seconds[1:])


def reference_output() -> tuple[int, int]:
    """(equal, all) numbers of PilotNet's reference output."""
    wanted = np.load(DATA / "gts_pilotnet_sdnn_output.npy").ravel()
    program = load(DATA / "gts_pilotnet_sdnn.net").program
    network = program.networks[0].replace(timesteps=len(wanted))
    program = program.map_networks(lambda _: network)
    (frame,) = frames_from(DATA / "gts_pilotnet_sdnn_input.npy", program, 1)
    found = np.asarray(IntegerRunner(network).run(frame.frame).output).ravel()
    return int(np.sum(found == wanted)), len(wanted)


def row_of(name: str, build: Compiled, lava: tuple[float, int] | None) -> Row:
    """Everything about one network."""
    (counters,) = build.counters["main"]
    graph = build.graphs["main"]
    return Row(
        name=name,
        neurons=build.verifications[0].neurons,
        cores=graph.cores,
        ticks=graph.ticks,
        sops=counters.sops,
        engine=engine_rate(build),
        lava=None if lava is None else lava[0],
        equal=None if lava is None else lava[1],
    )


def main() -> None:
    """Measure, print, write."""
    if not DATA.is_dir():
        sys.exit(f"the networks are not there: {DATA} (NMCOMPILE_DATA)")
    builds = {name: compiled(name) for name in NETWORKS}
    lava = on_lava(builds)
    rows = [row_of(name, build, lava.get(name)) for name, build in builds.items()]
    equal, numbers = reference_output()
    figures = [
        Figure("PilotNet's reference output, equal numbers", equal, "", COMMAND, str(numbers))
    ]
    for row in rows:
        figures.append(
            Figure(
                f"{row.name}, mapped cores", round(row.engine, 1), "timesteps/s", COMMAND,
                peer="lava-dl 0.6.0 on Lava 0.10.0, CPU",
                peer_value=None if row.lava is None else round(row.lava, 2),
            )
        )  # fmt: skip
    head = ("network", "neurons", "cores", "ticks", "M SOPs", "cores ts/s", "lava-dl ts/s", "ratio")
    print(table(head, (cells(row) for row in rows)))
    print(f"\nPilotNet's reference output: {equal} of {numbers} numbers")
    if lava:
        print(f"equal to lava-dl on Lava: all {sum(row.equal or 0 for row in rows):,} values")
    write(HERE, figures, [vars(row) for row in rows], "h5py")


def cells(row: Row) -> tuple[object, ...]:
    """A row of the table."""
    name, ticks = f"{row.name}.net", f"{row.ticks} for {STEPS} ts"
    counts = (name, f"{row.neurons:,}", row.cores, ticks, f"{row.sops / 1e6:.2f}")
    if row.lava is None:
        return (*counts, f"{row.engine:.0f}", "-", "-")
    return (*counts, f"{row.engine:.0f}", f"{row.lava:.1f}", f"{row.engine / row.lava:.0f}")


if __name__ == "__main__":
    main()
