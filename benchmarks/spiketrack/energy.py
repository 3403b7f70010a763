"""Multiply-adds, parameters and energy by the papers' convention of all six published variants.

    E = 0.9 pJ x sum over the layers of (multiply-adds x mean count n of what they read)

n = 0 ... 4 is what the published code logs as the firing rate (it "may exceed 1"), D times the rate
of a micro-step; T is in the multiply-adds. A product of two activities costs the product of both
counts, one with a memory the count of the query. The first layer reads pixels: it is charged as
additions at rate 1 of D micro-steps, and as multiply-adds (4.6 pJ). No memory access, no routing,
no neuron update, no leakage: arithmetic only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from figures import Figure, Rows, table
from rates import STAND_IN, Rates, measured
from workload import Layer, layers, memory_depths, share

from nmcompile.architectures.spiketrack.config import PUBLISHED
from nmcompile.architectures.spiketrack.network import SpikeTrack
from nmcompile.frontends.spiketrack import search_network, template_network

AC_J, MAC_J, LEVELS = 0.9e-12, 4.6e-12, 4
PAPER_MJ = {"S256-T3": 75.2 / 26, "B256-T3": 75.2 / 7.6, "B384-T3": 27.3}
"""SpikeTrack (arXiv 2602.23963): S256 at 1/26 and B256-T3 at 1/7.6 of TransT's 75.2 mJ; which of
the two B384 needs 27.3 mJ is not said."""
PAPER_PARAMETERS = {"S256-T1": 11_760_130}
COMMAND = "make bench-spiketrack"


def main() -> Rows:
    """Build the six graphs, print the table."""
    own = measured()
    rows = [_row(name, own) for name in PUBLISHED]
    cells = [
        (
            row["variant"],
            f"{row['parameters'] / 1e6:.2f}",
            "{:.2f} ({:.2f}, {:.2f})".format(
                *(row[name] / 1e9 for name in ("macs", "memory_macs", "head_macs"))
            ),
            f"{row['template_macs'] / 1e9:.2f}",
            _mj(row["stand_in_ac_j"]),
            _mj(row["stand_in_mac_j"]),
            _mj(row["own_ac_j"]),
            "-" if row["paper_mj"] is None else f"{row['paper_mj']:.1f}",
        )
        for row in rows
    ]
    head = ("variant", "parameters M", "GMAC search (memories, head)", "GMAC template")
    print(
        table((*head, "mJ, SpikeFET rates", "first as MAC", "mJ, small model's", "paper mJ"), cells)
    )
    return figures_of(rows), rows


def _mj(energy_j: float | None) -> str:
    return "-" if energy_j is None else f"{energy_j * 1e3:.2f}"


def _row(name: str, own: Rates | None) -> dict[str, Any]:
    module = SpikeTrack(PUBLISHED[name]).eval()
    search, template = search_network(module), template_network(module)
    found = layers(search, memory_depths(search))
    template_macs = sum(layer.macs for layer in layers(template)) * template.timesteps
    row: dict[str, Any] = {
        "variant": name,
        "parameters": sum(p.numel() for p in module.parameters()),
        "macs": sum(layer.macs for layer in found),
        "memory_macs": sum(layer.macs for layer in found if layer.memory),
        "head_macs": sum(layer.macs for layer in found if layer.kind == "head"),
        "first_macs": sum(layer.macs for layer in found if layer.kind == "first"),
        "template_macs": template_macs,
        "paper_mj": PAPER_MJ.get(name),
    }
    for key, rates in (("stand_in", STAND_IN), ("own", own)):
        for how in ("ac", "mac"):
            row[f"{key}_{how}_j"] = None if rates is None else energy(found, rates, how)
    return row


def energy(found: list[Layer], rates: Rates, first: str) -> float:
    """Joules per search crop; the first layer as "ac" or as "mac"."""
    deep = {kind: share(kind, found) for kind in {layer.kind for layer in found}}
    total = 0.0
    for layer in found:
        if layer.kind == "first":
            total += layer.macs * (AC_J * LEVELS if first == "ac" else MAC_J)
        else:
            total += layer.macs * AC_J * count(rates, layer.kind, deep[layer.kind][layer.label])
    return total


def count(rates: Mapping[str, tuple[float, float]], kind: str, depth: float) -> float:
    """Mean count of what a layer reads, between the first and the last of its kind."""
    first, last = rates[kind]
    return first + (last - first) * depth


def figures_of(rows: list[dict[str, Any]]) -> list[Figure]:
    """Parameters, multiply-adds and energy of every variant."""
    found = []
    for row in rows:
        name, paper = row["variant"], row["paper_mj"]
        found += [
            Figure(
                f"{name}: parameters",
                row["parameters"],
                "1",
                COMMAND,
                peer="the published network",
                peer_value=PAPER_PARAMETERS.get(name),
            ),
            Figure(f"{name}: multiply-adds of a search crop", row["macs"], "1", COMMAND),
            Figure(
                f"{name}: energy by the papers' convention, rates of SpikeFET",
                round(row["stand_in_ac_j"] * 1e3, 3),
                "mJ",
                COMMAND,
                peer="SpikeTrack, printed" if paper else None,
                peer_value=None if paper is None else round(paper, 2),
            ),
        ]
        if row["own_ac_j"] is not None:
            own = round(row["own_ac_j"] * 1e3, 3)
            text = f"{name}: the same with the rates of the small trained model"
            found.append(Figure(text, own, "mJ", COMMAND))
    return found
