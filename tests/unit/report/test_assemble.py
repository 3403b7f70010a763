"""What assemble derives from counters."""

from __future__ import annotations

import dataclasses

import pytest
from support.small_report import correlation_counters, network_counters

from nmcompile.build.concerns import share_concerns
from nmcompile.report import sections
from nmcompile.report.assemble import FIRST_FRAME_APART, assemble, mean_overlap, verdict_of
from nmcompile.target import load_target


def rebuilt(program, report, **changes):
    """The fixture's report with single-sample counters and some arguments changed."""
    arguments = {
        "model": report.model,
        "target": load_target("loihi2"),
        "program": program,
        "counted": {
            "template": (network_counters("template", 0.25),),
            "search": (network_counters("search", 1.0),),
            "match": (correlation_counters(),),
        },
        "mapping": report.mapping,
        "digests": {},
        **changes,
    }
    return assemble(**arguments)


def test_counts_per_frame_follow_the_schedule(program, report):
    found = rebuilt(program, report)
    search = network_counters("search", 1.0)
    assert found.counters.sops_per_frame == 2 * search.sops
    assert found.counters.macs_per_frame == 2 * (search.macs + 260_000)
    assert found.counters.core_sops_per_frame == 2 * int(search.cores.sops.sum())


def test_on_chip_share_counts_the_host_networks(program, report):
    found = rebuilt(program, report)
    # after input transduction: the first layer's multiply-accumulates are on neither side
    on_cores = network_counters("search", 1.0).sops
    assert found.headline.on_chip_share == pytest.approx(on_cores / (on_cores + 260_000))
    assert found.headline.host_ops_per_frame == 2 * 260_000 + 578 + 1200


def test_means_over_inferences_stay_exact(report):
    search = next(step for step in report.counters.steps if step.step == "search")
    assert search.inferences == 2
    assert search.layers[0].spikes == (9_800 + int(9_800 * 1.1)) / 2


def test_the_first_frame_is_spread_when_the_sequence_is_known(program, report):
    apart = rebuilt(program, report)
    spread = rebuilt(program, report, frames_per_init=100, assumptions=apart.assumptions)
    assert FIRST_FRAME_APART in apart.assumptions
    assert FIRST_FRAME_APART not in spread.assumptions
    more = spread.energy.total.value - apart.energy.total.value
    assert more == pytest.approx(apart.energy.init.value / 100)


def test_the_headline_repeats_the_sections(report):
    head = report.headline
    assert head.energy_per_frame == report.energy.total
    assert head.fps == report.timing.fps
    assert head.cores == report.mapping.cores
    assert head.fps.value == pytest.approx(1 / head.latency.value)
    assert head.mean_overlap == pytest.approx((0.701 + 0.641) / 2)


def test_a_time_that_is_a_lower_bound_makes_the_rate_an_upper_one(program, report):
    golden = tuple(dataclasses.replace(network_counters("search", 1.0), cores=None) for _ in "a")
    found = rebuilt(program, report, counted={"search": golden})
    assert found.timing.frame.bound == "at_least"
    assert found.headline.fps.bound == "at_most"
    assert found.headline.fps.low == 0


def test_controls_do_not_count_as_the_tracker():
    row = sections.TrackingRow(sequence="s", level="static box", mean_iou=0.9, precision=1.0)
    assert mean_overlap(sections.Accuracy(tracking=(row,))) is None


def test_every_source_of_a_cost_is_listed(report):
    listed = {source.key for source in report.target.sources}
    assert {cost.figure.source for cost in report.target.costs} <= listed


def test_conventions_compare_with_our_figure(report):
    for row in report.conventions:
        assert row.factor == pytest.approx(report.energy.total.value / row.energy_j)
        assert row.factor_bound == "at_least"


def test_verdicts_want_equal_spikes_in_every_network():
    def row(spikes, equal=True):
        compared = sections.Compared(frames=2, neurons=10, spikes=spikes)
        return sections.VerificationRow(name="n", equal=equal, compared=compared)

    assert verdict_of([row(5)]) == "verified"
    assert verdict_of([row(5), row(0)]) == "not verified"
    assert verdict_of([row(0), row(5, equal=False)]) == "mismatch"
    assert verdict_of([]) == "not verified"


def test_a_small_share_on_cores_is_a_concern(report):
    assert share_concerns(report) == []
    headline = report.headline.model_copy(update={"on_chip_share": 0.5})
    (concern,) = share_concerns(report.model_copy(update={"headline": headline}))
    assert (concern.code, concern.found, concern.severity) == ("NM0323", "50.0%", "warning")
