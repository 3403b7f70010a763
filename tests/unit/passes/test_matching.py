"""PSM, TSM and HSM through the passes: what each level computes, and where it runs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.nets import tiny_siamese

from nmcompile.build.execute import ProgramExecutor, reference_executor
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.matching import definitions
from nmcompile.matching.bank import signed
from nmcompile.passes import pipelines
from nmcompile.passes.context import Calibration, PassContext, TargetRules
from nmcompile.passes.manager import PassManager
from nmcompile.passes.recipe import Matching, Recipe
from nmcompile.reference.float import preprocess
from nmcompile.reference.integer import IntegerRunner

T = 12
HOST = TargetRules("test", 8, 6, 24, 17, 13, 7, True, "microcode", "none", "no way", 24, True)
RULES = [
    Matching(),
    Matching(rule="tsm", response_period=2),
    Matching(rule="hsm", potential_weight=1, temporal_weight=3),
]


def crop() -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (1, 13, 14, 3))
    return coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :47, :47].astype(np.uint8)


def lowered(matching: Matching, rules: TargetRules, *, relu: bool) -> dict[str, Program]:
    program = tiny_siamese(relu_last=relu)
    context = PassContext(
        timesteps=T,
        recipe=Recipe(matching=matching),
        calibration=Calibration("test", crop()),
        rules=rules,
    )
    levels = {}
    for name in ("float", "spiking", "integer", "golden"):
        passes = getattr(pipelines, name.upper())
        program = levels[name] = PassManager(passes).run(program, context)
    return levels


def respond(program: Program) -> npt.NDArray[np.float64]:
    executor = reference_executor(program)
    image = crop()[0].transpose(2, 0, 1)
    executor.init(image[:, 8:39, 8:39])
    return np.asarray(executor.frame(image[None])[0], np.float64)


def trains(program: Program) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The exemplar's and the crop's spikes in front of the match, integer level."""
    image = crop()[0].transpose(2, 0, 1)
    pictures = {"template": image[:, 8:39, 8:39], "search": image}
    found = []
    for name, picture in pictures.items():
        network = program.network(name)
        slots = {n.op.slot: np.zeros(n.op.shape) for n in network.of_type(ops.Slot)}  # type: ignore[union-attr]
        last = list(network.of_type(ops.Neuron))[-1].name
        spikes = IntegerRunner(network).run(picture, slots, record=True).spikes[last].astype(int)
        found.append(spikes)
    return found[0], found[1]


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("matching", RULES, ids=lambda m: m.rule)
def test_the_response_is_the_papers_up_to_one_factor(matching: Matching, relu: bool) -> None:
    integer = lowered(matching, HOST, relu=relu)["integer"]
    z, x = (s if relu else signed(s, 1) for s in trains(integer))
    first, second = {
        "psm": (1.0, 0.0),
        "tsm": (0.0, 1.0),
        "hsm": (float(matching.potential_weight), float(matching.temporal_weight)),
    }[matching.rule]
    wanted = definitions.hybrid(z, x, matching.response_period, first, second)
    found = respond(integer)[0] - 0.5
    assert np.abs(wanted).max() > 0
    factor = found.ravel() @ wanted.ravel() / (wanted.ravel() @ wanted.ravel())
    assert factor > 0
    np.testing.assert_allclose(found, factor * wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("matching", RULES, ids=lambda m: m.rule)
def test_every_rule_follows_the_float_response(matching: Matching) -> None:
    """The gain keeps TSM and HSM on PSM's scale, near the real response."""
    levels = lowered(matching, HOST, relu=False)
    program = tiny_siamese(relu_last=False)
    executor = reference_executor(program)
    image = crop()
    ready = preprocess(image, program.preprocess)
    executor.init(preprocess(image[:, 8:39, 8:39], program.preprocess)[0])
    wanted = np.asarray(executor.frame(ready)[0], np.float64)
    for level in ("spiking", "integer", "golden"):
        found = respond(levels[level])
        assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.9, level
        assert 0.4 < np.ptp(found) / np.ptp(wanted) < 3.0, level


def test_temporal_matching_on_the_host_takes_spikes_and_is_counted() -> None:
    levels = lowered(RULES[1], HOST, relu=False)
    golden = levels["golden"]
    assert [(s.name, s.place) for s in golden.schedule] == [
        ("template", "chip"),
        ("template_bank", "host"),
        ("search", "chip"),
        ("search_match", "host"),
    ]
    assert golden.step("template_bank").writes == "z"
    assert golden.step("search_match").reason == "no way"
    assert golden.network("search").types["features"].kind == "spikes"
    assert golden.network("search_match").timesteps == T
    executor = reference_executor(golden)
    image = crop()[0].transpose(2, 0, 1)
    executor.init(image[:, 8:39, 8:39])
    executor.frame(image[None])
    _, x = trains(golden)
    bank = executor.slots["z"]
    per_element = T + 2 * (T - 1 + T - 2)
    assert executor.counted["template_bank"][0].macs == bank[0].size * per_element
    counted = executor.counted["search_match"][0]
    wanted = sum(
        int(definitions.correlate(bank[t] != 0, x[t, pair::2] != 0).sum())
        for t in range(T)
        for pair in range(2)
    )
    assert counted.sops == wanted > 0
    assert counted.macs == golden.network("search_match").types["output"].size


def test_psm_on_the_host_correlates_counts_once() -> None:
    golden = lowered(RULES[0], HOST, relu=False)["golden"]
    assert [s.name for s in golden.schedule] == ["template", "search", "search_match"]
    match = golden.network("search_match")
    assert match.timesteps == 1
    assert not any(match.of_type(ops.Accumulate))


def test_both_weights_zero_are_refused() -> None:
    with pytest.raises(NmError, match="NM0213"):
        lowered(Matching(rule="hsm", potential_weight=0, temporal_weight=0), HOST, relu=True)


def on_cores(**changes: Any) -> TargetRules:
    return dataclasses.replace(HOST, correlate="bank", **changes)


@pytest.mark.parametrize("matching", RULES, ids=lambda m: m.rule)
@pytest.mark.parametrize("relu", [True, False])
def test_on_cores_the_response_is_the_same(matching: Matching, relu: bool) -> None:
    host = lowered(matching, HOST, relu=relu)["golden"]
    chip = lowered(matching, on_cores(), relu=relu)["golden"]
    assert any(chip.network("search").of_type(ops.Accumulate))
    assert chip.network("search") in chip.chip_networks
    np.testing.assert_array_equal(respond(chip), respond(host))


def test_weights_are_written_once_per_template_or_at_every_timestep() -> None:
    once = lowered(RULES[0], on_cores(), relu=False)["golden"]
    elements = int(np.prod(once.network("template").types["output"].shape))
    load = once.step("search_weights")
    assert (load.trigger, load.repeat, load.place) == ("on_init", 1, "host")
    assert load.host_ops == (("synapse_writes", 2 * elements),)
    always = lowered(RULES[1], on_cores(), relu=False)["golden"]
    load = always.step("search_weights")
    assert (load.trigger, load.repeat) == ("every_frame", 3)
    assert load.host_ops == (("synapse_writes", 2 * elements * T),)


@pytest.mark.parametrize(
    ("matching", "changes", "reason"),
    [
        (RULES[1], {"correlate": "template"}, "between frames"),
        (RULES[0], {"accumulator_bits": 10}, "the response of one channel can reach 2304"),
    ],
)
def test_what_does_not_fit_goes_to_the_host_with_the_reason(
    matching: Matching, changes: dict[str, Any], reason: str
) -> None:
    golden = lowered(matching, dataclasses.replace(on_cores(), **changes), relu=False)["golden"]
    assert reason in golden.step("search_match").reason


@pytest.mark.parametrize(
    ("matching", "bits"), list(zip(RULES, (14, 14, 15), strict=True)), ids=["psm", "tsm", "hsm"]
)
def test_a_response_beyond_one_membrane_takes_several_which_the_host_adds(
    matching: Matching, bits: int
) -> None:
    host = lowered(matching, HOST, relu=False)["golden"]
    wide = lowered(matching, on_cores(), relu=False)["golden"]
    (match,) = wide.network("search").of_type(ops.Correlate)
    assert isinstance(match.op, ops.Correlate)
    assert match.op.groups == 1
    narrow = lowered(matching, on_cores(accumulator_bits=bits), relu=False)["golden"]
    search = narrow.network("search")
    (match,) = search.of_type(ops.Correlate)
    assert isinstance(match.op, ops.Correlate)
    groups = match.op.groups
    assert groups > 1
    np.testing.assert_array_equal(respond(narrow), respond(host))
    positions = int(np.prod(search.types[match.name].shape[1:]))
    assert dict(narrow.step("search_scale").host_ops) == {
        "membrane_reads": groups * positions,
        "membrane_adds": (groups - 1) * positions,
    }


def test_elements_beyond_one_weight_take_several_synapses() -> None:
    """lambda 1 : 20 over 12 timesteps reaches 136; an 8-bit weight holds 127."""
    golden = lowered(Matching(rule="hsm"), on_cores(), relu=True)["golden"]
    (match,) = golden.network("search").of_type(ops.Correlate)
    assert match.op == ops.Correlate(words=2, largest=127)
    elements = int(np.prod(golden.network("search").types["z"].shape))
    assert golden.step("search_weights").host_ops == (("synapse_writes", 2 * elements),)


def test_a_program_without_spikes_to_match_is_refused() -> None:
    """Temporal matching needs trains; a correlation of plain values has none."""
    from nmcompile.passes.match_over_time import match_over_time

    nodes = (
        Node("input", ops.Input("values", (2, 5, 5))),
        Node("z", ops.Slot("z", (2, 2, 2))),
        Node("match", ops.Correlate(), ("input", "z")),
        Node("output", ops.Output(), ("match",)),
    )
    program = Program("plain", "spiking", (Network("search", nodes, 4),), ())
    context = PassContext(timesteps=4, recipe=Recipe(matching=RULES[1]))
    with pytest.raises(NmError, match="NM0213"):
        match_over_time(program, context)


def test_executors_share_no_state_between_frames() -> None:
    golden = lowered(RULES[2], on_cores(), relu=False)["golden"]
    executor: ProgramExecutor = reference_executor(golden)
    image = crop()[0].transpose(2, 0, 1)
    executor.init(image[:, 8:39, 8:39])
    first, second = (executor.frame(image[None])[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
