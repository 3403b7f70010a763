"""SiamFC++ on every target: the backbone on cores, the head where 8-bit activations are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from support.siamfcpp import small_siamfcpp

from nmcompile.backends.registry import backend_of
from nmcompile.build.compiled import Compiled, Options, compile_model, lower, prepared
from nmcompile.build.feasibility import feasibility
from nmcompile.build.reporting import make_report
from nmcompile.build.state_steps import step_notes
from nmcompile.build.verify import verify_network
from nmcompile.diagnostics import NmError
from nmcompile.frontends import LoadedModel
from nmcompile.frontends.checkpoint_program import checkpoint_to_program
from nmcompile.ir import ops
from nmcompile.ir.neurons import IntegerNeuron, ReLU8
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.graph import Column
from nmcompile.passes.recipe import Recipe
from nmcompile.target import load_target

pytestmark = pytest.mark.torch


def model(timesteps: int, seed: int = 0) -> LoadedModel:
    checkpoint = small_siamfcpp(timesteps, seed)
    program = checkpoint_to_program(checkpoint, "small")
    return LoadedModel(program, checkpoint.images, (), "0" * 64, "checkpoint")


@cache
def built(target: str, timesteps: int) -> Compiled:
    """A whole build; tests share it and change nothing in it."""
    recipe = Recipe(weight_step="channel", ann=("*",) if target == "tianjic" else ())
    options = Options(recipe, frames=2, spread=False)
    return compile_model(model(timesteps), load_target(target), options, lambda _: None)


def lowered(target: str, timesteps: int, recipe: Recipe) -> Compiled:
    build = prepared(model(timesteps), load_target(target), Options(recipe, frames=1))
    lower(build, backend_of(build.target))
    return build


def places(build: Compiled) -> dict[str, str]:
    return {s.network: s.place for s in build.golden.schedule if s.network}


@pytest.mark.parametrize("timesteps", [0, 3])
def test_tianjic_holds_backbone_and_head(timesteps: int) -> None:
    build = built("tianjic", timesteps)
    assert {v.network for v in build.verifications} == {"template", "search", "head"}
    assert all(v.equal and v.spikes for v in build.verifications)
    assert places(build) == {
        "template": "chip",
        "neck": "host",
        "search": "chip",
        "head": "chip",
        "head_scale": "host",
    }
    assert build.golden.network("search").timesteps == max(1, timesteps)
    head = build.graphs["head"]
    assert isinstance(head, FCoreGraph)
    assert head.slot == "z"
    report = make_report(build, "")
    assert report.host.on_chip_share is not None
    assert report.host.on_chip_share > 0.9
    (load,) = [s for s in build.golden.schedule if s.name == "head_weights"]
    assert dict(load.host_ops)["synapse_writes"] >= 2 * head_kernels(build)


def dense_macs(build: Compiled) -> int:
    """Of the float head: what a processor does, whatever is zero."""
    network, total = build.programs["float"].network("head"), 0
    for node in network.of_type(ops.Conv2d, ops.Correlate):
        taps = 2 * 2 if isinstance(node.op, ops.Correlate) else node.op.weight.data[0].size  # type: ignore[union-attr]
        total += network.types[node.name].size * taps
    return total


def head_kernels(build: Compiled) -> int:
    network = build.golden.network("head")
    (slot,) = network.of_type(ops.Slot)
    return network.types[slot.name].size


def test_loihi_holds_the_backbone() -> None:
    build = built("loihi2", 3)
    assert {v.network for v in build.verifications} == {"template", "search"}
    assert all(v.equal and v.spikes for v in build.verifications)
    where = places(build)
    assert (where["neck"], where["head"]) == ("host", "host")
    reasons = {s.name: s.reason for s in build.golden.schedule}
    assert reasons["head"] == reasons["neck"]
    assert "8 bits" in reasons["head"]
    # what is zero counts, but for weights
    assert [c.macs / dense_macs(build) for c in build.counters["head"]] == pytest.approx(
        [1.0, 1.0], abs=0.03
    )
    report = make_report(build, "")
    share = report.host.on_chip_share
    assert share is not None
    assert 0.0 < share < 1.0  # the head counts on the host's side


def test_on_loihi_the_integer_network_is_the_golden_one() -> None:
    """Its neurons leak, and its first layer is wider than the states: both are known before."""
    build = built("loihi2", 3)
    assert build.golden_error == (pytest.approx(1.0), 0.0)
    (note,) = step_notes(build.golden, build.target)
    assert (note.code, note.severity, note.where) == ("NM0332", "note", "backbone.neurons.0")
    said = [message.diagnostic() for message in make_report(build, "").diagnostics]
    assert note in said


def test_check_names_the_layers_in_steps_too() -> None:
    fit = feasibility(model(1), load_target("loihi2"), Options(frames=1))
    assert [note.code for note in fit.notes if note.where == "backbone.neurons.0"] == ["NM0332"]


def test_integers_stay_close_to_the_float_network() -> None:
    build = built("tianjic", 3)
    # Noise of 8-bit weights moves some spikes; the ANN behind them adds little to that.
    of = {(e.network, e.layer): e for e in build.layer_errors}
    spikes = of["search", "backbone.neurons.4"].correlation
    assert of["search", "backbone.neurons.0"].correlation > 0.97
    assert of["head", "towers.2.relu"].correlation > spikes - 0.1
    assert build.response_error is not None
    assert build.response_error[0] > 0.8


def test_the_head_alone_is_as_good_as_8_bits() -> None:
    """The float head on what the integer backbone says, against the integer head on the same."""
    from nmcompile.reference.float import FloatRunner
    from nmcompile.reference.integer import IntegerRunner

    build = built("loihi2", 3)
    given = build.inputs["head"][0]
    z = build.programs["float"].network("neck")
    kernels = FloatRunner(z).run(build.inputs["neck"][0].stimulus[None]).output[0]
    head = build.programs["float"].network("head")
    wanted = FloatRunner(head).run(given.stimulus[None], {"z": kernels}).output[0]
    found = IntegerRunner(build.golden.network("head")).run(given.stimulus, given.slots).output
    error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert error < 0.1


def test_a_changed_weight_of_the_head_is_found() -> None:
    build = built("tianjic", 3)
    graph = build.graphs["head"]
    assert isinstance(graph, FCoreGraph)
    network, given = build.golden.network("head"), build.inputs["head"]

    def found(table: str, change: Callable[[Column], Column]) -> str:
        tables = {**graph.tables, table: change(np.array(graph[table]))}
        simulator = backend_of(build.target).simulator(dataclasses.replace(graph, tables=tables))
        return verify_network(network, simulator, given).first_mismatch

    assert "differ" in found("weight.value", lambda weights: weights // 2)
    assert "correlation" in found("slot.element", lambda elements: elements[::-1].copy())


def test_truenorth_says_which_layers_do_not_fit() -> None:
    fit = feasibility(model(3), load_target("truenorth"), Options(frames=1))
    assert {d.code for d in fit.problems} == {"NM0311", "NM0313"}  # fan-in, and leaks
    where = " ".join(d.where for d in fit.problems)
    assert all(f"backbone.convs.{layer}" in where for layer in (1, 2, 3, 4))
    reasons = dict(fit.host)
    assert {"search_input", "template_input", "head", "neck"} <= reasons.keys()
    assert "8 bits" in reasons["head"]


def test_timesteps_belong_to_the_model() -> None:
    with pytest.raises(NmError) as caught:
        lowered("tianjic", 3, Recipe(timesteps=4))
    assert caught.value.codes == ("NM0334",)


def test_layers_of_a_chain_are_not_tuned() -> None:
    with pytest.raises(NmError) as caught:
        lowered("loihi2", 1, Recipe(tune=True))
    assert caught.value.codes == ("NM0335",)


def test_an_ann_spikes_where_cores_only_spike() -> None:
    build = lowered("loihi2", 0, Recipe(timesteps=6))
    assert build.golden.network("search").timesteps == 6
    assert build.golden.network("head").timesteps == 1
    models = [n.op.model for n in build.golden.network("neck").of_type(ops.Neuron)]  # type: ignore[union-attr]
    assert [m.largest for m in models if isinstance(m, ReLU8)] == [254]


def test_binary_spikes_leave_the_first_layer_to_the_host() -> None:
    build = lowered("loihi1", 1, Recipe())
    where = places(build)
    assert (where["search_input"], where["search"], where["head"]) == ("host", "chip", "host")
    # One timestep has no leak, so that a neuron without one will do.
    models = [n.op.model for n in build.golden.network("search").of_type(ops.Neuron)]  # type: ignore[union-attr]
    assert {m.v_keep for m in models if isinstance(m, IntegerNeuron)} == {4096}
