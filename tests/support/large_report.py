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


def many_networks(report: Report, count: int) -> Report:
    """The report with networks of 8 x 8 cores, each on a chip of its own."""
    mapped = report.mapping.networks[0]
    networks = tuple(
        mapped.model_copy(
            update={"network": f"backbone_{n}_conv", "floor_plan": chip_of_many(count, n)}
        )
        for n in range(count)
    )
    mapping = report.mapping.model_copy(update={"networks": networks})
    return report.model_copy(update={"mapping": mapping})


def chip_of_many(count: int, chip: int) -> sections.FloorPlan:
    """A plan of 8 x 8 cores on one of the chips of a row of `count`."""
    plan, wide = chip_plan(8), 8
    loads = np.zeros((8, count * wide))
    loads[:, chip * wide : (chip + 1) * wide] = np.reshape(plan.link_load, (8, wide))
    return plan.model_copy(
        update={
            "columns": count * wide,
            "x": tuple(x + chip * wide for x in plan.x),
            "link_load": tuple(loads.ravel().astype(int).tolist()),
        }
    )
