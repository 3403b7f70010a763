"""Inputs on free axon types: exact, and fewer axons than the encoding alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.crossbar_nets import CHIP, chain, weights_of
from support.mapped_equal import differs, stimuli_for

from nmcompile.backends.truenorth.layer import layer_of
from nmcompile.backends.truenorth.mapping.forms import Forms
from nmcompile.backends.truenorth.mapping.mapper import map_network
from nmcompile.backends.truenorth.weights.spare_types import NO_TYPE, single_types, value_codes
from nmcompile.mapping.stages import stages

TERNARY = (-3, 0, 3)


@given(
    hnp.arrays(
        np.int16, st.tuples(st.integers(1, 9), st.integers(1, 6)), elements=st.integers(0, 3)
    ),
    st.integers(0, 3),
)
@settings(deadline=None)
def test_inputs_of_one_type_agree_at_every_neuron(codes: np.ndarray, types: int) -> None:  # type: ignore[type-arg]
    several = np.arange(len(codes)) % 3 != 1
    found = single_types(codes, several, range(types))
    assert ((found == NO_TYPE) | several).all()
    for kind in range(types):
        own = codes[found == kind]
        for neuron in range(codes.shape[1]):
            assert len(set(own[:, neuron][own[:, neuron] != 0].tolist())) <= 1
    if types and several.any():
        # the first one is free for any type
        assert (found != NO_TYPE).any()


@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(1, 9))))
@settings(deadline=None)
def test_codes_stand_for_the_weights(weight: np.ndarray) -> None:  # type: ignore[type-arg]
    (first, second), values = value_codes([weight, weight[:, ::-1]])
    rows = np.arange(len(weight))[:, None]
    np.testing.assert_array_equal(values[rows, first], weight)
    np.testing.assert_array_equal(values[rows, second], weight[:, ::-1])
    np.testing.assert_array_equal(first == 0, weight == 0)


def test_windows_apart_share_a_type_and_a_box_grows() -> None:
    """4 x 4 outputs of a 3x3 convolution, 4 channels a group: 288 axons without free types."""
    op = weights_of(TERNARY, (4, 4, 3, 3), seed=4)
    network = chain(op, shape=(4, 6, 6))
    (population,) = stages(network).populations
    layer = layer_of("n", population, CHIP, 4)
    assert layer.encoding is not None
    assert layer.encoding.axons == 2
    box = np.array([[0, 4, 0, 4, 0, 4]], np.int32)
    axons = []
    for spare in ((), (2,), (2, 3)):
        forms = Forms(population, layer.encoding, spare, 255)
        axons.append(forms.known[int(forms.of(box)[0])].axons)
    assert axons[0] <= 288
    assert axons[0] - axons[1] > 10
    assert axons[1] - axons[2] > 5
    graph = map_network(network, CHIP)
    assert set(graph["axon.type"].tolist()) == {0, 1, 2, 3}
    assert graph.cores == (1 if axons[2] <= 256 else 2)
    assert differs(graph, network, stimuli_for(network)) == ""
