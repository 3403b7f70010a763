"""A correlation as taps behind neurons that fire: what goes to cores, what to the host, and why."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.nets import tiny_siamese

from nmcompile.build.execute import reference_executor
from nmcompile.build.read_out import read_out_passes, read_outs
from nmcompile.build.stimuli import Frame
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import Calibration, PassContext, TargetRules
from nmcompile.passes.manager import PassManager
from nmcompile.passes.recipe import Coding, Matching, Recipe
from nmcompile.passes.template_taps import taps_of, with_units

TAPS = TargetRules(
    *("test", 9, 0, 20, 18, 20, 0, True, "or", "taps", "", 20, True),
    core_neurons=256,
    core_axons=256,
    template_bits=4,
)
HOST = dataclasses.replace(TAPS, correlate="none", no_correlation="no way")


def crops(seed: int = 5) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (2, 13, 14, 3))
    return coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :47, :47].astype(np.uint8)


def golden(rules: TargetRules, timesteps: int = 12, *, relu: bool = True, **recipe: Any) -> Program:
    program = tiny_siamese(relu_last=relu)
    context = PassContext(timesteps, Recipe(**recipe), Calibration("test", crops()), rules)
    for name in ("FLOAT", "SPIKING", "INTEGER", "GOLDEN"):
        program = PassManager(getattr(pipelines, name)).run(program, context)
    return program


def frames() -> tuple[Frame, ...]:
    images = (image.transpose(2, 0, 1) for image in crops())
    return tuple(Frame(image[:, 8:39, 8:39], image) for image in images)


def responses(program: Program) -> npt.NDArray[np.float64]:
    executor = reference_executor(program)
    found = []
    for frame in frames():
        executor.init(np.asarray(frame.init))
        found.append(executor.frame(np.asarray(frame.frame)[None])[0])
    return np.asarray(found, np.float64).ravel()


def network_of(program: Program) -> tuple[Network, Node, ops.TemplateTaps]:
    network = program.network("search")
    taps = taps_of(network)
    assert taps is not None
    assert isinstance(taps.op, ops.TemplateTaps)
    return network, taps, taps.op


@pytest.mark.parametrize("relu", [True, False])
def test_the_counts_of_chosen_units_follow_the_exact_response(relu: bool) -> None:
    program = golden(TAPS, relu=relu)
    network, taps, op = network_of(program)
    assert (op.planes, op.signed_pairs) == (4, not relu)
    assert network.types[taps.name].shape[0] == 6 * 4 * (1 if relu else 2)
    assert [s.name for s in program.schedule] == [
        *("template", "search_weights", "search", "search_match"),
    ]
    assert "nothing but spikes" in program.step("search_match").reason
    (one,) = read_outs(program, frames())
    assert len(one.units) == 4
    program = PassManager(read_out_passes((one,))).run(program, PassContext())
    wanted, found = responses(golden(HOST, relu=relu)), responses(program)
    assert np.corrcoef(wanted, found)[0, 1] > 0.97
    measured = one.measured(program, inputs_of(program))
    assert measured.error is not None
    assert 0 < measured.error.relative_error < 0.3
    assert measured.error.correlation > 0.97


def inputs_of(program: Program) -> dict[str, Any]:
    from nmcompile.build.stimuli import recorded_inputs

    return recorded_inputs(reference_executor(program), frames())


def test_units_reach_neurons_and_the_hosts_weights() -> None:
    program = with_units(golden(TAPS, 3), "search", (5, 7))
    network, taps, op = network_of(program)
    (sums,) = network.consumers[taps.name]
    model = sums.op.model  # type: ignore[union-attr]
    assert isinstance(model, IntegerNeuron)
    assert (op.planes, model.state_bits) == (2, 20)
    np.testing.assert_array_equal(model.reset_by.data, [5, 7] * 6)
    np.testing.assert_array_equal(model.fire_above.data + 1, model.reset_by.data)
    np.testing.assert_array_equal(model.v_init.data, [2, 3] * 6)
    (added,) = program.network("search_match").of_type(ops.Conv2d)
    np.testing.assert_array_equal(added.op.weight.data.ravel(), [5, 14] * 6)  # type: ignore[union-attr]
    assert network.output.inputs == (network.consumers[sums.name][0].name,)
    with pytest.raises(ValueError, match="no taps"):
        with_units(program, "template", (1,))


def test_the_host_counts_what_it_writes_and_adds() -> None:
    program = golden(TAPS)
    network, taps, _ = network_of(program)
    elements = int(np.prod(network.types["z"].shape))
    assert program.step("search_weights").host_ops == (("synapse_writes", elements),)
    assert program.step("search_weights").trigger == "on_init"
    executor = reference_executor(program)
    frame = frames()[0]
    executor.init(np.asarray(frame.init))
    executor.frame(np.asarray(frame.frame)[None])
    (counted,) = executor.counted["search_match"]
    maps, rows, columns = network.types[taps.name].shape
    # a product for every count, and the scale of every response
    assert counted.macs == (maps + 1) * rows * columns


@pytest.mark.parametrize(
    ("rules", "timesteps", "recipe", "reason"),
    [
        ({}, 16, {}, "elements of the template up to 16 take 5 bits"),
        ({}, 16, {}, "(T <= 15); a neuron for every product"),
        ({"core_axons": 15}, 12, {}, "4 x 4 taps x 1 lines = 16 axons"),
        ({"template_bits": 3}, 8, {}, "up to 8 take 4 bits"),
        ({}, 12, {"matching": Matching(rule="tsm")}, "between frames, not between timesteps"),
        ({}, 12, {"output_coding": Coding(name="two_status")}, "follow a schedule"),
        ({}, 12, {"output_coding": Coding(name="phase", period=4)}, "no payload"),
    ],
)
def test_what_fits_no_cores_goes_to_the_host_with_the_reason(
    rules: dict[str, Any], timesteps: int, recipe: dict[str, Any], reason: str
) -> None:
    context_rules = dataclasses.replace(TAPS, **rules)
    program = tiny_siamese()
    context = PassContext(timesteps, Recipe(**recipe), Calibration("test", crops()), context_rules)
    for name in ("FLOAT", "SPIKING", "INTEGER"):
        program = PassManager(getattr(pipelines, name)).run(program, context)
    placed = PassManager(pipelines.GOLDEN[:2]).run(program, context)
    assert not any(taps_of(n) for n in placed.networks)
    assert reason in placed.step("search_match").reason


def test_a_two_status_layer_behind_a_gate_is_matched_on_cores() -> None:
    gates = dataclasses.replace(TAPS, gates=True)
    coding = {"output_coding": Coding(name="two_status")}
    _, _, op = network_of(golden(gates, 20, **coding))
    # ten timesteps that fire: 4 bits
    assert op.planes == 4
    without = dataclasses.replace(gates, no_gate=(("backbone.conv3.1", "no room"),))
    host = golden(without, 20, **coding)
    assert "follow a schedule" in host.step("search_match").reason
    assert host.step("search_coding").reason.endswith("no room")


def test_signed_templates_take_two_axons_an_input() -> None:
    enough = golden(dataclasses.replace(TAPS, core_axons=32), relu=False)
    assert taps_of(enough.network("search")) is not None
    program = golden(dataclasses.replace(TAPS, core_axons=31), relu=False)
    assert "4 x 4 taps x 2 lines = 32 axons" in program.step("search_match").reason
