"""SpikeTrack cut between cores and host: exact, every reason said, chains equal on the cores."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.spiketrack import TINY, crops, integer_program, lively, program_of

from nmcompile.backends.registry import backend_of
from nmcompile.build.execute import NetworkInput, reference_executor
from nmcompile.build.host_work import with_host_ops
from nmcompile.build.stimuli import Frame, recorded_inputs
from nmcompile.build.verify import verify_network
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import KeyValue, Query
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import ReLU8
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.target import load_target
from nmcompile.trackers.spiketrack.program_engine import program_params

pytestmark = pytest.mark.torch


def integer(steps: int = 1) -> Program:
    return integer_program(program_of(lively(dataclasses.replace(TINY, steps=steps))))


def golden(program: Program, target: str = "tianjic") -> Program:
    chip = load_target(target)
    context = PassContext(rules=backend_of(chip).rules(chip))
    return PassManager(pipelines.GOLDEN).run(program, context)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_cut_changes_nothing(steps: int) -> None:
    whole = integer(steps)
    images = crops(TINY.size, steps + 1, seed=3)
    results = []
    for program in (whole, golden(whole)):
        executor = reference_executor(program)
        executor.init(images[:steps])
        results.append((executor.frame(images[steps:])[0], executor.slots))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    for name, memory in results[0][1].items():
        np.testing.assert_array_equal(memory, results[1][1][name])


def test_what_is_where_and_why() -> None:
    cut = golden(integer())
    chip = {s.network for s in cut.schedule if s.place == "chip"}
    for network in cut.networks:
        host = network.name not in chip
        assert host == any(network.name == s.network for s in cut.schedule if s.reason)
        if not host:
            models = [n.op.model for n in network.nodes if isinstance(n.op, ops.Neuron)]
            assert all(isinstance(m, ReLU8) and m.largest == 4 for m in models)
            assert not any(network.of_type(ops.Add, KeyValue))
    asked = [n for n in cut.chip_networks if any(n.of_type(Query))]
    assert len(asked) == 12  # every memory twice
    loads = [s for s in cut.schedule if dict(s.host_ops).get("synapse_writes")]
    assert len(loads) == 12
    assert all(s.trigger == "on_init" for s in loads)
    reasons = " ".join(s.reason for s in cut.schedule)
    for words in ("a shortcut carries", "multiplies two activities"):
        assert words in reasons
    assert not any(any(n.of_type(ops.Conv2d)) for n in cut.networks if n.name not in chip)
    # Those of template and search are there once.
    runs = [s.network for s in cut.schedule if s.place == "chip"]
    shared = {name for name in runs if runs.count(name) == 2}
    assert len(shared) >= 12


def test_the_loop_finds_its_sizes_in_a_cut_program() -> None:
    whole = integer()
    assert program_params(golden(whole)) == program_params(whole)
    peak = dict(with_host_ops(whole).step("peak").host_ops)
    assert peak["window_multiplies"] == (TINY.size // 16) ** 2


def test_templates_of_several_steps_stay_on_the_host() -> None:
    """Their memories, of three steps, are asked on cores, which say sums; neurons are host work."""
    cut = golden(integer(3))
    (step,) = (s for s in cut.schedule if s.trigger == "on_init" and s.network)
    assert step.place == "host"
    assert "over 3 timesteps" in step.reason
    asked = [n for n in cut.chip_networks if any(n.of_type(Query))]
    assert len(asked) == 12
    assert not any(any(n.of_type(ops.Neuron)) for n in asked)
    images = crops(TINY.size, 4, seed=4)
    inputs = recorded_inputs(reference_executor(cut), (Frame(images[:3], images[3]),))
    assert_equal_on_cores(asked[0], inputs[asked[0].name])


@pytest.mark.parametrize("target", ["loihi1", "loihi2", "truenorth"])
def test_targets_without_counts_say_why_layer_by_layer(target: str) -> None:
    whole = integer()
    with pytest.raises(NmError) as refused:
        golden(whole, target)
    assert set(refused.value.codes) == {"NM0337"}
    where = {d.where for d in refused.value.diagnostics}
    for network in whole.networks:
        for node in network.of_type(ops.Neuron, KeyValue, Query):
            assert f"{network.name}: {node.label}" in where
    assert len(where) == len(refused.value.diagnostics)
    if target == "truenorth":
        assert any("inputs" in d.found for d in refused.value.diagnostics) == any(
            np.prod(n.op.weight.shape[1:]) > 256
            for network in whole.networks
            for n in network.of_type(ops.Conv2d)
            if isinstance(n.op, ops.Conv2d)
        )


def test_chains_equal_the_golden_network_on_cores() -> None:
    """One of every kind: depthwise, attention, sums for a stream, the head; two frames."""
    cut = golden(integer())
    images = crops(TINY.size, 4, seed=4)
    frames = tuple(Frame(images[i : i + 1], images[i + 2]) for i in range(2))
    inputs = recorded_inputs(reference_executor(cut), frames)
    wanted = ("head_0", "attention_query_key_value", "mix_0_conv", "refine", "profile")
    for kind in wanted:
        network = next(n for n in cut.chip_networks if kind in n.name)
        assert_equal_on_cores(network, inputs[network.name][:2])


def assert_equal_on_cores(network: Network, inputs: list[NetworkInput]) -> None:
    chip = load_target("tianjic")
    backend = backend_of(chip)
    result = verify_network(network, backend.simulator(backend.map(network, chip)), inputs)
    assert result.equal, result.first_mismatch
    assert result.spikes > 0
