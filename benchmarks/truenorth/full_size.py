"""What does the full-size SiamFC-3s really take on crossbar cores?

    python benchmarks/truenorth/run.py full_size     (QUICK=1: ternary weights, nothing is run)

SiamSNN prints "50 FPS, 55 uJ" for it. A neuron of its layers reads 1,200 to 2,304 inputs, a core
has 256 axons: no exact mapping exists. Here its layers run in parts whose sums travel as rates
(`--split-fan-in`), and everything that this takes is counted: boxes, copies, relays, ticks. The
compilation runs in a process of its own, for its wall time and its peak memory. Tables of synapses
and places of cores are left out: no described system holds so many chips.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
from figures import Figure, peak_bytes, table

from nmcompile.backends.registry import backend_of
from nmcompile.backends.truenorth.mapping.assemble import Plan
from nmcompile.backends.truenorth.mapping.mapper import plan_network
from nmcompile.build.compiled import Compiled, Options, lower, prepared
from nmcompile.build.execute import reference_executor
from nmcompile.build.partial_sum_rows import partial_sum_rows
from nmcompile.build.stimuli import recorded_inputs
from nmcompile.frontends import load
from nmcompile.passes.rate_split import rails_of
from nmcompile.passes.recipe import Recipe
from nmcompile.target import CrossbarTarget, load_target, of_family

COMMAND = "make bench-truenorth"
MODEL = "siamfc_3s"
TIMESTEPS = 20
"""T of SiamSNN."""
SCALES = 3
PAPER, PAPER_FPS, PAPER_J, CORRECTED_J = "SiamSNN, table III", 50, 5.5e-5, 2.75e-3
"""The printed energy divides operations per frame as if they were operations per second."""
WALL_S, MEMORY_BYTES = 60, 4e9
NAMES = {2: "ternary", 4: "4-bit"}
HEAD = ("network", "neurons", "of them rails", "layer cores", "relay cores", "ticks", "plan s")


def rows(quick: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Compile with ternary (and 4-bit) weights, run one frame for the errors and the energy."""
    found: list[Figure] = []
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        path = common.checkpoint(MODEL, Path(scratch))
        for bits in (2,) if quick else (2, 4):
            result = apart(path, bits, measured=False)
            if bits == 2 and not quick:
                result |= apart(path, bits, measured=True)["measured"]
            _print(result)
            found += _figures(result)
            results.append(result)
    return found, results


def apart(path: Path, bits: int, *, measured: bool) -> dict[str, Any]:
    """`child` in a process of its own: what it found, its wall time and its peak memory."""
    command = [sys.executable, __file__, str(path), str(bits), *(["measured"] * measured)]
    folders = os.pathsep.join([str(common.ROOT), str(common.HERE), str(common.HERE.parent)])
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": folders}
    )
    if process.stdout is None:
        raise RuntimeError("the child has no output")
    text = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the compilation failed: {' '.join(command)}")
    wall = time.perf_counter() - started
    cost = {
        "wall_s": wall,
        "cpu_s": used.ru_utime + used.ru_stime,
    }
    return {"bits": bits, **cost, **json.loads(text)}


def child(path: Path, bits: int, *, measured: bool) -> dict[str, Any]:
    """Lower, split, cut, copy, relay, time; with `measured` also run one frame."""
    target = of_family(load_target("truenorth"), CrossbarTarget)
    recipe = Recipe(timesteps=TIMESTEPS, weight_bits=bits, weight_step="channel", split_fan_in=True)
    build = prepared(load(path), target, Options(recipe, frames=1))
    lower(build, backend_of(target))
    if build.fan_in is None:
        raise RuntimeError("no layer was split")
    rails = {
        (s.network, name) for s in build.fan_in.layers for lv in rails_of(s.cut) for name in lv
    }
    networks, plans = [], {}
    for network in build.golden.chip_networks:
        started = time.perf_counter()
        plan = plan_network(network, target)
        seconds = time.perf_counter() - started
        plans[network.name] = plan
        populations = plan.split.populations
        cuts = plan.tiling.cuts.values()
        networks.append(
            {
                "network": network.name,
                "neurons": sum(p.size for p in populations),
                "rails": sum(p.size for p in populations if (network.name, p.name) in rails),
                "layer_cores": sum(c.layer_cores for c in cuts),
                "relay_cores": sum(c.relay_cores for c in cuts),
                "ticks": plan.times.ticks,
                "seconds": seconds,
            }
        )
    parts = {s.cut.layer: len(s.cut.parts) for s in build.fan_in.layers}
    found: dict[str, Any] = {"networks": networks, "parts": parts, "rss_bytes": peak_bytes()}
    if measured:
        found["measured"] = _measured(build, plans)
    return found


