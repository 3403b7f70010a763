"""The modern reference on this chip: the hybrid network of Zhao et al. (Nat. Commun. 13, 2022).

    python benchmarks/tianjic/run.py hsn

Its frame rates follow from a whole number of phases; its energies give the power of one chip.
"""

from __future__ import annotations

from typing import Any

from figures import Figure, table
from table4 import COMMAND

from nmcompile.target import FCoreTarget, load_target, of_family

PUBLISHED = (("SNN", 9, 6613.8, 106e-6), ("HSN", 10, 5952.4, 129e-6), ("ANN", 110, 541.1, 272e-6))
"""Network, phases, frames per second, joules per inference; the ANN's rate is a 11th of HSN's."""


def rows(_: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Rates from phases, powers from energies, beside what the target file says."""
    target = of_family(load_target("tianjic"), FCoreTarget)
    phase = target.time.phase.quantity().value or 0.0
    static, head = target.static.power_per_chip.quantity(), target.headline
    found, results, lines = [], [], []
    for name, phases, fps, energy in PUBLISHED:
        ours = 1 / (phases * phase)
        lines.append(
            (
                name,
                phases,
                f"{fps:.1f}",
                f"{ours:.1f}",
                f"{1e6 * energy:.0f}",
                f"{fps * energy:.3f}",
            )
        )
        found.append(
            Figure(f"{name}, FPS of {phases} phases", ours, "1/s", COMMAND, None, "paper", fps)
        )
        results.append({"network": name, "phases": phases, "fps": ours, "power_w": fps * energy})
    print(
        table(("network", "phases", "FPS, paper", "FPS, phases x 16.8 us", "uJ, paper", "W"), lines)
    )
    low, high = static.range
    print(
        f"\none chip: static {static.value} W ({low} to {high}), typical "
        f"{head.power_typical.quantity().value} W, full load {head.power_full.quantity().value} W"
    )
    return found, results
