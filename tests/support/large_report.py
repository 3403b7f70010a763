"""The small report with the floor plan of a large chip."""

from __future__ import annotations

import numpy as np

from nmcompile.report import sections
from nmcompile.report.schema import Report


def chip_plan(side: int, layers: int = 8) -> sections.FloorPlan:
    """A chip of `side` x `side` cores, all taken; figures vary from core to core."""
    rng = np.random.default_rng(0)
    cores = side * side
    number = np.arange(cores)

    def up_to(most: int) -> tuple[int, ...]:
        return tuple(rng.integers(0, most, cores).tolist())

    axons, neurons = up_to(257), up_to(257)
    return sections.FloorPlan(
        columns=side,
        rows=side,
        chip_columns=side,
        chip_rows=side,
        x=tuple((number % side).tolist()),
        y=tuple((number // side).tolist()),
        layers=tuple(f"backbone.features.{n}.conv" for n in range(layers)),
        held=tuple((number * layers // cores).tolist()),
        neurons=neurons,
        axons=axons,
        uses=(
            sections.CoreUse(limit="axons", allowed=256, used=axons),
            sections.CoreUse(limit="neurons", allowed=256, used=neurons),
        ),
        sops=up_to(10_000_000),
        packets=up_to(100_000),
        spikes=up_to(100_000),
        link_load=up_to(1_000_000),
    )


def with_plan(report: Report, plan: sections.FloorPlan) -> Report:
    """The report with one network, on this plan."""
    network = report.mapping.networks[0].model_copy(update={"floor_plan": plan})
    mapping = report.mapping.model_copy(update={"networks": (network,)})
    return report.model_copy(update={"mapping": mapping})