def _measured(build: Compiled, plans: dict[str, Plan]) -> dict[str, Any]:
    """Spikes and operations of one frame, and what the parts lose on it."""
    if build.fan_in is None:
        raise RuntimeError("no layer was split")
    executor = reference_executor(build.golden)
    recorded_inputs(executor, build.frames)
    errors = build.fan_in.measured(build.golden, build.frames)
    step = next(s for s in build.golden.steps_of("search") if s.place == "chip")
    (counted,) = executor.counted[step.name]
    cuts = plans["search"].tiling.cuts
    most = plans["search"].tiling.cutters
    repeated = {
        p.layer: np.minimum(cuts[p.name].slots, most[p.name].most_neurons).sum() / p.size
        for p in plans["search"].split.populations
    }
    return {
        "sops": counted.sops,
        "core_sops": round(sum(row.sops * repeated[row.layer] for row in counted.layers)),
        "errors": [row.model_dump() for row in partial_sum_rows(errors)],
        "response": errors.response,
    }


def _print(result: dict[str, Any]) -> None:
    name = NAMES[result["bits"]]
    print(f"\n{name} weights; parts: {result['parts']}\n")
    keys = ("network", "neurons", "rails", "layer_cores", "relay_cores", "ticks", "seconds")
    print(table(HEAD, [tuple(_cell(row[k]) for k in keys) for row in result["networks"]]))
    print(
        f"\ncompiled in {result['wall_s']:.0f} s ({result['cpu_s']:.0f} s of processor time), "
        f"{result['rss_bytes'] / 1e9:.2f} GB\n"
    )
    if "errors" in result:
        keys = ("network", "layer", "parts", "rails", "correlation", "relative_error", "saturated")
        print(table(keys, [tuple(_cell(row[k]) for k in keys) for row in result["errors"]]))
    print(
        table(
            ("figure", "value", "unit"),
            [(f.name, _cell(f.value), f.unit) for f in _figures(result)],
        )
    )


def _cell(value: object) -> str:
    return (
        f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def _figures(result: dict[str, Any]) -> list[Figure]:
    """Everything that one frame of three scales takes, both networks resident."""
    chip = of_family(load_target("truenorth"), CrossbarTarget)
    networks = {row["network"]: row for row in result["networks"]}
    cores = sum(row["layer_cores"] + row["relay_cores"] for row in networks.values())
    chips = -(-cores // int(chip.chip.cores.value))
    ticks = SCALES * networks["search"]["ticks"]
    seconds = ticks * _si(chip.time.tick)
    static = chips * _si(chip.static.power_per_chip)
    name = f"full-size SiamFC-3s, {NAMES[result['bits']]}"
    goals = (f"<= {WALL_S}", f"<= {MEMORY_BYTES / 1e9:g}") if result["bits"] == 2 else (None, None)
    found = [
        Figure(f"{name}: cores", cores, "cores", COMMAND, peer=PAPER),
        Figure(f"{name}: chips", chips, "chips", COMMAND, peer=PAPER, peer_value=1),
        Figure(f"{name}: ticks per frame", ticks, "ticks", COMMAND),
        Figure(
            *(f"{name}: frames per second", 1 / seconds, "1/s", COMMAND),
            peer=PAPER,
            peer_value=PAPER_FPS,
        ),
        Figure(f"{name}: static power", static, "W", COMMAND),
        Figure(f"{name}: static energy per frame", static * seconds, "J", COMMAND),
    ]
    if "sops" in result:
        dynamic = SCALES * result["core_sops"] * _si(chip.energy.synaptic_op_routed)
        energy = static * seconds + dynamic
        peer = {"peer": PAPER, "peer_value": PAPER_J}
        found += [
            Figure(
                f"{name}: synaptic operations per frame", SCALES * result["sops"], "SOP", COMMAND
            ),
            Figure(f"{name}: dynamic energy per frame", dynamic, "J", COMMAND),
            Figure(f"{name}: energy per frame", energy, "J", COMMAND, **peer),
            Figure(f"{name}: energy over the printed one", energy / PAPER_J, "1", COMMAND),
            Figure(f"{name}: energy over the corrected one", energy / CORRECTED_J, "1", COMMAND),
            Figure(
                f"{name}: power", energy / seconds, "W", COMMAND, peer=PAPER, peer_value=2.75e-3
            ),
        ]
    return [
        *found,
        Figure(f"{name}: compilation", result["wall_s"], "s", COMMAND, goals[0]),
        Figure(f"{name}: compilation, memory", result["rss_bytes"] / 1e9, "GB", COMMAND, goals[1]),
    ]


def _si(measure: Any) -> float:
    """A constant of the target in its base unit."""
    value = measure.quantity().value
    if value is None:
        raise ValueError("the target does not say")
    return float(value)


if __name__ == "__main__":
    json.dump(
        child(Path(sys.argv[1]), int(sys.argv[2]), measured="measured" in sys.argv), sys.stdout
    )
