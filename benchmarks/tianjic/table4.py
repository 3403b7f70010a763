"""DashNet's Table 4 (arXiv 1909.12942): what of it follows from what, and our figures beside it.

    python benchmarks/tianjic/run.py table4

The paper's hybrid counts one pass of its ANN for every 2083.3 / 240.5 outputs of its SNN. Our rows
are the same two networks, placed on cores and simulated: at the paper's frame rates, under the
schedule that is taken unasked (the fewest phases that fit one chip, else semi-folded), and
semi-folded. Our hybrid runs its ANN as often as the paper's, or as often as it can.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import networks
import numpy as np
from figures import Figure, table

from nmcompile.architectures.dashnet import DashNetConfig
from nmcompile.backends.folding import backend_for
from nmcompile.build.compiled import Options, lower, prepared
from nmcompile.build.execute import NetworkInput
from nmcompile.build.verify import require_equal, verify_network
from nmcompile.cost.by_schedule import Rated, per_output
from nmcompile.cost.energy import frame_energy
from nmcompile.cost.rates import rates_of
from nmcompile.cost.timing import frame_seconds, output_latency
from nmcompile.cost.workload import ChipWork, Workload
from nmcompile.frontends import load
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.target import FCoreTarget, load_target, of_family
from nmcompile.units import Quantity

COMMAND = "make bench-tianjic"
Range = tuple[float, float, float]
PAPER = {
    "SNN": Rated("SNN", 2083.3, 33.0e6, 0.0, 1 / 127.9),
    "ANN": Rated("ANN", 240.5, 32.4e6, 32.3e6, 1 / 55.4),
    "DashNet": Rated("DashNet", 2083.3, 36.7e6, 3.7e6, 1 / 100.1),
}
SEEDED = "seeded weights"
HEAD = (
    *("", "adds M", "muls M", "FPS", "FPS/W", "W", "W, full load"),
    *("cores", "chips", "phases", "latency ms"),
)


@dataclass(frozen=True)
class Measured:
    """One network on cores under one schedule, means over the frames that were simulated.

    Attributes:
        rated: operations and energy of one pass, frames per second.
        static_w: (least, estimate, most) static power of its chips, watts.
        dynamic_j: the same of the energy of one pass beyond that, joules.
        full_w: of its chips if all their cores were busy, watts.
        schedule, cores, chips, phases: of the mapping. latency_s: of one pass.
        spikes: compared with the golden network, all equal.
    """

    rated: Rated
    static_w: Range
    dynamic_j: Range
    full_w: float
    schedule: str
    cores: int
    chips: int
    phases: int
    latency_s: float
    spikes: int

    def power_w(self, rate_hz: float) -> Range:
        """(least, estimate, most) watts at a rate."""
        low, value, high = (
            s + d * rate_hz for s, d in zip(self.static_w, self.dynamic_j, strict=True)
        )
        return low, value, high


def rows(quick: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Print the table of the paper, what follows from it, and ours."""
    derived = per_output((PAPER["ANN"], PAPER["SNN"]), "SNN")
    config = DashNetConfig()
    printed = [_cells(f"paper, {name}", row) for name, row in PAPER.items()]
    printed.append(_cells("follows from its SNN and ANN", derived))
    printed.append(_dense(config))
    target = of_family(load_target("tianjic"), FCoreTarget)
    golden, given = golden_program(config, 1 if quick else 3)
    found: list[Measured] = []
    sets = _schedules(golden, target)
    for label, (ann, snn) in list(sets.items())[: 1 if quick else None]:
        both = [
            _measured(golden.network(n), given[n], target, schedule)
            for n, schedule in (("ann", ann), ("snn", snn))
        ]
        found += both
        printed += [_own(f"ours, {m.rated.name.upper()}, {label}", m) for m in (both[1], both[0])]
        printed.append(_hybrid(label, *both))
    print(table(HEAD, printed))
    print(
        f"\nours: {SEEDED}, events of an invented film; power at the full rate, without packets\n"
        "over chip edges, whose cost is not published; `full load`: chips x the power of a busy\n"
        "chip. The paper's FPS/W are those of its whole system."
    )
    results = [
        {**_plain(m), "network": m.rated.name, "weights": "seeded", "mapped_equals_golden": True}
        for m in found
    ]
    return _figures(derived, found, list(sets)), results


def golden_program(config: DashNetConfig, count: int) -> tuple[Program, dict[str, list[Any]]]:
    """The lowered program, and frames and windows to run."""
    views, windows = networks.stimuli(config, count)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "dashnet.pt"
        networks.checkpoint(path, config, windows)
        target = load_target("tianjic")
        build = prepared(load(path), target, Options(calibrate="synthetic"))
        lower(build, backend_for(target, ""))
    return build.golden, {"ann": views, "snn": windows}


def _schedules(golden: Program, target: FCoreTarget) -> dict[str, tuple[str, str]]:
    """Schedules of ANN and SNN: at the paper's rates, unasked, semi-folded."""
    phase = target.time.phase.quantity().value or 0.0
    ann = int(1 / (PAPER["ANN"].rate_hz * phase))
    snn = int(1 / (PAPER["SNN"].rate_hz * phase)) // golden.network("snn").timesteps
    return {
        "the paper's rates": (f"folded:{ann}", f"semi-folded:{snn}"),
        "unasked": ("", ""),
        "semi-folded": ("semi-folded", "semi-folded"),
    }


