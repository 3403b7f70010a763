"""Energy of one frame: counters times the target's cost of each action, by component.

    E = sum over actions (count x energy per action) + chips x static power x time on the chip

Everything that one output costs is in a frame: all runs of all networks, the host's share, and
the work of the first frame where it is spread over a stated number of frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from nmcompile.cost import actions
from nmcompile.cost.charge import Charge, add, bill, exact, product
from nmcompile.cost.rates import EnergyRates, Rates
from nmcompile.cost.timing import frame_seconds
from nmcompile.cost.workload import Activity, ChipWork, Workload
from nmcompile.ir.program import Trigger
from nmcompile.units import Quantity

Component = Literal["synapse", "neuron", "routing", "off_chip", "static", "host"]
Bill = tuple[tuple[Component, Quantity], ...]

_DYNAMIC: Final[tuple[tuple[Component, Callable[[Activity, EnergyRates], list[Charge]]], ...]] = (
    ("synapse", actions.synapse),
    ("neuron", actions.neuron),
    ("routing", actions.routing),
    ("off_chip", actions.off_chip),
)
COMPONENTS: Final[tuple[Component, ...]] = (
    *(name for name, _ in _DYNAMIC),
    "static",
    "host",
)


@dataclass(frozen=True, slots=True)
class LayerEnergy:
    """Energy of one layer's synapses and neurons, per frame.

    Attributes:
        step: schedule step.
        layer: the user's layer name.
        synapse: joules; the network's synapse energy, shared out by synaptic operations.
        neuron: joules; the network's neuron energy, shared out by neuron updates.
    """

    step: str
    layer: str
    synapse: Quantity
    neuron: Quantity


@dataclass(frozen=True, slots=True)
class ActionEnergy:
    """What one kind of action costs in a frame.

    Attributes:
        component: where it counts.
        what: the action, in words.
        count: how often per frame.
        cost: joules of one.
        energy: joules per frame.
    """

    component: Component
    what: str
    count: float
    cost: Quantity
    energy: Quantity


@dataclass(frozen=True, slots=True)
class FrameEnergy:
    """What one output costs, in joules.

    Attributes:
        actions: every kind of action that happened; their sums and what flows in the meantime
            (static power, embedded processors) are the components.
        components: by component, per frame, in the order of `COMPONENTS`.
        layers: synapse and neuron energy by layer, per frame.
        total: sum of the components.
        per_crop: the same for one run of every per-frame step, without repeats.
        init: what the work of the first frame costs in addition, once.
        frames_per_init: frames over which `init` was spread into `total`; None: not included.
    """

    actions: tuple[ActionEnergy, ...]
    components: Bill
    layers: tuple[LayerEnergy, ...]
    total: Quantity
    per_crop: Quantity
    init: Quantity
    frames_per_init: int | None

    def component(self, name: Component) -> Quantity:
        """One component by name."""
        return dict(self.components)[name]


def frame_energy(work: Workload, rates: Rates) -> FrameEnergy:
    """Charge a workload with a target's energy table.

    Args:
        work: schedule and counters.
        rates: the target's energy, time and static tables.
    """
    components = _bill(work, rates)
    crop = replace(
        work,
        chip=tuple(replace(c, repeat=1) for c in work.chip),
        host=tuple(replace(h, repeat=1) for h in work.host),
    )
    return FrameEnergy(
        actions=tuple(_actions(work, rates)),
        components=components,
        layers=tuple(layer for run in work.chip for layer in _layers(run, work, rates)),
        total=add(components, "J"),
        per_crop=add(_bill(_only(crop, work.output_trigger), rates), "J"),
        init=add(_bill(replace(_only(work, "on_init"), frames_per_init=1), rates), "J"),
        frames_per_init=work.frames_per_init,
    )


def _only(work: Workload, trigger: Trigger) -> Workload:
    return replace(
        work,
        chip=tuple(c for c in work.chip if c.trigger == trigger),
        host=tuple(h for h in work.host if h.trigger == trigger),
    )


def _bill(work: Workload, rates: Rates) -> Bill:
    runs = [(run.activity, run.repeat * work.share(run.trigger, run.every)) for run in work.chip]
    dynamic: list[tuple[Component, Quantity]] = [
        (name, bill((_times(c, n) for a, n in runs for c in charges(a, rates.energy)), "J"))
        for name, charges in _DYNAMIC
    ]
    busy = frame_seconds(work, rates)
    static = _power(rates.static.power_per_chip, work.chips, busy, "static power")
    return (*dynamic, ("static", static), ("host", _host(work, busy, rates)))


def _actions(work: Workload, rates: Rates) -> Iterator[ActionEnergy]:
    runs = [(run.activity, run.repeat * work.share(run.trigger, run.every)) for run in work.chip]
    charged: list[tuple[Component, Charge]] = [
        (name, _times(charge, times))
        for name, charges in _DYNAMIC
        for activity, times in runs
        for charge in charges(activity, rates.energy)
    ]
    charged += [("host", replace(c, what="operations")) for c in _host_charges(work, rates)]
    counts: dict[tuple[Component, str], float] = {}
    costs: dict[tuple[Component, str], Quantity] = {}
    for component, charge in charged:
        key = (component, charge.what)
        counts[key] = counts.get(key, 0.0) + charge.count
        costs[key] = charge.cost
    for key, count in counts.items():
        if count:
            yield ActionEnergy(*key, count, costs[key], costs[key].scale(count))


def _host_charges(work: Workload, rates: Rates) -> list[Charge]:
    return [
        Charge(
            f"host: {name}",
            count * step.repeat * work.share(step.trigger, step.every),
            rates.energy.host_op,
        )
        for step in work.host
        for name, count in step.ops
    ]


def _host(work: Workload, busy: Quantity, rates: Rates) -> Quantity:
    """The host's operations, and the embedded processors that stay on beside the cores."""
    charges = _host_charges(work, rates)
    embedded = rates.static.host_power_per_chip
    power = _power(embedded, work.chips, busy, "power of the embedded processors")
    return add((("operations", bill(charges, "J")), ("embedded processors", power)), "J")


def _power(power: Quantity, chips: int, busy: Quantity, what: str) -> Quantity:
    if busy.value == 0.0:
        return exact(0.0, "J")
    return product(power.scale(chips), busy, "J", what)


def _layers(run: ChipWork, work: Workload, rates: Rates) -> Iterator[LayerEnergy]:
    times = run.repeat * work.share(run.trigger, run.every)
    if not times:
        return
    synapse = bill(actions.synapse(run.activity, rates.energy), "J").scale(times)
    neuron = bill(actions.neuron(run.activity, rates.energy), "J").scale(times)
    rows = [
        (
            layers[0].layer,
            sum(x.sops + x.macs for x in layers),
            sum(x.neuron_updates for x in layers),
        )
        for layers in zip(*(sample.layers for sample in run.samples), strict=True)
    ]
    all_ops, all_updates = sum(r[1] for r in rows), sum(r[2] for r in rows)
    for layer, ops, updates in rows:
        yield LayerEnergy(
            run.step,
            layer,
            synapse.scale(ops / all_ops if all_ops else 0.0),
            neuron.scale(updates / all_updates if all_updates else 0.0),
        )


def _times(charge: Charge, factor: float) -> Charge:
    return replace(charge, count=charge.count * factor)
