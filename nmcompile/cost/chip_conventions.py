"""The same frame by the ways in which a chip's own papers state energy, from its target file."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nmcompile.cost.charge import Charge, add, bill, product
from nmcompile.cost.conventions import Convention
from nmcompile.cost.energy import FrameEnergy
from nmcompile.cost.rates import Rates
from nmcompile.cost.timing import frame_seconds
from nmcompile.cost.workload import Workload
from nmcompile.target import CrossbarTarget, FCoreTarget, Target
from nmcompile.units import Quantity

DYNAMIC: Final = ("synapse", "neuron", "routing", "off_chip")
HEADLINE_LEAVES_OUT: Final = (
    "is one chip's whole power at one operating point over the operations it then did: a network "
    "that does fewer of them pays too little static power, one that does more pays too much"
)
AFFINE_LEAVES_OUT: Final = (
    "spreads the routing of the benchmark network, 42.6 hops for every 128 operations, over the "
    "operations: hops of this network, packets over the edges and the host are not seen"
)
DYNAMIC_LEAVES_OUT: Final = (
    "leaves out static power, which a chip draws for as long as its ticks last and which holds all "
    "neuron updates, and the host"
)
PEAK_LEAVES_OUT: Final = (
    "is a chip's whole power with all cores busy over the operations it then did: cores that wait "
    "pay nothing, and the host and packets between chips are not seen"
)
POWER_LEAVES_OUT: Final = (
    "is a power that was stated for other programs, times the chips and the time of this one: what "
    "its cores do is not seen"
)
STATIC_LEAVES_OUT: Final = (
    "leaves out the host, and whatever stands on the board beside the chips: their power is not "
    "published"
)


def chip_conventions(
    target: Target, work: Workload, energy: FrameEnergy, rates: Rates, sops: float, macs: float
) -> tuple[Convention, ...]:
    """Headline figures, dynamic energy alone, dynamic and static, and what a chip's papers state.

    Args:
        target: a chip whose papers state totals; others have no such conventions.
        work: schedule and counters. energy: of that work. rates: the target's cost tables.
        sops: algorithmic synaptic operations of a frame. macs: its multiply-accumulates.
    """
    if isinstance(target, FCoreTarget):
        return _whole_chips(target, work, rates, sops, macs)
    if not isinstance(target, CrossbarTarget):
        return ()
    parts = dict(energy.components)
    dynamic = add(((name, parts[name]) for name in DYNAMIC), "J")
    whole = add((("dynamic", dynamic), ("static", parts["static"])), "J")
    headline = target.headline.energy_per_synaptic_op.quantity()
    return (
        _row(
            "headline",
            f"{_pico(headline)} pJ per synaptic operation",
            f"{_pico(headline)} pJ x S",
            headline.scale(sops),
            HEADLINE_LEAVES_OUT,
        ),
        _row(
            "dynamic_only",
            "dynamic energy only",
            f"{_pico(target.energy.synaptic_op.quantity())} pJ x S' + hops + packets over edges",
            dynamic,
            DYNAMIC_LEAVES_OUT,
        ),
        _row(
            "static_and_hops",
            "with static power and hops",
            "static power x chips x time + dynamic energy",
            whole,
            STATIC_LEAVES_OUT,
        ),
        _affine(target, work, parts["static"]),
    )


def _affine(target: CrossbarTarget, work: Workload, static: Quantity) -> Convention:
    """Static power and the measured slope, the routing inside it."""
    routed = target.energy.synaptic_op_routed.quantity()
    power = target.static.power_per_chip.quantity()
    physical = sum(
        run.activity.sops * run.repeat * work.share(run.trigger, run.every) for run in work.chip
    )
    return _row(
        "affine",
        "the line through the measured powers",
        f"{1e3 * (power.value or 0):g} mW x chips x time + {_pico(routed)} pJ x S'",
        add((("static", static), ("operations", routed.scale(physical))), "J"),
        AFFINE_LEAVES_OUT,
    )


def _whole_chips(
    target: FCoreTarget, work: Workload, rates: Rates, sops: float, macs: float
) -> tuple[Convention, ...]:
    """The peak's energy of an operation, and the two powers that are stated for a whole chip."""
    head, busy = target.headline, frame_seconds(work, rates)
    sop, mac = head.energy_per_synaptic_op.quantity(), head.energy_per_mac.quantity()
    operations = bill((Charge("operations", sops, sop), Charge("products", macs, mac)), "J")
    rows = [
        _row(
            "peak_efficiency",
            "the efficiency at the chip's peak",
            f"{_pico(sop)} pJ x S + {_pico(mac)} pJ x M",
            operations,
            PEAK_LEAVES_OUT,
        )
    ]
    for name, title, power in (
        ("typical_power", "the mean power of the chip's applications", head.power_typical),
        ("full_power", "the power of a chip with all cores busy", head.power_full),
    ):
        whole = power.quantity().scale(work.chips)
        formula = f"{1e3 * (power.quantity().value or 0.0):g} mW x chips x time"
        rows.append(_row(name, title, formula, product(whole, busy, "J", title), POWER_LEAVES_OUT))
    return tuple(rows)


def _row(name: str, title: str, formula: str, energy: Quantity, leaves_out: str) -> Convention:
    low, high = replace(energy, at_least=False).range
    return Convention(
        name=name,
        title=title,
        formula=formula,
        energy_j=energy.value,
        leaves_out=leaves_out,
        source=energy.source,
        low_j=low if energy.known else None,
        high_j=high if energy.known else None,
    )


def _pico(quantity: Quantity) -> str:
    return f"{1e12 * (quantity.value or 0):g}"
