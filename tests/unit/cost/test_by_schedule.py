"""Networks that run at different rates: cost of an output, time of a pipeline."""

from __future__ import annotations

import dataclasses

import pytest

from nmcompile.cost.by_schedule import Rated, per_output
from nmcompile.cost.energy import frame_energy
from nmcompile.cost.rates import Rates, rates_of
from nmcompile.cost.timing import frame_seconds, frames_per_second, output_latency
from nmcompile.cost.workload import ChipWork, HostWork, Workload
from nmcompile.ir.counters import NetworkCounters
from nmcompile.target import load_target

ANN = Rated("ann", 240.5, 32.4e6, 32.3e6, 4.34 / 240.5)
SNN = Rated("snn", 2083.3, 33.0e6, 0.0, 16.29 / 2083.3)


def test_dashnet_s_table_4_follows_from_its_two_networks() -> None:
    """Adds and multiplications of the hybrid as printed; its energy 1 % below the printed one."""
    hybrid = per_output((ANN, SNN), "snn")
    assert round(hybrid.adds / 1e6, 1) == 36.7
    assert round(hybrid.multiplies / 1e6, 1) == 3.7
    assert hybrid.rate_hz == SNN.rate_hz
    assert hybrid.energy_j == pytest.approx(20.81 / 2083.3, rel=0.01)


def test_one_network_costs_itself_and_wrong_names_are_refused() -> None:
    assert per_output((SNN,), "snn") == SNN
    assert per_output((dataclasses.replace(ANN, energy_j=None), SNN), "snn").energy_j is None
    for networks, output in (((SNN,), "ann"), ((SNN, SNN), "snn"), ((), "snn")):
        with pytest.raises(ValueError, match="networks|rate"):
            per_output(networks, output)
    with pytest.raises(ValueError, match="rate"):
        per_output((dataclasses.replace(ANN, rate_hz=0.0),), "ann")


def hybrid(sample: NetworkCounters, windows: float | None) -> Workload:
    """A slow network of 50 ticks every frame, a fast one of 8 ticks every window."""
    slow = dataclasses.replace(sample, network="ann", ticks=50, interval=40)
    fast = dataclasses.replace(sample, network="snn", ticks=8, interval=4)
    return Workload(
        chip=(
            ChipWork("ann", "ann", "every_frame", 1, (slow,)),
            ChipWork("snn", "snn", "on_event", 1, (fast,)),
        ),
        host=(HostWork("fuse", "on_event", 1, (("adds", 12.0),), "real arithmetic"),),
        chips=2,
        windows_per_frame=windows,
    )


@pytest.fixture(name="tianjic")
def _tianjic() -> Rates:
    return rates_of(load_target("tianjic"))


def test_a_pipeline_answers_at_the_rate_of_its_slowest_network(
    sample: NetworkCounters, tianjic: Rates
) -> None:
    work = hybrid(sample, 20.0)
    assert frame_seconds(work, tianjic).value == pytest.approx(4 * 16.8e-6)
    assert frame_seconds(hybrid(sample, 5.0), tianjic).value == pytest.approx(8 * 16.8e-6)
    assert output_latency(work, tianjic).value == pytest.approx(8 * 16.8e-6)


def test_runs_of_a_frame_follow_each_other_by_the_interval(
    sample: NetworkCounters, tianjic: Rates
) -> None:
    run = dataclasses.replace(sample, ticks=30, interval=10)
    work = Workload((ChipWork("search", "net", "every_frame", 3, (run,)),), (), 1)
    assert frame_seconds(work, tianjic).value == pytest.approx(30 * 16.8e-6)
    assert output_latency(work, tianjic).value == pytest.approx(50 * 16.8e-6)


@pytest.mark.parametrize(("phases", "fps"), [(9, 6613.8), (10, 5952.4)])
def test_hsn_s_frame_rates_follow_from_its_phases(
    sample: NetworkCounters, tianjic: Rates, phases: int, fps: float
) -> None:
    run = dataclasses.replace(sample, ticks=phases + 5, interval=phases)
    work = Workload((ChipWork("hsn", "net", "every_frame", 1, (run,)),), (), 1)
    rate = frames_per_second(frame_seconds(work, tianjic)).value
    assert rate is not None
    assert round(rate, 1) == fps


def test_steps_that_leave_out_frames_count_less(sample: NetworkCounters, tianjic: Rates) -> None:
    work = hybrid(sample, 10.0)
    third = dataclasses.replace(work.chip[0], every=3)
    assert work.share(third.trigger, third.every) == pytest.approx(0.1 / 3)
    less = dataclasses.replace(work, chip=(third, work.chip[1]))
    synapse = [frame_energy(w, tianjic).component("synapse").value for w in (work, less)]
    assert synapse[1] == pytest.approx((synapse[0] or 0.0) * (1 + 0.1 / 3) / 1.1)


def test_an_output_pays_its_share_of_a_frame(sample: NetworkCounters, tianjic: Rates) -> None:
    work = hybrid(sample, 10.0)
    assert [work.share(run.trigger) for run in work.chip] == [0.1, 1.0]
    energy = frame_energy(work, tianjic)
    once = frame_energy(dataclasses.replace(work, chip=work.chip[1:]), tianjic)
    synapse, alone = (e.component("synapse").value or 0.0 for e in (energy, once))
    assert synapse == pytest.approx(1.1 * alone)
    assert energy.total.at_least  # what leaves a chip has no published cost
    macs = 300 * 1.32e-12 + (400 - 300 + 20) * 1.3e-12
    assert alone == pytest.approx(macs)
