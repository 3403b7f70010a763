"""Edge types of the operators in `nmcompile.ir.membrane_ops`, and of NI-LIF neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from nmcompile.ir.membrane_ops import (
    Bilinear,
    ChannelGate,
    KeyValue,
    Narrow,
    Offset,
    Query,
    Repeat,
    Store,
)
from nmcompile.ir.neurons import NILIF, IntegerNILIF
from nmcompile.ir.types import EdgeType

Types = tuple[EdgeType, ...]
INT32_BITS: Final = 32


def nilif(model: NILIF | IntegerNILIF, edge: EdgeType) -> EdgeType:
    """Counts of 0 ... levels.

    Raises:
        ValueError: what does not fit the neuron.
    """
    channels = edge.shape[0]
    if model.stacked < 1 or channels % model.stacked:
        raise ValueError(f"{channels} channels are not {model.stacked} steps")
    if not 1 <= model.levels <= 2**8 - 1:
        raise ValueError(f"it has 1 ... 255 levels: {model.levels}")
    if model.keep.shape[1:] not in ((), (channels // model.stacked,)) or not model.keep.shape:
        raise ValueError(f"keep has shape {model.keep.shape}")
    if model.stacked > len(model.keep.data) + 1:
        raise ValueError(f"{model.stacked} steps need as many decays but one")
    if isinstance(model, IntegerNILIF) and model.one.data.min(initial=1) < 1:
        raise ValueError("its one is not positive")
    return EdgeType("spikes", edge.shape, model.levels.bit_length(), signed=False)


def _offset(op: Offset, inputs: Types) -> EdgeType:
    edge = inputs[0]
    if op.value.shape not in (edge.shape[:1], edge.shape) and op.value.shape[1:] != edge.shape:
        raise ValueError(f"value has shape {op.value.shape}")
    if op.shift.shape not in ((), edge.shape[:1]):
        raise ValueError(f"shift has shape {op.shift.shape}")
    return EdgeType("values", edge.shape, op.bits)


def _repeat(op: Repeat, inputs: Types) -> EdgeType:
    edge = inputs[0]
    if op.times < 1:
        raise ValueError(f"{op.times} times")
    shape = (edge.shape[0] * op.times, *edge.shape[1:])
    return EdgeType(edge.kind, shape, edge.bits, edge.signed)


def _bilinear(op: Bilinear, inputs: Types) -> EdgeType:
    edge = inputs[0]
    channels, height, width = _map(edge)
    if op.factor < 1:
        raise ValueError(f"factor {op.factor}")
    bits = edge.bits + op.denominator.bit_length() - 1 if edge.bits and op.scaled else 0
    return EdgeType("values", (channels, height * op.factor, width * op.factor), bits, edge.signed)


def _key_value(op: KeyValue, inputs: Types) -> EdgeType:
    keys, values = _map(inputs[0]), _map(inputs[1])
    if keys[1:] != values[1:]:
        raise ValueError("keys and values have different places")
    if op.heads < 1 or keys[0] % op.heads or values[0] % op.heads:
        raise ValueError(f"{keys[0]} and {values[0]} channels do not divide into {op.heads} heads")
    bits = 0
    if inputs[0].bits and inputs[1].bits:
        bits = (keys[1] * keys[2] * inputs[0].largest * inputs[1].largest).bit_length()
    signed = any(edge.signed for edge in inputs)
    shape = (op.heads, keys[0] // op.heads, values[0] // op.heads)
    return EdgeType("values", shape, bits + signed if bits else 0, signed)


def _query(op: Query, inputs: Types) -> EdgeType:
    (channels, height, width), (heads, keys, values) = _map(inputs[0]), _map(inputs[1])
    if heads != op.heads or channels != heads * keys:
        raise ValueError(f"{channels} channels ask a memory of {heads} x {keys} keys")
    bits = 0
    if inputs[0].bits and inputs[1].bits:
        # What a memory that the integers of a slot hold can be is known where it is made.
        bits = INT32_BITS
    return EdgeType("values", (heads * values, height, width), bits)


def _narrow(op: Narrow, inputs: Types) -> EdgeType:
    edge = inputs[0]
    if edge.signed or not edge.bits:
        raise ValueError("it narrows integers that are never negative")
    if op.multiplier < 1 or op.shift < 0 or op.largest < 1:
        raise ValueError(f"{op} is no factor")
    return EdgeType(edge.kind, edge.shape, op.largest.bit_length(), signed=False)


def _store(op: Store, inputs: Types) -> EdgeType:
    if not op.slot:
        raise ValueError("it names no slot")
    return inputs[0]


def _gate(op: ChannelGate, inputs: Types) -> EdgeType:
    channels, height, width = _map(inputs[0])
    places = height * width
    if op.steps < 1 or channels % op.steps:
        raise ValueError(f"{channels} channels are not {op.steps} steps")
    hidden = op.reduce.shape[:1]
    if op.reduce.shape[1:] != (places,) or {op.reduce_bias.shape, op.score.shape} != {hidden}:
        raise ValueError(f"reduce has shape {op.reduce.shape}, the map {places} places")
    if op.one and not np.issubdtype(op.reduce.data.dtype, np.integer):
        raise ValueError("its weights are not integers")
    bits = 16 if op.one else 0
    return EdgeType("values", (channels // op.steps, height, width), bits)


def _map(edge: EdgeType) -> tuple[int, int, int]:
    if len(edge.shape) != 3:
        raise ValueError("it wants an input of shape (C, H, W)")
    return edge.shape[0], edge.shape[1], edge.shape[2]


RULES: Final[Mapping[type, Callable[[Any, Types], EdgeType]]] = {
    Offset: _offset,
    Repeat: _repeat,
    Bilinear: _bilinear,
    KeyValue: _key_value,
    Query: _query,
    Narrow: _narrow,
    Store: _store,
    ChannelGate: _gate,
}
