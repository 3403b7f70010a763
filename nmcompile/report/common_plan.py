"""One floor plan for networks that hold cores of their own beside each other.

Chips stand in the order of their numbers, row by row; which of them are neighbours is a matter of
every single network.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import TypeVar

from nmcompile.report.sections import CoreUse, FloorPlan, NetworkMapping

T = TypeVar("T")


def common_plan(networks: Sequence[NetworkMapping]) -> FloorPlan | None:
    """The plans of all networks in one; None where networks take turns on cores, or lack plans."""
    plans = [n.floor_plan for n in networks if n.floor_plan is not None]
    if not plans or len(plans) < len(networks) or not _alike(plans):
        return None
    numbered = [_numbered(plan) for plan in plans]
    places = [place for own in numbered for place in own]
    if len(set(places)) < len(places):
        return None
    first = plans[0]
    wide, tall = first.chip_columns, first.chip_rows
    chips = max(chip for chip, _, _ in places) + 1
    across = ceil(sqrt(chips))
    rows = -(-chips // across) * tall
    layers = tuple(
        dict.fromkeys(
            f"{layer} ({network.network})"
            for network, plan in zip(networks, plans, strict=True)
            for layer in plan.layers
        )
    )
    index = {text: number for number, text in enumerate(layers)}
    return FloorPlan(
        columns=across * wide,
        rows=rows,
        chip_columns=wide,
        chip_rows=tall,
        router_columns=first.router_columns,
        router_rows=first.router_rows,
        x=tuple(chip % across * wide + x for chip, x, _ in places),
        y=tuple(chip // across * tall + y for chip, _, y in places),
        layers=layers,
        held=tuple(
            index[f"{plan.layers[held]} ({network.network})"]
            for network, plan in zip(networks, plans, strict=True)
            for held in plan.held
        ),
        neurons=_joined([plan.neurons for plan in plans]),
        axons=_joined([plan.axons for plan in plans]),
        uses=tuple(
            CoreUse(
                limit=use.limit,
                allowed=use.allowed,
                used=_joined([plan.uses[number].used for plan in plans]),
            )
            for number, use in enumerate(first.uses)
        ),
        sops=_joined([plan.sops for plan in plans]),
        packets=_joined([plan.packets for plan in plans]),
        spikes=_joined([plan.spikes for plan in plans]),
        link_load=_link_load(plans, across, rows),
    )


def _alike(plans: Sequence[FloorPlan]) -> bool:
    """The same chip below, and the same figures of every core."""
    forms = {
        (
            *(plan.chip_columns, plan.chip_rows, plan.router_columns, plan.router_rows),
            tuple((use.limit, use.allowed) for use in plan.uses),
            tuple(
                bool(column)
                for column in (*(plan.held, plan.axons, plan.spikes), plan.sops, plan.link_load)
            ),
        )
        for plan in plans
    }
    return len(forms) == 1


def _numbered(plan: FloorPlan) -> list[tuple[int, int, int]]:
    """(number of the chip, column, row on it) of every core."""
    across = plan.columns // plan.chip_columns
    return [
        (
            y // plan.chip_rows * across + x // plan.chip_columns,
            x % plan.chip_columns,
            y % plan.chip_rows,
        )
        for x, y in zip(plan.x, plan.y, strict=True)
    ]


def _joined(columns: Sequence[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(value for column in columns for value in column)


def _link_load(plans: Sequence[FloorPlan], across: int, rows: int) -> tuple[float, ...]:
    """Of every router the busiest link of any one network; rows of routers."""
    first = plans[0]
    if not first.link_load:
        return ()
    wide = first.chip_columns // first.router_columns
    tall = first.chip_rows // first.router_rows
    columns = across * wide
    busiest: list[float] = [0] * (columns * (rows // first.router_rows))
    for plan in plans:
        own_chips = plan.columns // plan.chip_columns
        for place, load in enumerate(plan.link_load):
            y, x = divmod(place, own_chips * wide)
            row, column = divmod(y // tall * own_chips + x // wide, across)
            at = (row * tall + y % tall) * columns + column * wide + x % wide
            if load:
                busiest[at] = max(busiest[at], load)
    return tuple(busiest)
