"""Blocks of timesteps, fast kernels of neurons and pools, batches: all equal plain semantics."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.coded import pool
from support.nets import spiking_networks, stimulus_for
from support.plain import Plain

from nmcompile.build.execute import ProgramExecutor, integer_runner
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program, Step
from nmcompile.ir.types import EdgeType
from nmcompile.reference import integer, synapses
from nmcompile.reference.integer import IntegerRunner, Trace
from nmcompile.reference.neuron_kernel import neuron_step
from nmcompile.reference.populations import Pool, Population


@pytest.fixture(autouse=True)
def all_threads() -> Iterator[None]:
    yield
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)


def same(one: Trace, two: Trace) -> None:
    np.testing.assert_array_equal(one.output, two.output)
    assert one.counters == two.counters
    for name in one.spikes:
        np.testing.assert_array_equal(one.spikes[name], two.spikes[name], err_msg=name)
    for name in one.v_final:
        np.testing.assert_array_equal(one.v_final[name], two.v_final[name], err_msg=name)


@settings(max_examples=20, deadline=None)
@given(spiking_networks(), st.integers(0, 2**31), st.booleans(), st.sampled_from([1, 2, 100]))
def test_kernel_block_and_threads_do_not_matter(
    network: Network, seed: int, dense: bool, block: int
) -> None:
    stimulus = stimulus_for(network, np.random.default_rng(seed))
    golden = Plain(network, stimulus)
    reference = IntegerRunner(network).run(stimulus, record=True)
    for name, train in golden.trains().items():
        np.testing.assert_array_equal(reference.spikes[name], train, err_msg=name)
    np.testing.assert_array_equal(reference.output, golden.output)
    largest = max(4 * edge.size for edge in network.types.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integer, "BLOCK_BYTES", block * largest)
        patch.setattr(synapses, "dense_pays", lambda *_, **__: dense)
        numba.set_num_threads(1)
        same(IntegerRunner(network).run(stimulus, record=True), reference)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)


def population(
    shape: tuple[int, ...], rng: np.random.Generator, bits: int, *, per_neuron: bool, held: bool
) -> Population:
    """A population that runs as rows; parameters per neuron, per channel or scalar."""
    table = shape if per_neuron else shape[:1] if rng.integers(2) else ()
    shift = 3 if bits else 0
    level = rng.integers(1, 40, table) << shift
    model = IntegerNeuron(
        "IF",
        *(4096 if held else 0, 4096, shift, bits),
        Array((rng.integers(-5, 6, table) << shift).astype(np.int32)),
        Array((level - 1).astype(np.int32)),
        "subtract",
        Array(level.astype(np.int32)),
        Array((level // 2).astype(np.int32)),
    )
    source = EdgeType("values", shape, 12)
    return Population(
        model, source, EdgeType("spikes", shape, 1, signed=False), Node("n", ops.Neuron(model))
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([(3, 4, 5), (1, 1, 1), (40, 2, 3), (7,), (1,)]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 9, 24]),
    st.sampled_from([30, 2000]),
    st.integers(0, 2**31),
)
def test_rows_of_neurons_equal_the_definition(
    shape: tuple[int, ...], per_neuron: bool, held: bool, bits: int, most: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    one = population(shape, rng, bits, per_neuron=per_neuron, held=held and bits > 0)
    assert one._rows is not None
    drive = rng.integers(-most, most + 1, (1 if held else 5, *one.shape)).astype(np.int32)
    u, v = np.zeros(one.v.size, np.int32), one.v.copy()
    wanted = np.empty((5, v.size), np.uint8)
    tables = (one._bias, one._fire_above, one._reset_by)
    keep, shift = (one._model.u_keep, 4096), one._model.state_shift
    for t in range(5):
        current = drive[min(t, len(drive) - 1)].reshape(-1)
        neuron_step(current, u, v, wanted[t], *tables, *keep, shift, bits, True)
    found = one.advance(5, drive)
    np.testing.assert_array_equal(found.reshape(5, -1), wanted)
    np.testing.assert_array_equal(one.v, v)
    if held and bits:
        np.testing.assert_array_equal(one.u, u)
    assert one.spikes == wanted.sum()


@pytest.mark.parametrize("drive", [2**31 - 1, -(2**31 - 1)])
def test_rows_of_neurons_report_overflow(drive: int) -> None:
    one = population((2, 3, 3), np.random.default_rng(1), 0, per_neuron=False, held=False)
    current = np.zeros((4, 3, 3, 2), np.int32)
    current[1:, 2, 1, 1] = drive
    with pytest.raises(NmError) as caught:
        one.advance(4, current)
    assert caught.value.codes == ("NM0203",)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 9]), st.integers(0, 2**31))
def test_running_maximum_in_blocks(kernel: int, stride: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = kernel + int(rng.integers(0, 7))
    train = rng.integers(0, most + 1, (6, 3, size, size + 1))
    train[rng.random(train.shape) < 0.6] = 0
    op = ops.SpikeMaxPool2d((kernel, kernel), (stride, stride))
    source = EdgeType("spikes", train.shape[1:], most.bit_length(), signed=False)
    wanted = pool(train, "running_max", kernel, stride)
    edge = EdgeType("spikes", wanted.shape[1:], source.bits, signed=False)
    executor = Pool(op, source, edge)
    x = np.ascontiguousarray(np.moveaxis(train, 1, -1)).astype(np.uint8)
    found = np.concatenate([executor.advance(4, x[:4]), executor.advance(2, x[4:])])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 1), wanted)
    assert executor.spikes == np.count_nonzero(wanted)


def test_a_batch_equals_its_frames_alone() -> None:
    rng = np.random.default_rng(0)
    nodes = (
        Node("input", ops.Input("values", (2, 6, 7), 8)),
        Node("code", ops.Encode("constant"), ("input",)),
        Node("c", _conv(rng), ("code",)),
        Node("n", ops.Neuron(_neuron()), ("c",)),
        Node("count", ops.Decode(), ("n",)),
        Node("z", ops.Slot("z", (3, 2, 2), 8)),
        Node("match", ops.Correlate(), ("count", "z")),
        Node("output", ops.Output(), ("match",)),
    )
    network = Network("search", nodes, 5)
    program = Program(
        "p", "integer", (network,), (Step("search", "every_frame", "chip", "search"),)
    )
    images = rng.integers(0, 256, (3, 2, 6, 7)).astype(np.uint8)
    template = rng.integers(-9, 10, (3, 2, 2))
    runners = {"search": integer_runner(network)}
    batch = ProgramExecutor(program, runners, {"z": template})
    together = batch.frame(images)
    for image, response, counters in zip(images, together, batch.counted["search"], strict=True):
        alone = IntegerRunner(network).run(image, {"z": template})
        np.testing.assert_array_equal(alone.output, response)
        assert alone.counters == counters


def test_a_correlation_of_counts_is_read_once() -> None:
    rng = np.random.default_rng(0)
    nodes = (
        Node("input", ops.Input("spikes", (3, 5, 5), 1)),
        Node("count", ops.Decode(), ("input",)),
        Node("z", ops.Slot("z", (3, 2, 2), 8)),
        Node("match", ops.Correlate(), ("count", "z")),
        Node("response", ops.Scale(0.5, 1.0), ("match",)),
        Node("output", ops.Output(), ("response",)),
    )
    train = rng.integers(0, 2, (4, 3, 5, 5)).astype(np.uint8)
    template = rng.integers(-9, 10, (3, 2, 2))
    output = IntegerRunner(Network("m", nodes, 4)).run(train, {"z": template}).output
    counts = train.sum(axis=0, dtype=np.int64)
    for i in range(4):
        for j in range(4):
            wanted = (counts[:, i : i + 2, j : j + 2] * template).sum() * 0.5 + 1.0
            assert output[0, i, j] == wanted


def _conv(rng: np.random.Generator) -> ops.Conv2d:
    weight = rng.integers(-9, 10, (3, 2, 3, 3)).astype(np.int8)
    return ops.Conv2d(Array(weight), Array(np.zeros(3, np.int32)))


def _neuron() -> IntegerNeuron:
    level = Array(np.int32(900))
    zero = Array(np.int32(0))
    return IntegerNeuron("IF", 0, 4096, 0, 0, zero, level, "subtract", level, zero)
