"""Synapses whose weights the host writes: a template as words, or as bits of its elements."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Node
from nmcompile.mapping.populations import Projection, Shape3
from nmcompile.mapping.window import Window

I32 = npt.NDArray[np.int32]
Source = tuple[str, Shape3, int]
"""Name and shape of the population that spikes, and how late."""


def word_projections(
    node: Node, op: ops.Correlate, template: Shape3, source: Source, out: tuple[int, ...]
) -> tuple[Projection, ...]:
    """The correlation as convolutions whose weights are words of the slot's elements.

    Args:
        node: the correlation. op: its operator. template: shape of one template.
        source: whose spikes are matched. out: shape of the response.
    """
    elements = _numbers(template).reshape(op.groups, -1, *template[1:])
    if op.signed_pairs:
        pairs = np.stack([elements, -elements], axis=2)
        elements = pairs.reshape(op.groups, -1, *template[1:])
    empty = Array(np.zeros(elements.shape, np.int8))
    name, shape, lag = source
    fixed = (node.label, name, shape, empty, op.groups, *_windows(template, shape, out))
    return tuple(
        Projection(f"{node.name}.{word}", *fixed, lag=lag, elements=Array(elements), word=word)
        for word in range(op.words)
    )


def memory_projection(node: Node, memory: Shape3, source: Source) -> Projection:
    """Queries into a memory: a 1x1 convolution, head by head, whose weights are its elements.

    Args:
        node: the product. memory: heads, keys, values. source: whose spikes ask.
    """
    heads, keys, values = memory
    elements = _numbers(memory).transpose(0, 2, 1).reshape(heads * values, keys, 1, 1)
    empty = Array(np.zeros(elements.shape, np.int8))
    name, shape, lag = source
    y, x = (Window(1, 1, 0, 1, side, side) for side in shape[1:])
    fixed = (node.name, node.label, name, shape, empty, heads, y, x)
    return Projection(*fixed, lag=lag, elements=Array(np.ascontiguousarray(elements)))


def bit_projection(
    node: Node, op: ops.TemplateTaps, template: Shape3, source: Source, out: tuple[int, ...]
) -> Projection:
    """Depthwise taps: every synapse that some template closes, with the element that decides.

    Args:
        node: the taps. op: their operator. template: shape of the template.
        source: whose spikes are matched. out: shape of the sums.
    """
    same = 2 * np.eye(op.rails, dtype=np.int32) - 1
    planes = np.ones(op.planes, np.int32)
    elements = np.einsum("cyx,rl,p->cprlyx", _numbers(template), same, planes)
    elements = elements.reshape(-1, op.rails, *template[1:])
    ones = Array(np.ones(elements.shape, np.int8))
    name, shape, lag = source
    fixed = (node.name, node.label, name, shape, ones, template[0])
    windows = _windows(template, shape, out)
    return Projection(*fixed, *windows, lag=lag, elements=Array(elements), planes=op.planes)


def _numbers(template: Shape3) -> I32:
    """Numbers of the elements, from 1."""
    return np.arange(1, int(np.prod(template)) + 1, dtype=np.int32).reshape(template)


def _windows(template: Shape3, source: Shape3, out: tuple[int, ...]) -> tuple[Window, Window]:
    y, x = (Window(template[1 + a], 1, 0, 1, source[1 + a], out[1 + a]) for a in range(2))
    return y, x
