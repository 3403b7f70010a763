"""Pixel neurons on cores: the image as biases, equal to the golden network and to rate coding."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.mapping import limits, small_limits
from support.nets import conv, if_neuron

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.build.execute import NetworkInput
from nmcompile.build.verify import verify_network
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.fit_widths import fit_widths
from nmcompile.passes.pixel_neurons import WRITES, pixel_neurons
from nmcompile.passes.recipe import Recipe
from nmcompile.reference.integer import IntegerRunner

BINARY = TargetRules(
    *("binary", 8, 6, 24, 17, 13, 7, False, "or", "template", "", 24, False), pixel_neurons=True
)
RATE = ops.Encode("rate", (1,), 255, 127)


def rate_network(rng: np.random.Generator, bits: int = 8, timesteps: int = 9) -> Network:
    """Rate-coded pixels, a strided convolution and a second layer."""
    shape = (3, int(rng.integers(6, 10)), int(rng.integers(5, 9)))
    full = 2**bits - 1
    nodes = (
        Node("input", ops.Input("values", shape, bits, signed=False), (), "image"),
        Node("code", ops.Encode("rate", (1,), full, full // 2), ("input",), "image"),
        Node("c1", conv(rng, 4, 3, (3, 2), stride=(2, 1)), ("code",), "first"),
        Node("n1", ops.Neuron(if_neuron(4, 11, [0, 1, -1, 2], shift=0, bits=0)), ("c1",), "first"),
        Node("c2", conv(rng, 2, 4, (1, 1)), ("n1",), "second"),
        Node("n2", ops.Neuron(if_neuron(2, 5, shift=0, bits=0)), ("c2",), "second"),
        Node("count", ops.Decode(), ("n2",)),
        Node("output", ops.Output(), ("count",)),
    )
    return Network("net", nodes, timesteps)


def golden(network: Network, rules: TargetRules = BINARY) -> Program:
    """The network with pixel neurons, in the target's fixed point."""
    program = Program("p", "integer", (network,), (Step("run", "every_frame", "chip", "net"),))
    context = PassContext(rules=rules, recipe=Recipe())
    return fit_widths(pixel_neurons(program, context), context)


def image(network: Network, rng: np.random.Generator) -> npt.NDArray[np.integer[Any]]:
    op = network.input.op
    assert isinstance(op, ops.Input)
    return rng.integers(0, 2**op.bits, op.shape).astype(np.int32)


def mapped(network: Network, caps: Limits) -> CoreGraph:
    try:
        return map_network(network, caps)
    except NmError as error:
        assume(not set(error.codes) & {"NM0302", "NM0303", "NM0304", "NM0305"})
        raise


@given(st.integers(0, 2**32 - 1), small_limits(), st.sampled_from([8, 12, 16]))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cores_equal_the_golden_network_frame_after_frame(
    seed: int, caps: Limits, bits: int
) -> None:
    rng = np.random.default_rng(seed)
    network = golden(rate_network(rng, bits)).networks[0]
    graph = mapped(network, caps)
    assert graph.size("host") == 0
    frames = [NetworkInput(image(network, rng)) for _ in range(3)]
    result = verify_network(network, LoihiEngine(graph), frames)
    assert result.equal, result.first_mismatch
    assert result.counters[0].cores is not None
    assert result.counters[0].cores.host_packets == 0


def test_the_neurons_spike_as_the_rate_code_does() -> None:
    rng = np.random.default_rng(5)
    coded = rate_network(rng)
    network = golden(coded).networks[0]
    pixels = image(coded, rng)
    train = IntegerRunner(network).run(pixels, record=True).spikes["code"]
    wanted = [(127 + pixels * t) // 255 for t in range(len(train) + 1)]
    np.testing.assert_array_equal(train, np.diff(wanted, axis=0))
    before = IntegerRunner(coded).run(pixels, record=True)
    after = IntegerRunner(network).run(pixels, record=True)
    np.testing.assert_array_equal(before.output, after.output)


@pytest.mark.parametrize(("bits", "shift"), [(8, 0), (12, 0), (13, 1), (16, 4)])
def test_every_written_bias_fits_its_mantissa_and_exponent(bits: int, shift: int) -> None:
    network = golden(rate_network(np.random.default_rng(1), bits)).networks[0]
    graph = map_network(network, limits())
    assert set(graph["pixel.shift"]) == {shift}
    assert set(graph["pixel.exponent"]) == {BINARY.state_shift}
    assert (2**bits - 1) >> shift <= 2 ** (BINARY.bias_mantissa_bits - 1) - 1
    assert max(graph["pixel.exponent"]) <= BINARY.bias_exponent_max


def test_the_host_writes_one_bias_for_every_pixel_and_frame() -> None:
    network = rate_network(np.random.default_rng(2))
    program = golden(network)
    assert dict(program.step("run_pixels").host_ops) == {WRITES: network.types["input"].size}
    assert program.step("run_pixels").place == "host"


@pytest.mark.parametrize("column", ["index", "exponent", "shift"])
def test_a_wrong_pixel_entry_is_found(column: str) -> None:
    rng = np.random.default_rng(3)
    network = golden(rate_network(rng)).networks[0]
    graph = map_network(network, limits())
    changed = graph[f"pixel.{column}"].copy()
    changed[7] = changed[8] if column == "index" else changed[7] + 1
    broken = graph.replace({f"pixel.{column}": changed})
    frames = [NetworkInput(image(network, rng)) for _ in range(2)]
    assert not verify_network(network, LoihiEngine(broken), frames).equal


def test_an_image_that_also_drives_synapses_is_refused() -> None:
    network = golden(rate_network(np.random.default_rng(4))).networks[0]
    mixed = network.map_nodes(
        lambda n: dataclasses.replace(n, inputs=("code_bias",)) if n.name == "c1" else n
    )
    with pytest.raises(NmError) as refused:
        map_network(mixed, limits())
    assert refused.value.codes == ("NM0301",)


def test_other_codings_of_the_input_stay_as_they_are() -> None:
    network = rate_network(np.random.default_rng(6)).map_nodes(
        lambda n: dataclasses.replace(n, op=ops.Encode("phase", (2, 1))) if n.name == "code" else n
    )
    program = Program("p", "integer", (network,), (Step("run", "every_frame", "chip", "net"),))
    assert pixel_neurons(program, PassContext(rules=BINARY)) == program
