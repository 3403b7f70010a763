"""What the host sends to cores whose packets carry nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support.crossbars import one_core

from nmcompile.backends.stimulus import spike_train
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.reference.populations import Encoder


def graph(**header: Any) -> CrossbarGraph:
    """Three inputs, four timesteps."""
    return dataclasses.replace(one_core(3, 1), **header)


def test_a_train_is_sent_as_it_is() -> None:
    train = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1]], np.uint8)
    np.testing.assert_array_equal(spike_train(graph(), train), train)


@pytest.mark.parametrize(("mode", "steps"), [("constant", 4), ("impulse", 1)])
def test_an_image_of_spikes(mode: Any, steps: int) -> None:
    image = np.array([1, 0, 1], np.uint8)
    train = spike_train(graph(input_mode=mode), image)
    assert train.sum(axis=1).tolist() == [2] * steps + [0] * (4 - steps)
    np.testing.assert_array_equal(train[0], image)


def test_a_coded_image() -> None:
    encode = ops.Encode("rate", threshold=10)
    image = np.array([3, 5, 10], np.uint8)
    train = spike_train(graph(input_mode="coded", encode=encode), image)
    encoder = Encoder(encode)
    wanted = [encoder.step(image.astype(np.int32)) for _ in range(4)]
    np.testing.assert_array_equal(train, wanted)
    assert train.any() and not train.all()


@pytest.mark.parametrize("value", [-1, 2, 255])
def test_values_are_refused(value: int) -> None:
    train = np.zeros((4, 3), np.int16)
    train[2, 1] = value
    with pytest.raises(NmError) as error:
        spike_train(graph(), train)
    assert error.value.codes == ("NM0218",)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.found == str(value)
    assert "timestep 3" in diagnostic.where


def test_a_wrong_shape_is_refused() -> None:
    for header, shape in (({}, (3,)), ({"input_mode": "constant"}, (4, 3))):
        with pytest.raises(NmError) as error:
            spike_train(graph(**header), np.zeros(shape, np.uint8))
        assert error.value.codes == ("NM0204",)
