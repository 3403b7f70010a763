"""Edge types: the shape, kind and width that an operator produces from its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import infer_membranes, ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.neurons import (
    IF,
    NILIF,
    PAYLOAD_MAX,
    IntegerNeuron,
    IntegerNILIF,
    ReLU8,
    RoundedReLU,
    SigmaDelta,
)
from nmcompile.ir.types import EdgeType, bits_for

ACCUMULATOR_BITS = 32
Types = tuple[EdgeType, ...]


def conv_extent(size: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> int:
    """Output extent of a strided window."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def pool_extent(size: int, kernel: int, stride: int, *, ceil: bool) -> int:
    """Output extent of a pooling window; with `ceil` a last partial window counts.

    A window that would begin behind the input does not, as in torch.
    """
    span = size - kernel
    if not ceil:
        return span // stride + 1
    return min(-(-span // stride), (size - 1) // stride) + 1


def infer(op: ops.Op, inputs: Types, label: str) -> EdgeType:
    """Output type of `op` for the given input types.

    Args:
        op: the operator.
        inputs: types of its inputs, in order.
        label: the user's name of the layer, for the message.

    Raises:
        NmError: NM0201 when the inputs do not fit the operator.
    """
    try:
        return _RULES[type(op)](op, inputs)
    except (ValueError, IndexError) as error:
        raise NmError(
            Diagnostic(
                code="NM0201",
                message=f"{type(op).__name__} does not accept its input: {error}",
                where=label,
                found=", ".join(str(t) for t in inputs) or "no input",
            )
        ) from None


def sum_bound(weight: Array, bias: Array | None, edge: EdgeType) -> int:
    """Largest possible |sum| of one output: per-row sum of |w| times the largest |x|, plus |b|."""
    rows = np.abs(weight.data.reshape(weight.shape[0], -1).astype(np.int64)).sum(axis=1)
    total = rows * edge.largest
    if bias is not None:
        total = total + np.abs(bias.data.astype(np.int64))
    return int(total.max(initial=1))


def _input(op: ops.Input, _: Types) -> EdgeType:
    return EdgeType(op.kind, op.shape, op.bits, op.signed)


def _slot(op: ops.Slot, _: Types) -> EdgeType:
    return EdgeType("values", op.shape, op.bits, op.signed)


def _same(_: ops.Op, inputs: Types) -> EdgeType:
    return inputs[0]


def _conv(op: ops.Conv2d, inputs: Types) -> EdgeType:
    channels, height, width = _image(inputs[0])
    out, per_group, ky, kx = op.weight.shape
    if per_group * op.groups != channels:
        raise ValueError(f"weight wants {per_group * op.groups} channels, input has {channels}")
    if out % op.groups:
        raise ValueError(f"{out} output channels do not divide into {op.groups} groups")
    shape = (
        out,
        conv_extent(height, ky, op.stride[0], op.padding[0], op.dilation[0]),
        conv_extent(width, kx, op.stride[1], op.padding[1], op.dilation[1]),
    )
    return _linear_type(op.weight, op.bias, inputs[0], _positive(shape))


def _linear(op: ops.Linear, inputs: Types) -> EdgeType:
    if inputs[0].shape != (op.weight.shape[1],):
        raise ValueError(f"weight wants {op.weight.shape[1]} inputs")
    return _linear_type(op.weight, op.bias, inputs[0], (op.weight.shape[0],))


def _linear_type(weight: Array, bias: Array, edge: EdgeType, shape: tuple[int, ...]) -> EdgeType:
    if not weight.is_integer or edge.bits == 0:
        return EdgeType("values", shape)
    return EdgeType("values", shape, bits_for(sum_bound(weight, bias, edge), signed=True))


def _pool(op: ops.AvgPool2d | ops.SumPool2d, inputs: Types) -> EdgeType:
    channels, height, width = _image(inputs[0])
    shape = (
        channels,
        conv_extent(height, op.kernel[0], op.stride[0], op.padding[0]),
        conv_extent(width, op.kernel[1], op.stride[1], op.padding[1]),
    )
    bits = inputs[0].bits
    if isinstance(op, ops.SumPool2d) and bits:
        bits += (op.kernel[0] * op.kernel[1]).bit_length()
    return EdgeType("values", _positive(shape), bits, inputs[0].signed)


def _max_pool(op: ops.MaxPool2d | ops.SpikeMaxPool2d, inputs: Types) -> EdgeType:
    edge = inputs[0]
    channels, height, width = _image(edge)
    shape = (
        channels,
        pool_extent(height, op.kernel[0], op.stride[0], ceil=op.ceil),
        pool_extent(width, op.kernel[1], op.stride[1], ceil=op.ceil),
    )
    if isinstance(op, ops.SpikeMaxPool2d) and (edge.kind != "spikes" or edge.wide):
        raise ValueError("it pools unsigned spikes of at most 8 bits")
    return EdgeType(edge.kind, _positive(shape), edge.bits, edge.signed)


def _neuron(op: ops.Neuron, inputs: Types) -> EdgeType:
    edge = inputs[0]
    if edge.kind != "values":
        raise ValueError("it integrates currents")
    for name in _PARAMETERS.get(type(op.model), ()):
        parameter: Array = getattr(op.model, name)
        if parameter.shape not in ((), edge.shape[:1], edge.shape):
            raise ValueError(f"{name} has shape {parameter.shape}")
    if isinstance(op.model, SigmaDelta):
        return _sigma_delta(op.model, edge)
    if isinstance(op.model, ReLU8 | RoundedReLU):
        return _activation(op.model, edge)
    if isinstance(op.model, NILIF | IntegerNILIF):
        return infer_membranes.nilif(op.model, edge)
    payloads = op.model.payloads if isinstance(op.model, IF | IntegerNeuron) else (1,)
    if not payloads or min(payloads) < 0 or not 1 <= max(payloads) <= PAYLOAD_MAX:
        raise ValueError(f"payloads must be 0..{PAYLOAD_MAX}, and not all 0: {payloads}")
    return EdgeType("spikes", edge.shape, max(payloads).bit_length(), signed=False)


def _sigma_delta(model: SigmaDelta, edge: EdgeType) -> EdgeType:
    if not 1 <= model.message_bits <= ACCUMULATOR_BITS:
        raise ValueError(f"a message has 1..{ACCUMULATOR_BITS} bits: {model.message_bits}")
    if min(model.spike_exp, model.state_exp) < 0:
        raise ValueError(f"an exponent is negative: {model.spike_exp}, {model.state_exp}")
    return EdgeType("spikes", edge.shape, model.message_bits, signed=True)


def _activation(model: ReLU8 | RoundedReLU, edge: EdgeType) -> EdgeType:
    if isinstance(model, ReLU8):
        if not 1 <= model.shift < ACCUMULATOR_BITS:
            raise ValueError(f"it shifts by 1..{ACCUMULATOR_BITS - 1} bits: {model.shift}")
        if model.multiplier.data.min(initial=0) < 0:
            raise ValueError("its multiplier is negative")
    elif not model.step.data.min(initial=1.0) > 0:
        raise ValueError("its step is not positive")
    return EdgeType("spikes", edge.shape, PAYLOAD_MAX.bit_length(), signed=False)


def _delay(op: ops.Delay, inputs: Types) -> EdgeType:
    if inputs[0].kind != "spikes":
        raise ValueError("it delays spikes")
    if op.ticks < 0:
        raise ValueError(f"{op.ticks} ticks")
    return inputs[0]


def _add(op: ops.Add, inputs: Types) -> EdgeType:
    if len({t.shape for t in inputs}) != 1:
        raise ValueError("shapes differ")
    bits = op.bits or max(t.bits for t in inputs) + len(inputs) - 1
    widest = 0 if any(t.bits == 0 for t in inputs) else bits
    return EdgeType("values", inputs[0].shape, widest, any(t.signed for t in inputs))


def _scale(_: ops.Scale, inputs: Types) -> EdgeType:
    return EdgeType("values", inputs[0].shape)


def _shift(op: ops.Shift, inputs: Types) -> EdgeType:
    edge = inputs[0]
    return EdgeType("values", edge.shape, max(1, edge.bits - op.bits), edge.signed)


def _crop(op: ops.Crop, inputs: Types) -> EdgeType:
    edge = inputs[0]
    channels, height, width = _image(edge)
    inside = op.top + op.height <= height and op.left + op.width <= width
    if min(op.top, op.left) < 0 or not inside:
        raise ValueError(f"{op} is not inside {height} x {width}")
    shape = _positive((channels, op.height, op.width))
    return EdgeType(edge.kind, shape, edge.bits, edge.signed)


def _channels(op: ops.Channels, inputs: Types) -> EdgeType:
    edge = inputs[0]
    channels, height, width = edge.shape if len(edge.shape) == 3 else (edge.size, 1, 1)
    if op.groups < 1 or channels % op.groups:
        raise ValueError(f"{channels} channels do not divide into {op.groups} groups")
    if op.first < 0 or op.count < 1 or op.first + op.count > channels // op.groups:
        raise ValueError(f"{op} is not inside {channels} channels")
    return EdgeType(edge.kind, (op.groups * op.count, height, width), edge.bits, edge.signed)


def _flatten(_: ops.Flatten, inputs: Types) -> EdgeType:
    edge = inputs[0]
    return EdgeType(edge.kind, (edge.size,), edge.bits, edge.signed)


def _correlate(op: ops.Correlate, inputs: Types) -> EdgeType:
    (channels, height, width), template = _image(inputs[0]), inputs[1].shape[-3:]
    if op.signed_pairs:
        channels = _paired(channels)
    if len(inputs[1].shape) not in (3, 4) or template[0] != channels:
        raise ValueError(f"template has shape {inputs[1].shape}, input has {channels} channels")
    if op.groups < 1 or template[0] % op.groups:
        raise ValueError(f"{template[0]} channels do not divide into {op.groups} groups")
    shape = (op.groups, height - template[1] + 1, width - template[2] + 1)
    bits = ACCUMULATOR_BITS if inputs[0].bits and inputs[1].bits else 0
    return EdgeType("values", _positive(shape), bits)


def _template_taps(op: ops.TemplateTaps, inputs: Types) -> EdgeType:
    (channels, height, width), template = _image(inputs[0]), _image(inputs[1])
    if inputs[0].kind != "spikes" or inputs[0].bits != 1:
        raise ValueError("it sums binary spikes")
    if op.planes < 1:
        raise ValueError(f"{op.planes} bits")
    if template[0] * op.rails != channels:
        raise ValueError(f"template has shape {inputs[1].shape}, input has {channels} channels")
    shape = (channels * op.planes, height - template[1] + 1, width - template[2] + 1)
    largest = op.rails * template[1] * template[2]
    return EdgeType("values", _positive(shape), bits_for(largest, signed=False), signed=False)


def _accumulate(op: ops.Accumulate, inputs: Types) -> EdgeType:
    edge = inputs[0]
    if edge.kind != "values":
        raise ValueError("it sums currents")
    if op.start.shape not in ((), edge.shape[:1], edge.shape):
        raise ValueError(f"start has shape {op.start.shape}")
    bits = ACCUMULATOR_BITS if edge.bits else 0
    return EdgeType("values", edge.shape if op.apart else (1, *edge.shape[1:]), bits)


def _template_bank(op: ops.TemplateBank, inputs: Types) -> EdgeType:
    if inputs[0].kind != "spikes":
        raise ValueError("it filters spikes")
    channels, height, width = _image(inputs[0])
    if op.signed_pairs:
        channels = _paired(channels)
    return EdgeType("values", (op.timesteps, channels, height, width), ACCUMULATOR_BITS)


def _encode(op: ops.Encode, inputs: Types) -> EdgeType:
    edge = inputs[0]
    if edge.kind != "values":
        raise ValueError("it encodes values")
    if not op.spikes:
        return edge
    if edge.signed or edge.bits == 0:
        raise ValueError("only unsigned integers become spikes")
    return EdgeType("spikes", edge.shape, max(op.payloads).bit_length(), signed=False)


def _decode(op: ops.Decode, inputs: Types) -> EdgeType:
    edge = inputs[0]
    if edge.kind != "spikes":
        raise ValueError("it counts spikes")
    shape = edge.shape
    if op.signed_pairs:
        shape = (_paired(shape[0]), *shape[1:])
    bits = ACCUMULATOR_BITS if edge.wide else 16
    return EdgeType("values", shape, bits, signed=op.signed_pairs or edge.signed)


def _paired(channels: int) -> int:
    if channels % 2:
        raise ValueError(f"{channels} channels are not pairs")
    return channels // 2


def _image(edge: EdgeType) -> tuple[int, int, int]:
    if len(edge.shape) != 3:
        raise ValueError("it wants an input of shape (C, H, W)")
    return edge.shape[0], edge.shape[1], edge.shape[2]


def _positive(shape: tuple[int, ...]) -> tuple[int, ...]:
    if min(shape) < 1:
        raise ValueError(f"the output would be empty, shape {shape}")
    return shape


_PARAMETERS: dict[type, tuple[str, ...]] = {
    IntegerNeuron: ("bias", "fire_above", "reset_by", "v_init"),
    SigmaDelta: ("threshold", "bias"),
    RoundedReLU: ("step",),
    ReLU8: ("bias", "multiplier"),
    IntegerNILIF: ("bias", "one"),
}

_RULES: dict[type, Callable[[Any, Types], EdgeType]] = {
    ops.Input: _input,
    ops.Output: _same,
    ops.Conv2d: _conv,
    ops.Linear: _linear,
    ops.BatchNorm2d: _same,
    ops.AvgPool2d: _pool,
    ops.SumPool2d: _pool,
    ops.MaxPool2d: _max_pool,
    ops.SpikeMaxPool2d: _max_pool,
    ops.Neuron: _neuron,
    ops.Activation: _same,
    ops.Add: _add,
    ops.Scale: _scale,
    ops.Shift: _shift,
    ops.Flatten: _flatten,
    ops.Crop: _crop,
    ops.Channels: _channels,
    ops.Delay: _delay,
    ops.Slot: _slot,
    ops.Correlate: _correlate,
    ops.TemplateTaps: _template_taps,
    ops.Accumulate: _accumulate,
    ops.TemplateBank: _template_bank,
    ops.Encode: _encode,
    ops.Decode: _decode,
    **infer_membranes.RULES,
}
