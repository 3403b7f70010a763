"""The cost model beside published measurements, with every step by hand."""

from __future__ import annotations

import pytest

from nmcompile.cost.measured import check
from nmcompile.cost.rates import Rates, rates_of
from nmcompile.target import Target, load_target

PJ = 1e-12
NEURONS = 76_800


def _target_and_rates(name: str) -> tuple[Target, Rates]:
    target = load_target(name)
    return target, rates_of(target)


def test_a_query_on_loihi_1_by_hand():
    target, rates = _target_and_rates("loihi1")
    found = check(target.measured["knn_query"], rates)
    updates = NEURONS * 60
    assert found.energy_j.value == pytest.approx(54.4e6 * 23.6 * PJ + updates * 81 * PJ)
    low, high = found.energy_j.counters
    assert low == pytest.approx(51.2e6 * 23.6 * PJ + updates * 52 * PJ)  # nobody is active
    idle = NEURONS * (121 - 60)
    assert high == pytest.approx((57.6e6 * 23.6 + updates * 81 + idle * 52) * PJ)
    assert found.energy_ratio.value == pytest.approx(found.energy_j.value / 1.33e-3)
    assert found.energy_ratio.costs[0] == pytest.approx(
        (54.4e6 * 23.6 + updates * 72.8) * PJ / 1.33e-3
    )


def test_the_figures_that_reports_state():
    """They change only with the tables or the measurement, and then knowingly."""
    target, rates = _target_and_rates("loihi1")
    found = check(target.measured["knn_query"], rates)
    ratio = found.energy_ratio
    assert [round(x, 3) for x in (ratio.value, *ratio.counters, *ratio.costs)] == [
        *(1.246, 1.089, 1.486),
        *(1.218, 1.944),
    ]
    assert round(found.tick_ratio.value, 3) == 1.161
    other = rates_of(load_target("loihi1-sanafe"))
    theirs = check(target.measured["knn_query"], other).energy_ratio
    # lists of a convolution to dense ones, which this workload has
    assert [round(x, 3) for x in (theirs.value, theirs.costs[1])] == [1.234, 1.704]


def test_the_model_is_within_a_factor_of_two_of_every_measurement():
    for name in ("loihi1", "loihi1-sanafe", "truenorth"):
        target, rates = _target_and_rates(name)
        assert target.measured
        for measurement in target.measured.values():
            ratio = check(measurement, rates).energy_ratio
            assert 0.5 < ratio.value < 2, name
            assert ratio.counters[0] <= ratio.value <= ratio.counters[1]
            assert ratio.costs[0] <= ratio.value <= ratio.costs[1]


def test_a_tick_of_truenorth_with_static_power_and_hops():
    target, rates = _target_and_rates("truenorth")
    found = check(target.measured["recurrent_20hz"], rates)
    expected = 64.43e-3 * 1e-3 + 2_693_750 * 1.53 * PJ + 2 * 448_258 * 2.3 * PJ
    assert found.energy_j.value == pytest.approx(expected)
    assert found.energy_ratio.value == pytest.approx(expected / 71e-6)
    assert found.tick_s is None  # a clock sets it


def test_a_timestep_is_the_share_of_one_core_and_the_barrier():
    target, rates = _target_and_rates("loihi1")
    found = check(target.measured["knn_query"], rates)
    share = 1 / (4096 * 60)
    work = (54.4e6 * 3.5e-9 + NEURONS * 60 * 8.4e-9) * share
    assert found.tick_s.value == pytest.approx(work + 5.8e-6)
    # 75 cores that hold all neurons would need ten times the measured timestep
    assert found.tick_ratio.counters[1] > 9


def test_an_unknown_cost_leaves_no_ratio(without):
    target, rates = _target_and_rates("loihi1")
    found = check(target.measured["knn_query"], without(rates, "energy", "neuron_active"))
    assert found.energy_j is None
    assert found.energy_ratio is None


@pytest.mark.parametrize("cut", ["packets", "hops_east_west"])
def test_routing_needs_its_counters(cut: str):
    measurement = load_target("truenorth").measured["recurrent_20hz"]
    content = {k: v for k, v in measurement.model_dump().items() if k != cut}
    with pytest.raises(ValueError, match="packets and hops"):
        type(measurement).model_validate(content)
