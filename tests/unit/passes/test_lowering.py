"""Each pass executed before and after: exact where it claims to be, close where it measures."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from support.nets import tiny_siamese

from nmcompile.build.execute import ProgramExecutor, integer_runner, reference_executor
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program, Step
from nmcompile.passes import pipelines
from nmcompile.passes.context import Calibration, PassContext, TargetRules
from nmcompile.passes.fold_batch_norm import fold_batch_norm
from nmcompile.passes.fold_preprocess import fold_preprocess
from nmcompile.passes.hold_input import hold_input
from nmcompile.passes.manager import PassManager
from nmcompile.reference.float import FloatRunner, preprocess

RULES = TargetRules("test", 8, 6, 24, 17, 13, 7, True, "microcode", "none", "cannot", 24, True)


def crops(count: int, size: int) -> npt.NDArray[np.uint8]:
    """Smooth random crops, uint8 RGB."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (count, size // 4 + 2, size // 4 + 2, 3))
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :size, :size]
    return fine.astype(np.uint8)


def context(**changes: object) -> PassContext:
    base = PassContext(timesteps=32, calibration=Calibration("test", crops(3, 47)), rules=RULES)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def lowered(program: Program, *levels: tuple[object, ...]) -> Program:
    for passes in levels:
        program = PassManager(passes).run(program, context())  # type: ignore[arg-type]
    return program


def respond(program: Program) -> npt.NDArray[np.float64]:
    executor = reference_executor(program)
    image = crops(4, 47)[3].transpose(2, 0, 1)
    executor.init(image[:, 8:39, 8:39])
    return np.asarray(executor.frame(image[None])[0], np.float64)


