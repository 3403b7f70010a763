"""Layers against a crossbar core, recounted neuron by neuron."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.nets import conv, if_neuron

from nmcompile.backends.registry import backend_named
from nmcompile.backends.survey import Surveyor
from nmcompile.backends.truenorth.layer import Layer, layer_of
from nmcompile.backends.truenorth.survey import survey
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.mapping.stages import stages
from nmcompile.reference.integer import IntegerRunner
from nmcompile.target import CrossbarTarget, load_target, of_family

CHIP = of_family(load_target("truenorth"), CrossbarTarget)
RNG = np.random.default_rng(0)


def neuron(channels: int, threshold: int = 4, **options: object) -> ops.Neuron:
    bias = options.pop("bias", 0)
    return ops.Neuron(if_neuron(channels, threshold, bias, shift=0, bits=0, **options))  # type: ignore[arg-type]


def chain(*layers: ops.Conv2d, shape: tuple[int, int, int], timesteps: int = 4) -> Network:
    """Spikes through convolutions with neurons to counts."""
    nodes = [Node("input", ops.Input("spikes", shape, 1))]
    source = "input"
    for index, op in enumerate(layers):
        nodes.append(Node(f"c{index}", op, (source,), f"conv{index}"))
        source = f"n{index}"
        nodes.append(Node(source, neuron(op.weight.shape[0]), (f"c{index}",), f"conv{index}"))
    nodes += [Node("count", ops.Decode(), (source,)), Node("output", ops.Output(), ("count",))]
    return Network("chain", tuple(nodes), timesteps)


def program(network: Network) -> Program:
    return Program("p", "integer", (network,), (Step("run", "every_frame", "chip", network.name),))


def weights_of(span: range, shape: tuple[int, ...], **options: object) -> ops.Conv2d:
    weight = RNG.choice(list(span), shape).astype(np.int8)
    return ops.Conv2d(Array(weight), Array(np.zeros(shape[0], np.int32)), **options)  # type: ignore[arg-type]


def layers_of(network: Network) -> list[Layer]:
    cut = stages(network)
    return [layer_of(network.name, p, CHIP, cut.timesteps) for p in cut.populations]


def sources_of(layer: Layer) -> npt.NDArray[np.bool_]:
    """`(neurons, inputs)`: which inputs each neuron of a one-projection layer reads."""
    (projection,) = layer.population.projections
    channels, height, width = layer.population.shape
    reads = np.zeros((channels, height, width, *projection.source_shape), np.bool_)
    y, x = projection.y, projection.x
    for c, i, j, a, b in np.ndindex(channels, height, width, y.kernel, x.kernel):
        group = c // projection.channels_out
        row = i * y.stride - y.padding + a * y.dilation
        column = j * x.stride - x.padding + b * x.dilation
        if 0 <= row < y.size_in and 0 <= column < x.size_in:
            first = group * projection.channels_in
            reads[c, i, j, first : first + projection.channels_in, row, column] = True
    return reads.reshape(channels, height, width, -1)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    groups = draw(st.sampled_from([1, 2]))
    per_group, out = draw(st.integers(1, 4)), groups * draw(st.integers(1, 6))
    shape = (groups * per_group, draw(st.integers(3, 9)), draw(st.integers(3, 9)))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    op = weights_of(
        range(-1, 2),
        (out, per_group, *kernel),
        stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=(draw(st.integers(0, 1)), draw(st.integers(0, 1))),
        groups=groups,
    )
    return layers_of(chain(op, shape=shape))[0]


@given(layers())
@settings(deadline=None, max_examples=60)
def test_inputs_and_cuts_are_those_of_the_neurons(layer: Layer) -> None:
    reads = sources_of(layer)
    assert layer.inputs == reads.sum(axis=3).max()
    assert layer.encoding is not None
    cut = layer.cut(CHIP)
    assert cut is not None
    grid, axons = cut
    counted = 0
    for y, x, c in grid.boxes():
        box = reads[c[0] : c[1], y[0] : y[1], x[0] : x[1]]
        used = int(box.reshape(-1, box.shape[3]).any(axis=0).sum()) * layer.encoding.axons
        assert used <= 256
        assert box[..., 0].size <= 256
        counted += used
    assert counted == axons
    assert grid.tiles >= -(-layer.population.size // 256)


def test_no_cut_of_a_small_layer_has_fewer_cores() -> None:
    """4 x 4 outputs, 3x3, 16 channels in groups of 4, ternary: 2 x 4 outputs of one group."""
    op = weights_of(range(-1, 2), (64, 4, 3, 3), padding=(1, 1), groups=4)
    (layer,) = layers_of(chain(op, shape=(16, 4, 4)))
    assert layer.encoding is not None
    assert (layer.encoding.name, layer.inputs, layer.axons) == ("ternary", 36, 72)
    cut = layer.cut(CHIP)
    assert cut is not None
    # one group takes 16 positions x 4 channels x 2 = 128 axons and 16 x 16 = 256 neurons
    assert (cut[0].tiles, cut[1]) == (4, 4 * 128)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from(["subtract", "zero"]))
@settings(deadline=None, max_examples=25)
def test_no_membrane_leaves_the_bound(seed: int, timesteps: int, reset: str) -> None:
    rng = np.random.default_rng(seed)
    op = conv(rng, 3, 2, (3, 3))
    model = neuron(3, int(rng.integers(1, 30)), bias=rng.integers(-9, 10, 3), reset=reset)
    network = chain(op, shape=(2, 6, 5), timesteps=timesteps)
    network = network.map_nodes(
        lambda n: Node(n.name, model, n.inputs, n.origin) if isinstance(n.op, ops.Neuron) else n
    )
    (layer,) = layers_of(network)
    runner = IntegerRunner(network)
    for density in (0.2, 1.0):
        train = (rng.random((timesteps, 2, 6, 5)) < density).astype(np.uint8)
        final = runner.run(train, record=True).v_final["n0"]
        assert np.abs(final).max() <= layer.membrane


def test_copies_follow_from_the_axons_of_the_readers() -> None:
    """Design figure: n (a R - 1) copies, here a = 2 and R = 4 cores that read every neuron."""
    first = weights_of(range(-1, 2), (8, 2, 1, 1))
    second = weights_of(range(-1, 2), (1024, 8, 1, 1))
    found = survey(program(chain(first, second, shape=(2, 1, 1))), CHIP)
    assert not found.problems
    rows = found.networks[0].estimates
    assert rows[1]["cores_estimate"] == 4
    assert rows[0]["copies_estimate"] == 8 * (2 * 4 - 1)
    assert rows[1]["copies_estimate"] == 0
    assert found.networks[0].cores == 5
    assert found.networks[0].ticks == 4 + 1


def test_a_wide_layer_is_refused_by_name_with_its_figures() -> None:
    wide = weights_of(range(-1, 2), (8, 64, 3, 3))
    fits = weights_of(range(-1, 2), (64, 4, 3, 3), groups=16)
    found = survey(program(chain(fits, wide, shape=(64, 7, 7))), CHIP)
    (problem,) = found.problems
    assert (problem.code, problem.where, problem.exit_code) == ("NM0311", "conv1", 3)
    assert "576 inputs x 2 axons" in problem.found
    assert "1152 axons, 896 too many" in problem.found
    assert "targets/truenorth.toml: core.axons = 256" in problem.limit
    assert any("8 groups: 72 inputs x 2 axons = 144" in way for way in problem.help)
    assert any("1 x 1 kernels: 64 inputs" in way for way in problem.help)
    rows = found.networks[0].estimates
    assert rows[1]["cores_estimate"] is None
    assert rows[0]["copies_estimate"] is None  # nobody knows what a layer that does not fit reads
    assert found.networks[0].cores is None


def test_all_layers_are_named_together() -> None:
    bad = [weights_of(range(-127, 128), (16, 16, 3, 3), padding=(1, 1)) for _ in range(3)]
    found = survey(program(chain(*bad, shape=(16, 6, 6))), CHIP)
    assert [d.where for d in found.problems] == ["conv0", "conv1", "conv2"]
    assert all(any("ternary" in way for way in d.help) for d in found.problems)


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (neuron(4, v_keep=3000), "decays"),
        (neuron(4, u_keep=100), "decays"),
        (neuron(4, bias=300), "bias up to 300"),
        (neuron(4, 2**18), "threshold up to 262144"),
    ],
)
def test_neurons_that_do_not_fit(op: ops.Neuron, said: str) -> None:
    network = chain(weights_of(range(-1, 2), (4, 4, 3, 3)), shape=(4, 5, 5)).map_nodes(
        lambda n: Node(n.name, op, n.inputs, n.origin) if isinstance(n.op, ops.Neuron) else n
    )
    (problem,) = survey(program(network), CHIP).problems
    assert (problem.code, problem.where) == ("NM0313", "conv0")
    assert said in problem.found


def test_a_skip_path_may_be_as_long_as_the_delays() -> None:
    def skip(depth: int) -> Network:
        nodes = [Node("input", ops.Input("spikes", (2, 4, 4), 1))]
        source = "input"
        for index in range(depth):
            op = weights_of(range(1, 2), (2, 2, 1, 1))
            nodes.append(Node(f"c{index}", op, (source,), f"conv{index}"))
            source = f"n{index}"
            nodes.append(Node(source, neuron(2), (f"c{index}",)))
        nodes.append(Node("a", weights_of(range(1, 2), (2, 2, 1, 1)), (source,), "end"))
        nodes.append(Node("b", weights_of(range(1, 2), (2, 2, 1, 1)), ("input",), "skip"))
        nodes.append(Node("sum", ops.Add(), ("a", "b")))
        nodes.append(Node("n", ops.Neuron(neuron(2).model), ("sum",)))
        nodes += [Node("count", ops.Decode(), ("n",)), Node("output", ops.Output(), ("count",))]
        return Network("skip", tuple(nodes), 2)

    assert not survey(program(skip(14)), CHIP).problems
    (problem,) = survey(program(skip(15)), CHIP).problems
    assert "skip path delay up to 15" in problem.found


def test_max_pooling_becomes_or_pooling() -> None:
    nodes = [
        Node("input", ops.Input("spikes", (4, 6, 6), 1)),
        Node("p", ops.SpikeMaxPool2d((2, 2), (2, 2)), ("input",), "pool"),
        Node("count", ops.Decode(), ("p",)),
        Node("output", ops.Output(), ("count",)),
    ]
    found = survey(program(Network("pools", tuple(nodes), 4)), CHIP)
    (row,) = found.networks[0].layers
    assert (row["inputs"], row["axons"], row["neurons"]) == (4, 4, 36)
    assert not found.problems


def test_more_cores_than_any_system_has() -> None:
    small = CHIP.chip.model_copy(
        update={"chips_max": CHIP.chip.chips_max.model_copy(update={"value": 1})}
    )
    chip = CHIP.model_copy(
        update={"chip": small.model_copy(update={"cores": CHIP.core.axon_types})}
    )
    op = weights_of(range(-1, 2), (64, 4, 3, 3))
    (problem,) = survey(program(chain(op, shape=(4, 30, 30))), chip).problems
    assert problem.code == "NM0315"
    assert problem.found == f"at least {64 * 28 * 28 // 256}"  # neurons alone, without copies


def test_the_backend_says_what_it_cannot_do() -> None:
    backend = backend_named("truenorth")
    assert isinstance(backend, Surveyor)
    assert backend.supports(weights_of(range(2), (2, 2, 3, 3)), CHIP) is None
    assert backend.supports(neuron(2), CHIP) is None
    assert backend.supports(ops.SpikeMaxPool2d((2, 2), (2, 2), rule="or"), CHIP) is None
    for op, word in (
        (ops.Shift(1), "shift"),
        (ops.Encode(), "pixel"),
        (ops.Correlate(), "Correlate"),
        (ops.SpikeMaxPool2d((2, 2), (2, 2)), "running maximum"),
        (neuron(2, v_keep=4000), "decays"),
    ):
        assert word in (backend.supports(op, CHIP) or "")
    rules = backend.rules(CHIP)
    assert (rules.weight_bits, rules.state_bits, rules.threshold_bits) == (9, 20, 18)
    assert (rules.graded_input, rules.max_pool, rules.correlate) == (False, "or", "taps")
    network = chain(weights_of(range(2), (2, 2, 3, 3)), shape=(2, 5, 5))
    assert backend.refusals(network, CHIP) == ()
