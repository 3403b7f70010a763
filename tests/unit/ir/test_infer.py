"""Output extents of windows, and the types of signed messages."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import infer, pool_extent
from nmcompile.ir.neurons import SigmaDelta
from nmcompile.ir.types import EdgeType


@pytest.mark.torch
def test_pool_extent_is_that_of_torch() -> None:
    import torch

    for size, kernel, stride in itertools.product(range(1, 12), range(1, 5), range(1, 6)):
        if kernel > size:
            continue
        for ceil in (False, True):
            image = torch.zeros(1, 1, size, size)
            pooled = torch.nn.functional.max_pool2d(image, kernel, stride, ceil_mode=ceil)
            assert pool_extent(size, kernel, stride, ceil=ceil) == pooled.shape[-1]


def message(**changes: Any) -> ops.Neuron:
    """A sigma-delta population."""
    zero = Array(np.int32(0))
    fields: dict[str, Any] = {"threshold": zero, "bias": zero, "message_bits": 12} | changes
    return ops.Neuron(SigmaDelta("changes", "changes", "relu", **fields))


VALUES = EdgeType("values", (3, 4, 5), 20)


def test_messages_are_signed_and_wide() -> None:
    edge = infer(message(), (VALUES,), "n")
    assert edge == EdgeType("spikes", (3, 4, 5), 12, signed=True)
    assert edge.wide
    assert infer(ops.Delay(2), (edge,), "d") == edge
    assert infer(ops.Decode(), (edge,), "c").signed
    assert not EdgeType("spikes", (1,), 8, signed=False).wide
    assert EdgeType("spikes", (1,), 9, signed=False).wide


@pytest.mark.parametrize(
    ("op", "edge"),
    [
        (message(message_bits=0), VALUES),
        (message(message_bits=33), VALUES),
        (message(state_exp=-1), VALUES),
        (message(bias=Array(np.zeros(4, np.int32))), VALUES),
        (message(), EdgeType("spikes", (3, 4, 5), 1, signed=False)),
        (ops.Delay(-1), EdgeType("spikes", (3,), 1, signed=False)),
        (ops.Delay(1), VALUES),
        (ops.SpikeMaxPool2d((2, 2), (2, 2)), EdgeType("spikes", (3, 4, 5), 12, signed=True)),
    ],
)
def test_what_makes_no_sense_is_refused(op: ops.Op, edge: EdgeType) -> None:
    with pytest.raises(NmError) as error:
        infer(op, (edge,), "the layer")
    assert error.value.codes == ("NM0201",)
    assert error.value.diagnostics[0].where == "the layer"
