"""The cost model beside published measurements of the same chip.

    ratio = sum over the covered components (counter x energy per action) / measured energy

The counters come from the target file, with a range where the publication leaves them open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from nmcompile.cost import actions
from nmcompile.cost.charge import Charge, add, bill, product
from nmcompile.cost.rates import EnergyRates, Rates
from nmcompile.cost.timing import barrier_of
from nmcompile.cost.workload import Activity
from nmcompile.target.measured import Measurement
from nmcompile.target.numbers import Count
from nmcompile.units import Quantity

End = Literal["low", "value", "high"]

_CHARGES: Final[dict[str, Callable[[Activity, EnergyRates], list[Charge]]]] = {
    "synapse": actions.synapse,
    "neuron": actions.neuron,
    "routing": actions.routing,
}


@dataclass(frozen=True, slots=True)
class Span:
    """A figure, its range for open counters, and its range for the ranges of the costs."""

    value: float
    counters: tuple[float, float]
    costs: tuple[float, float]

    def over(self, divisor: float) -> Span:
        """Everything divided."""
        low, high = self.counters
        least, most = self.costs
        return Span(
            self.value / divisor,
            (low / divisor, high / divisor),
            (least / divisor, most / divisor),
        )


@dataclass(frozen=True, slots=True)
class Check:
    """One measurement and what the model says.

    Attributes:
        energy_j: joules by the model; None where a cost is unknown.
        energy_ratio: the model's energy over the measured one.
        tick_s: seconds of a timestep by the model; None where none was measured or a clock sets it.
        tick_ratio: the model's timestep over the measured one.
    """

    energy_j: Span | None
    energy_ratio: Span | None
    tick_s: Span | None
    tick_ratio: Span | None


def check(measurement: Measurement, rates: Rates) -> Check:
    """Charge the measured workload with a target's tables."""
    measured = measurement.energy.quantity().value
    energy = _span(lambda end: _energy(measurement, rates, end))
    clocked = rates.time.clocked  # such a timestep is set, not found
    tick = measurement.tick.quantity().value if measurement.tick and not clocked else None
    length = _span(lambda end: _tick(measurement, rates, end)) if tick else None
    return Check(
        energy,
        energy.over(measured) if energy and measured else None,
        length,
        length.over(tick) if length and tick else None,
    )


def _span(figure: Callable[[End], Quantity]) -> Span | None:
    low, value, high = figure("low"), figure("value"), figure("high")
    if low.value is None or value.value is None or high.value is None or value.unknown_parts:
        return None  # a part without a cost would make a ratio that is too small
    least, most = replace(value, at_least=False).range
    return Span(value.value, (low.value, high.value), (least, most))


def _end(count: Count | None, end: End) -> float:
    if count is None:
        return 0.0
    stated = {"low": count.low, "value": count.value, "high": count.high}[end]
    return float(count.value if stated is None else stated)


def _energy(measurement: Measurement, rates: Rates, end: End) -> Quantity:
    activity = _activity(measurement, end)
    parts: list[tuple[str, Quantity]] = [
        (name, bill(_CHARGES[name](activity, rates.energy), "J"))
        for name in measurement.covers
        if name != "static"
    ]
    if "static" in measurement.covers:
        power = rates.static.power_per_chip.scale(_end(measurement.chips, end))
        tick = measurement.tick.quantity() if measurement.tick else _tick(measurement, rates, end)
        time = tick.scale(_end(measurement.ticks, end))
        parts.append(("static", product(power, time, "J", "static power")))
    return add(parts, "J")


def _activity(measurement: Measurement, end: End) -> Activity:
    return Activity(
        sops=_end(measurement.synaptic_ops, end),
        zero_accesses=0,
        updates=_end(measurement.neuron_updates, end),
        active=_end(measurement.updates_active, end),
        packets=_end(measurement.packets, end),
        hops_east_west=_end(measurement.hops_east_west, end),
        hops_north_south=_end(measurement.hops_north_south, end),
        chip_crossings=0,
        host_packets=0,
        ticks=_end(measurement.ticks, end),
        spikes=_end(measurement.spikes, end),
    )


def _tick(measurement: Measurement, rates: Rates, end: End) -> Quantity:
    """Work of one core, shared evenly, and the barrier; links are not looked at.

    The fewer cores share the work, the longer the timestep: the ends of `cores` are swapped.
    """
    table = rates.time
    turned: dict[End, End] = {"low": "high", "value": "value", "high": "low"}
    share = 1.0 / (_end(measurement.cores, turned[end]) * measurement.ticks.value)
    active = measurement.updates_active.value
    work = (
        ("synaptic operations", table.synaptic_op.scale(measurement.synaptic_ops.value * share)),
        ("active neurons", table.neuron_active.scale(active * share)),
        (
            "idle neurons",
            table.neuron_inactive.scale((measurement.neuron_updates.value - active) * share),
        ),
        ("barrier", barrier_of(table, measurement.chips.value)),
    )
    return add(work, "s")
