"""8-bit activations in the interpreters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import ReLU8
from nmcompile.ir.types import EdgeType
from nmcompile.reference.activations import Activations
from nmcompile.reference.integer import IntegerRunner

INT32 = st.integers(-(2**31) + 1, 2**31 - 1)


def relu8(bias: list[int], multiplier: list[int], shift: int) -> ReLU8:
    """Activations with one bias and multiplier for each channel."""
    return ReLU8(Array(np.array(bias, np.int32)), Array(np.array(multiplier, np.int32)), shift)


@settings(deadline=None)
@given(st.lists(INT32, min_size=3, max_size=3), INT32, INT32.map(abs), st.integers(1, 31))
def test_the_equation_in_python_integers(a: list[int], bias: int, by: int, shift: int) -> None:
    executor = Activations(relu8([bias] * 3, [by] * 3, shift), EdgeType("spikes", (3,), 8))
    found = executor.advance(1, np.array([a], np.int32))[0].tolist()
    assert found == [min(max(((x + bias) * by + (1 << (shift - 1))) >> shift, 0), 255) for x in a]
    assert executor.spikes == np.count_nonzero(found)


def network(seed: int) -> Network:
    """Two grouped, strided, biased layers of activations with a maximum between them."""
    rng = np.random.default_rng(seed)
    first = rng.integers(-128, 128, (4, 1, 3, 2)).astype(np.int8)
    second = rng.integers(-128, 128, (3, 4, 2, 2)).astype(np.int8)
    nodes = (
        Node("x", ops.Input("values", (2, 9, 8), 8)),
        Node("c1", ops.Conv2d(Array(first), zeros(4), (2, 1), (1, 0), groups=2), ("x",)),
        Node("r1", ops.Neuron(relu8([9, -700, 0, 4000], [300, 90, 77, 5], 14)), ("c1",)),
        Node("m1", ops.SpikeMaxPool2d((2, 2), (2, 2), rule="or"), ("r1",)),
        Node("c2", ops.Conv2d(Array(second), zeros(3)), ("m1",)),
        Node("r2", ops.Neuron(relu8([1, 2, 3], [200, 200, 200], 15)), ("c2",)),
        Node("y", ops.Output(), ("r2",)),
    )
    return Network("ann", nodes)


def zeros(count: int) -> Array:
    """No bias."""
    return Array(np.zeros(count, np.int32))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_both_interpreters_agree_and_every_input_is_a_mac(seed: int) -> None:
    from nmcompile.reference.float import FloatRunner

    net = network(seed)
    image = np.random.default_rng(seed).integers(0, 256, (2, 9, 8)).astype(np.uint8)
    trace = IntegerRunner(net).run(image, record=True)
    real = FloatRunner(net).run(image[None].astype(float), trains=("r1", "r2"))
    for name in ("r1", "r2"):
        np.testing.assert_array_equal(trace.spikes[name], real.trains[name][:, 0])
    assert trace.counters.sops == 0
    assert trace.counters.macs > 0


def test_refused_parameters() -> None:
    for model in (
        relu8([0], [1], 0),
        relu8([0], [1], 32),
        relu8([0], [-1], 3),
        relu8([0] * 2, [1], 3),
    ):
        nodes = (Node("x", ops.Input("values", (1,), 8)), Node("r", ops.Neuron(model), ("x",)))
        with pytest.raises(NmError) as error:
            _ = Network("n", nodes).types
        assert error.value.codes == ("NM0201",)
