"""Schedule and counters joined."""

from __future__ import annotations

from nmcompile.cost.rates import rates_of
from nmcompile.cost.workload import mean_activity, workload_of
from nmcompile.ir.counters import LayerCounters, NetworkCounters
from nmcompile.ir.network import Network, Node
from nmcompile.ir.ops import Input, Output
from nmcompile.ir.program import Program, Step
from nmcompile.target import load_target, target_names


def test_host_networks_are_charged_by_their_counters(sample):
    match = NetworkCounters("match", 1, 1, (LayerCounters("psm", "psm", 9, 0, 5, 70, 0),))
    program = Program(
        name="p",
        level="golden",
        networks=(
            Network("net", (Node("in", Input("spikes", (1,), 1)), Node("out", Output(), ("in",)))),
        ),
        schedule=(
            Step("search", "every_frame", "chip", network="net", repeat=3),
            Step("match", "every_frame", "host", network="match", host_ops=(("reads", 4),)),
            Step("peak", "every_frame", "host", host_ops=(("comparisons", 9),), reason="why"),
            Step("idle", "every_frame", "chip", network="net"),
        ),
    )
    work = workload_of(program, {"search": (sample,), "match": (match,)}, chips=1)
    assert [run.step for run in work.chip] == ["search"]
    assert (work.chip[0].repeat, work.chip[0].output) == (3, "in")
    ops = {step.step: step.ops for step in work.host}
    assert ops["match"] == (("sops", 5.0), ("macs", 70.0), ("reads", 4.0))
    assert ops["peak"] == (("comparisons", 9.0),)


def test_activity_of_mapped_cores(sample):
    activity = mean_activity((sample,))
    assert (activity.sops, activity.updates, activity.active) == (400, 60, 30)
    assert activity.mapped


def test_every_target_has_rates_in_base_units():
    for name in target_names():
        rates = rates_of(load_target(name))
        assert {rates.energy.synaptic_op.unit, rates.energy.host_op.unit} == {"J"}
        assert rates.time.barrier.unit == "s"
        assert rates.static.power_per_chip.unit == "W"