def test_folding_preprocessing_is_exact_in_reals() -> None:
    program = tiny_siamese()
    folded = fold_preprocess(program, context())
    images = crops(2, 31)
    wanted = FloatRunner(program.network("template")).run(preprocess(images, program.preprocess))
    found = FloatRunner(folded.network("template")).run(images.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(found.output, wanted.output, atol=1e-9)


def test_folding_refuses_padding_under_a_mean() -> None:
    def pad(node: Node) -> Node:
        if node.name != "conv1" or not isinstance(node.op, ops.Conv2d):
            return node
        return dataclasses.replace(node, op=dataclasses.replace(node.op, padding=(1, 1)))

    program = tiny_siamese().map_networks(lambda n: n.map_nodes(pad))
    with pytest.raises(NmError) as caught:
        fold_preprocess(program, context())
    assert caught.value.diagnostics[0].where == "backbone.conv1.0"


def test_folding_batch_norm_is_exact_in_reals() -> None:
    rng = np.random.default_rng(0)
    base = tiny_siamese().network("template")
    parameters = {
        "weight": Array(rng.uniform(0.5, 2, 8)),
        "bias": Array(rng.normal(size=8)),
        "mean": Array(rng.normal(size=8)),
        "variance": Array(rng.uniform(0.1, 3, 8)),
    }
    norm = Node("bn", ops.BatchNorm2d(**parameters, eps=1e-6), ("conv1",), "bn1")
    nodes = [base.by_name["input"], base.by_name["conv1"], norm]
    nodes.append(Node("output", ops.Output(), ("bn",)))
    network = Network("n", tuple(nodes))
    program = dataclasses.replace(tiny_siamese(), networks=(network,))
    folded = fold_batch_norm(program, context()).network("n")
    assert not list(folded.of_type(ops.BatchNorm2d))
    x = rng.normal(size=(2, 3, 31, 31))
    np.testing.assert_allclose(
        FloatRunner(folded).run(x).output, FloatRunner(network).run(x).output, atol=1e-9
    )


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("relu_last", [False, True])
def test_every_level_keeps_the_response(pool: bool, relu_last: bool) -> None:
    program = lowered(tiny_siamese(pool=pool, relu_last=relu_last), pipelines.FLOAT)
    spiking = lowered(program, pipelines.SPIKING)
    integer = lowered(spiking, pipelines.INTEGER)
    golden = lowered(integer, pipelines.GOLDEN)
    wanted = respond(program)
    for level, floor in ((spiking, 0.95), (integer, 0.94), (golden, 0.94)):
        found = respond(level)
        assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > floor, level.level
    assert [s.name for s in golden.schedule] == ["template", "search", "search_match"]
    assert golden.step("search_match").place == "host"
    assert golden.step("search_match").reason


def test_spiking_rates_converge_to_the_float_network() -> None:
    program = lowered(tiny_siamese(), pipelines.FLOAT)
    errors = []
    for steps in (8, 64):
        spiking = PassManager(pipelines.SPIKING).run(program, context(timesteps=steps))
        wanted = respond(program)
        errors.append(np.linalg.norm(respond(spiking) - wanted) / np.linalg.norm(wanted))
    assert errors[1] < errors[0]


def test_holding_the_input_is_exact_and_pays_once() -> None:
    integer = lowered(tiny_siamese(), pipelines.FLOAT, pipelines.SPIKING, pipelines.INTEGER)
    held = hold_input(integer, context())
    runs = []
    for program in (integer, held):
        runner = {n.name: integer_runner(n) for n in program.networks}
        executor = ProgramExecutor(program, runner)
        image = crops(1, 47)[0].transpose(2, 0, 1)
        executor.init(image[:, 8:39, 8:39])
        runs.append((executor.frame(image[None])[0], executor.counted["search"][0]))
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    assert runs[0][1].sops == runs[1][1].sops
    assert runs[0][1].layers[0].macs == 32 * runs[1][1].layers[0].macs


def test_golden_states_fit_the_target() -> None:
    golden = lowered(
        tiny_siamese(), pipelines.FLOAT, pipelines.SPIKING, pipelines.INTEGER, pipelines.GOLDEN
    )
    shifts = 0
    for network in golden.chip_networks:
        for node in network.of_type(ops.Neuron):
            assert isinstance(node.op, ops.Neuron)
            model = node.op.model
            assert isinstance(model, IntegerNeuron)
            assert model.state_bits == 24
            assert 0 <= int(model.fire_above.data.max()) >> 6 < 2**17
            bias = model.bias.data >> 6
            assert np.all(bias << 6 == model.bias.data)
        shifts += len(list(network.of_type(ops.Shift)))
    assert shifts == 2, "8-bit weights on 8-bit pixels need a shift in the first layer of each"


def test_binary_input_lines_send_the_first_layer_to_the_host() -> None:
    rules = dataclasses.replace(RULES, graded_input=False, max_pool="or")
    integer = lowered(tiny_siamese(), pipelines.FLOAT, pipelines.SPIKING, pipelines.INTEGER)
    golden = PassManager(pipelines.GOLDEN).run(integer, context(rules=rules))
    assert golden.step("search_input").place == "host"
    assert golden.step("search").reads == "search_input"
    assert golden.network("search").types["relu1"].kind == "spikes"
    np.testing.assert_array_equal(respond(golden).shape, respond(integer).shape)
    assert np.corrcoef(respond(golden).ravel(), respond(integer).ravel())[0, 1] > 0.99


def test_without_a_frame_reset_the_host_rewrites_membranes() -> None:
    rules = dataclasses.replace(RULES, frame_reset=False)
    integer = lowered(tiny_siamese(), pipelines.FLOAT, pipelines.SPIKING, pipelines.INTEGER)
    golden = PassManager(pipelines.GOLDEN).run(integer, context(rules=rules))
    neurons = sum(
        golden.network("search").types[n.name].size
        for n in golden.network("search").of_type(ops.Neuron)
    )
    reset = golden.step("search_reset")
    assert (reset.place, reset.repeat) == ("host", 3)
    assert dict(reset.host_ops) == {"membrane_writes": neurons}
    np.testing.assert_array_equal(respond(golden), respond(lowered(integer, pipelines.GOLDEN)))


def test_no_calibration_is_an_error_with_a_way_out() -> None:
    program = lowered(tiny_siamese(), pipelines.FLOAT)
    with pytest.raises(NmError) as caught:
        PassManager(pipelines.SPIKING).run(program, context(calibration=None))
    assert caught.value.codes == ("NM0205",)
    assert any("--calibrate" in line for line in caught.value.diagnostics[0].help)


def test_frozen_scales_reproduce_measured_ones() -> None:
    from nmcompile.passes.calibrate import scales

    program = lowered(tiny_siamese(), pipelines.FLOAT)
    measured = scales(program, context())
    frozen = context(calibration=Calibration("scales", None, tuple(measured.items())))
    one = PassManager(pipelines.SPIKING).run(program, context())
    two = PassManager(pipelines.SPIKING).run(program, frozen)
    assert one.digest == two.digest


def test_dumps_one_readable_file_per_pass(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path)) / "dump"
    PassManager(pipelines.FLOAT, dump_folder=folder).run(tiny_siamese(), context())
    assert [p.name for p in sorted(folder.iterdir())] == [
        "00_fold_batch_norm.txt",
        "01_fold_preprocess.txt",
        "02_fuse_pooling.txt",
        "03_linear_readout.txt",
    ]


def test_a_plain_network_ends_in_real_values_on_the_host() -> None:
    template = tiny_siamese(relu_last=False).network("template")
    network = dataclasses.replace(template, name="main")
    program = Program("plain", "float", (network,), (Step("main", "every_frame", "chip", "main"),))
    base = context(calibration=Calibration("test", crops(3, 31)))
    for passes in (pipelines.FLOAT, pipelines.SPIKING, pipelines.INTEGER, pipelines.GOLDEN):
        if passes is pipelines.SPIKING:
            floats = program
        program = PassManager(passes).run(program, base)
    image = crops(1, 31)[0].transpose(2, 0, 1)[None]
    wanted = reference_executor(floats).frame(image)[0]
    found = reference_executor(program).frame(image)[0]
    assert program.step("main_scale").place == "host"
    assert wanted.min() < 0 < wanted.max()
    assert np.linalg.norm(found - wanted) < 0.25 * np.linalg.norm(wanted)
