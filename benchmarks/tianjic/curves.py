"""Cores against phases for DashNet's two networks at the size of the paper.

    python benchmarks/tianjic/run.py curves

Nothing is placed or simulated: weights do not matter.
"""

from __future__ import annotations

from typing import Any

import table4
from figures import Figure, table

from nmcompile.architectures.dashnet import DashNetConfig
from nmcompile.backends.tianjic.mapping.plan import curve
from nmcompile.target import FCoreTarget, load_target, of_family

GOAL = ">= 10"
"""SemiMap's abstract has more than 35 times fewer for its networks, JSSC's about 30."""


def rows(_: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Every schedule of both networks."""
    target = of_family(load_target("tianjic"), FCoreTarget)
    golden, _stimuli = table4.golden_program(DashNetConfig(), 1)
    found: list[Figure] = []
    results: list[dict[str, Any]] = []
    for network in golden.chip_networks:
        lines = curve(network, target)
        print(f"{network.name}\n")
        head = tuple(lines[0])
        print(table(head, [tuple(row[k] for k in head) for row in lines]) + "\n")
        results += [{"network": network.name, **row} for row in lines]
        cores = {row["schedule"]: row["cores"] for row in lines}
        unfolded, semi = cores["unfolded"], cores["semi-folded"]
        if isinstance(unfolded, int) and isinstance(semi, int):
            name = f"cores, unfolded over semi-folded, DashNet {network.name.upper()}"
            found.append(
                Figure(
                    name, unfolded / semi, "1", table4.COMMAND, GOAL, "SemiMap, its networks", 35
                )
            )
    return found, results