def _measured(network: Network, given: list[Any], target: FCoreTarget, schedule: str) -> Measured:
    """Map, simulate and charge one network; every spike must be the golden network's."""
    backend = backend_for(target, schedule)
    graph = backend.map(network, target)
    if not isinstance(graph, FCoreGraph):
        raise TypeError(type(graph).__name__)
    inputs = [NetworkInput(stimulus) for stimulus in given]
    result = verify_network(network, backend.simulator(graph), inputs)
    require_equal(result)
    rates = rates_of(target)
    run = ChipWork(network.name, network.name, "every_frame", 1, result.counters)
    work = Workload((run,), (), graph.chips)
    energy, seconds = frame_energy(work, rates), frame_seconds(work, rates).value or 0.0
    static = _range(energy.component("static"), 1 / seconds)
    dynamic = _range(energy.component("synapse"), 1.0)
    sops = float(np.mean([c.sops for c in result.counters]))
    macs = float(np.mean([c.macs for c in result.counters]))
    return Measured(
        Rated(network.name, 1 / seconds, sops + macs, macs, static[1] * seconds + dynamic[1]),
        static,
        dynamic,
        (target.headline.power_full.quantity().value or 0.0) * graph.chips,
        graph.schedule,
        graph.cores,
        graph.chips,
        graph.phases,
        output_latency(work, rates).value or 0.0,
        result.spikes,
    )


def _range(quantity: Quantity, factor: float) -> Range:
    low, high = quantity.range
    return low * factor, (quantity.value or 0.0) * factor, high * factor


def _cells(name: str, row: Rated) -> tuple[object, ...]:
    efficiency = 1 / (row.energy_j or 1.0)
    return (
        name,
        f"{row.adds / 1e6:.1f}",
        f"{row.multiplies / 1e6:.1f}",
        f"{row.rate_hz:.1f}",
        f"{efficiency:.1f}",
        f"{row.rate_hz / efficiency:.2f}",
        *["-"] * 5,
    )


def _dense(config: DashNetConfig) -> tuple[object, ...]:
    """All products of the networks at 152 x 152: what the paper counts for its ANN."""
    ann = sum(layer.macs for layer in config.ann_layers)
    adds = ann + sum(layer.neurons for layer in config.ann_layers)
    name = f"counted, dense ANN at {config.input_size} x {config.input_size}"
    return (name, f"{adds / 1e6:.1f}", f"{ann / 1e6:.1f}", *["-"] * 8)


def _own(name: str, m: Measured) -> tuple[object, ...]:
    return (
        *_cells(name, m.rated)[:5],
        _watts(m.power_w(m.rated.rate_hz)),
        f"{m.full_w:.2f}",
        f"{m.cores:,}",
        m.chips,
        f"{m.phases} ({m.schedule})",
        f"{1e3 * m.latency_s:.2f}",
    )


def _watts(power: Range) -> str:
    low, value, high = power
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _hybrid(label: str, ann: Measured, snn: Measured) -> tuple[object, ...]:
    """Both networks on cores of their own: powers add up, outputs come at the SNN's rate."""
    rate = snn.rated.rate_hz
    refresh = min(ann.rated.rate_hz, rate * PAPER["ANN"].rate_hz / PAPER["SNN"].rate_hz)
    parts = zip(ann.power_w(refresh), snn.power_w(rate), strict=True)
    low, power, high = (a + b for a, b in parts)
    both = per_output((replace(ann.rated, rate_hz=refresh), snn.rated), "snn")
    cells = _cells(f"ours, hybrid, {label}", replace(both, energy_j=power / rate))
    return (
        *cells[:5],
        _watts((low, power, high)),
        f"{ann.full_w + snn.full_w:.2f}",
        f"{ann.cores + snn.cores:,}",
        ann.chips + snn.chips,
        "-",
        f"{1e3 * snn.latency_s:.2f}",
    )


def _plain(m: Measured) -> dict[str, Any]:
    return {
        "schedule": m.schedule,
        "cores": m.cores,
        "chips": m.chips,
        "phases": m.phases,
        "fps": m.rated.rate_hz,
        "adds": m.rated.adds,
        "multiplies": m.rated.multiplies,
        "energy_j_at_least": m.rated.energy_j,
        "power_w": m.power_w(m.rated.rate_hz),
        "power_w_full_load": m.full_w,
        "latency_s": m.latency_s,
        "spikes_compared": m.spikes,
    }


def _figures(derived: Rated, found: list[Measured], labels: list[str]) -> list[Figure]:
    paper = PAPER["DashNet"]
    figures = [
        Figure(
            "hybrid adds, from both networks",
            derived.adds,
            "1",
            COMMAND,
            "36.7 M",
            "paper",
            paper.adds,
        ),
        Figure(
            *("hybrid multiplications, from both networks", derived.multiplies, "1", COMMAND),
            *("3.7 M", "paper", paper.multiplies),
        ),
    ]
    for index, m in enumerate(found):
        name = f"DashNet {m.rated.name.upper()}, {labels[index // 2]}, {SEEDED}"
        peer = PAPER[m.rated.name.upper()]
        efficiency = 1 / (m.rated.energy_j or 1.0)
        figures += [
            Figure(f"{name}: cores", m.cores, "1", COMMAND),
            Figure(f"{name}: FPS", m.rated.rate_hz, "1/s", COMMAND, None, "paper", peer.rate_hz),
            Figure(
                *(f"{name}: FPS/W, at most", efficiency, "1/J", COMMAND),
                *(None, "paper, whole system", 1 / (peer.energy_j or 1.0)),
            ),
        ]
    return figures
