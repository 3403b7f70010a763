"""Synaptic operations, counted by us, by others, and by plain enumeration.

    make bench-synops          (QUICK=1: without the shipped tracker)

NeuroBench and SpikingJelly are optional and come from an environment of their own, in which
nmcompile is installed as well:

    pip install neurobench==2.3.0 spikingjelly==2.0.0 nmcompile && python benchmarks/synops/run.py

The exit code is 1 when a count that has to be equal is not.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from nets import averaged, borders, enumerated, pooled
from peers import PEERS, Twin, installed

from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.reference.integer import IntegerRunner, Trace

HERE = Path(__file__).resolve().parent
QUICK = os.environ.get("QUICK") == "1"


@dataclass
class Row:
    """One network: our counts, the enumeration's, and every peer's.

    Attributes:
        binding: peers whose counts must equal ours.
    """

    case: str
    ours: dict[str, int]
    brute: int | None
    peers: dict[str, dict[str, int]] = field(default_factory=dict)
    binding: tuple[str, ...] = ()

    def failures(self) -> list[str]:
        """What should be equal and is not."""
        found = []
        if self.brute is not None and self.brute != self.ours["sops"] + self.ours["pool"]:
            found.append(f"{self.case}: enumeration {self.brute}, ours {self.ours}")
        for name in self.binding:
            for key, value in self.peers.get(name, {}).items():
                if value != self.ours[key]:
                    found.append(f"{self.case}: {name} {key} {value}, ours {self.ours[key]}")
        return found


def counts(network: Network, trace: Trace) -> dict[str, int]:
    """SOPs and MACs of the weights, and accesses of pooling, apart."""
    pools = {n.name for n in network.nodes if isinstance(n.op, ops.SpikeMaxPool2d)}
    for node in network.nodes:
        if isinstance(node.op, ops.Neuron) and isinstance(
            network.by_name[node.inputs[0]].op, ops.SumPool2d
        ):
            pools.add(node.name)
    layers = [x for x in trace.counters.layers if x.neurons]
    return {
        "sops": sum(x.sops for x in layers if x.node not in pools),
        "macs": sum(x.macs for x in layers),
        "pool": sum(x.sops for x in layers if x.node in pools),
    }


def measure(
    case: str,
    network: Network,
    stimulus: npt.NDArray[Any],
    *,
    binding: tuple[str, ...] = (),
    scale: float = 1.0,
    brute: bool = True,
) -> Row:
    """Run one network everywhere; the twin must fire as our network does."""
    trace = IntegerRunner(network).run(stimulus, record=True)
    row = Row(case, counts(network, trace), None, binding=binding)
    if brute:
        row.brute = sum(enumerated(network, {"input": stimulus, **trace.spikes}).values())
    batch = torch.from_numpy(stimulus.astype(np.float64))[None]
    for name in installed():
        row.peers[name] = dict(PEERS[name](Twin(network, scale), batch * scale))
    with torch.no_grad():
        twin = Twin(network, scale)(batch * scale)[0].numpy() / scale
    last = [n.name for n in network.nodes if isinstance(n.op, ops.Neuron)][-1]
    if not np.array_equal(np.rint(twin), trace.spikes[last].sum(axis=0, dtype=np.int64)):
        sys.exit(f"{case}: the torch twin does not fire as the network does")
    return row


def tracker() -> tuple[Network, npt.NDArray[Any]]:
    """The shipped tracker's template network, and a part of a picture that its file carries."""
    sys.path.insert(0, str(HERE.parent / "siamsnn"))
    import common

    from nmcompile.frontends.checkpoint import load_checkpoint
    from nmcompile.passes.recipe import Recipe
    from nmcompile.reference.float import channel_order

    program = common.programs(common.SHIPPED, Recipe())["integer"]
    network = program.network("template")
    images = load_checkpoint(common.SHIPPED).images
    size = network.types["input"].shape[-1]
    return network, channel_order(images[:1, :size, :size], program.preprocess)[0]


def rows() -> list[Row]:
    """All networks; NeuroBench's counts bind where it can read the spikes."""
    rng = np.random.default_rng(0)
    done = []
    for make in (borders, pooled, averaged):
        network = make(rng)
        spikes = _spikes(rng, network)
        done.append(measure(network.name, network, spikes, binding=("neurobench",)))
    if not QUICK:
        trained, picture = tracker()
        name = "shipped tracker, template, T = 16"
        done.append(measure(name, trained, picture, binding=("neurobench",), brute=False))
    network = borders(rng)
    spikes = _spikes(rng, network)
    done.append(measure("spikes scaled by 0.73", network, spikes, scale=0.73))
    network = borders(rng, (8, 4, 2, 1))
    done.append(measure("weighted spikes 8-4-2-1", network, spikes * 8))
    return done


def _spikes(rng: np.random.Generator, network: Network) -> npt.NDArray[np.uint8]:
    shape = (network.timesteps, *network.types["input"].shape)
    return (rng.random(shape) < 0.2).astype(np.uint8)


def markdown(done: list[Row]) -> str:
    """The table of the README."""
    head = ("network", "SOPs", "enumerated", "pool", "MACs", "NeuroBench AC / MAC", "SpikingJelly")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in done:
        bench, jelly = row.peers.get("neurobench"), row.peers.get("spikingjelly")
        cells = (
            row.case,
            f"{row.ours['sops']:,}",
            "-" if row.brute is None else f"{row.brute:,}",
            f"{row.ours['pool']:,}",
            f"{row.ours['macs']:,}",
            f"{bench['sops']:,} / {bench['macs']:,}" if bench else "-",
            f"{jelly['sops']:,}" if jelly else "-",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(done: list[Row], found: dict[str, str]) -> None:
    """result.json in the form that all benchmarks share."""
    figures = []
    for row in done:
        for key, value in row.ours.items():
            peers = {n: counts_[key] for n, counts_ in row.peers.items() if key in counts_}
            figures.append(
                {
                    "name": f"{row.case}: {key}",
                    "value": value,
                    "unit": "operations per inference",
                    "goal": "equal to the peer" if row.binding and key != "pool" else None,
                    "peer": "neurobench" if "neurobench" in peers else None,
                    "peer_value": peers.get("neurobench"),
                    "command": "make bench-synops",
                }
            )
    packages = {name: version(name) for name in ("numpy", "torch", "numba")}
    body = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version(), **packages, **found},
        "figures": figures,
        "rows": [vars(row) for row in done],
    }
    suffix = "-quick" if QUICK else ""
    (HERE / f"result{suffix}.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Measure, print, write."""
    found = installed()
    for name in set(PEERS) - set(found):
        print(f"{name} is not installed here: its column stays empty (see the top of this file)")
    done = rows()
    failures = [line for row in done for line in row.failures()]
    print(markdown(done))
    write(done, found)
    if failures:
        sys.exit("not equal:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()
