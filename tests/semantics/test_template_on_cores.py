"""A template stored as synapses: cores equal the golden network, and counts are exact."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.mapping import limits, matched_line, matching_networks, small_limits, template_for
from support.nets import stimulus_for

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.build.execute import NetworkInput
from nmcompile.build.verify import verify_network
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.mapping.coregraph import SCHEMA, CoreGraph
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network
from nmcompile.reference.integer import IntegerRunner


@given(matching_networks(), small_limits(), st.integers(0, 2**32 - 1))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_responses_and_counts_equal_over_frames_and_templates(
    network: Network, caps: Limits, seed: int
) -> None:
    try:
        graph = map_network(network, caps)
    except NmError:
        assume(False)
    rng = np.random.default_rng(seed)
    runner, engine = IntegerRunner(network), LoihiEngine(graph)
    for _ in range(3):
        slots, stimulus = template_for(network, rng), stimulus_for(network, rng)
        wanted = runner.run(stimulus, slots, record=True)
        found = engine.run(stimulus, slots, record=True)
        np.testing.assert_array_equal(found.output, wanted.output)
        assert found.output.dtype == wanted.output.dtype
        for name, spikes in wanted.spikes.items():
            np.testing.assert_array_equal(found.spikes[name], spikes)
        pairs = zip(wanted.counters.layers, found.counters.layers, strict=True)
        assert all(a == b for a, b in pairs)


def case(*, banked: bool, words: int = 1) -> tuple[Network, dict[str, Any], Any]:
    """A network, a template for it, and where further random numbers come from."""
    network = matched_line(banked=banked, words=words)
    rng = np.random.default_rng(11)
    return network, template_for(network, rng), rng


def mapped(network: Network) -> CoreGraph:
    return map_network(network, limits(neurons=20, axon_atoms=4, chips_max=1000))


@pytest.mark.parametrize("banked", [False, True])
def test_the_template_is_spread_over_several_cores(banked: bool) -> None:
    network, slots, rng = case(banked=banked)
    graph = mapped(network)
    last = graph["tile.population"] == len(graph.populations) - 1
    assert len(np.unique(graph["tile.core"][last])) > 1
    assert graph.slot == "z"
    assert graph.readout == "membranes"
    stimuli = [stimulus_for(network, rng) for _ in range(2)]
    result = verify_network(network, LoihiEngine(graph), [NetworkInput(s, slots) for s in stimuli])
    assert result.equal
    assert result.counters[0].layers[-1].sops > 0


@pytest.mark.parametrize("banked", [False, True])
def test_a_changed_word_or_a_dropped_route_is_found(banked: bool) -> None:
    network, slots, rng = case(banked=banked)
    graph = mapped(network)
    stimuli = [stimulus_for(network, rng) for _ in range(2)]

    inputs = [NetworkInput(s, slots) for s in stimuli]

    def equal(damaged: CoreGraph) -> bool:
        return verify_network(network, LoihiEngine(damaged), inputs).equal

    element = graph["slot.element"].copy()
    wrong = int(np.argmax(slots["z"].reshape(-1, 36)[0]))
    element[element == wrong] = int(np.argmin(slots["z"].reshape(-1, 36)[0]))
    assert not equal(graph.replace({"slot.element": element}))
    sign = graph["slot.sign"].copy()
    sign[graph["slot.element"] == wrong] *= -1
    assert not equal(graph.replace({"slot.sign": sign}))
    axon0 = np.searchsorted(graph["axon.core"], np.arange(graph.cores))
    tile = graph["axon.tile"][axon0[graph["route.core"]] + graph["route.axon"]]
    into = graph["tile.population"][tile] == len(graph.populations) - 1
    kept = ~into
    kept[np.flatnonzero(into)[::2]] = True
    dropped = {f"route.{c}": graph[f"route.{c}"][kept] for c in SCHEMA["route"]}
    assert not equal(graph.replace(dropped))


def test_of_a_bank_every_template_meets_its_own_timestep() -> None:
    network, slots, rng = case(banked=True)
    engine = LoihiEngine(mapped(network))
    stimulus = stimulus_for(network, rng)
    wanted = engine.run(stimulus, slots).output
    rolled = {"z": np.roll(slots["z"], 1, axis=0)}
    assert (engine.run(stimulus, rolled).output != wanted).any()
    np.testing.assert_array_equal(engine.run(stimulus, slots).output, wanted)


def test_an_element_in_two_words_counts_twice_where_both_are_used() -> None:
    network, slots, rng = case(banked=False)
    split, _, _ = case(banked=False, words=2)
    stimulus = stimulus_for(network, rng)
    whole, parts = (LoihiEngine(mapped(n)).run(stimulus, slots) for n in (network, split))
    np.testing.assert_array_equal(whole.output, parts.output)
    small = {"z": np.clip(slots["z"], -5, 5)}
    one_word = LoihiEngine(mapped(network)).run(stimulus, small)
    above = {"z": slots["z"] - small["z"]}
    rest = LoihiEngine(mapped(network)).run(stimulus, above)
    sops = [r.counters.layers[-1].sops for r in (parts, one_word, rest)]
    assert sops[0] == sops[1] + sops[2]
    assert sops[2] > 0


def test_a_bank_of_one_timestep_is_a_template() -> None:
    network, slots, rng = case(banked=False)
    slot = ops.Slot("z", (1, *slots["z"].shape), 16)
    nodes = [dataclasses.replace(n, op=slot) if n.name == "z" else n for n in network.nodes]
    banked = network.replace(nodes=tuple(nodes), timesteps=1)
    stimulus = stimulus_for(banked, rng)
    given = NetworkInput(stimulus, {"z": slots["z"][None]})
    assert verify_network(banked, LoihiEngine(mapped(banked)), [given, given]).equal


def test_without_a_template_the_cores_refuse_to_run() -> None:
    network, slots, rng = case(banked=False)
    engine = LoihiEngine(mapped(network))
    stimulus = stimulus_for(network, rng)
    bad = [None, {}, {"z": slots["z"][:, :2]}, {"z": slots["z"] + 40_000}]
    for contents in bad:
        with pytest.raises(NmError, match="NM0215"):
            engine.run(stimulus, contents)


def test_memory_is_reserved_for_every_element_of_the_template() -> None:
    network, _, _ = case(banked=False)
    graph = mapped(network)
    elements = 2 * 3 * 4 * 3
    assert len(graph["slot.weight"]) == elements
    assert len(np.unique(graph["slot.weight"])) == elements
    assert not graph["weight.value"][graph["slot.weight"]].any()
    doubled = dataclasses.replace(network, name="other")
    assert map_network(doubled, limits()).digest != graph.digest
