"""The weights of one box of outputs as a matrix: what is read, in rows; neurons, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.layer import Box, Layer, Positions, channels_of
from nmcompile.mapping.axes import Interval
from nmcompile.mapping.populations import Projection
from nmcompile.mapping.window import Window

I32 = npt.NDArray[np.int32]
Matrix = npt.NDArray[Any]


@dataclass(frozen=True)
class Block:
    """Synapses of one box, without the inputs that reach nothing.

    Attributes:
        projection: `(inputs,)` index of the projection through which an input is read.
        c: its channel. y, x: relative to the first output's row and column times the stride.
        weight: `(inputs, neurons)`; neurons in the order (x, y, channel).
        element: `(inputs, neurons)` numbers of the template's elements, from 1 and with their
            sign, 0 for none; None without a template.
    """

    projection: I32
    c: I32
    y: I32
    x: I32
    weight: Matrix
    element: I32 | None


def block_of(layer: Layer, box: Box) -> Block:
    """The synapses of a box."""
    weights, elements, inputs = [], [], []
    with_elements = any(p.elements is not None for p in layer.population.projections)
    for index, projection in enumerate(layer.population.projections):
        rows, columns = layer.rows(projection, box.y), layer.columns(projection, box.x)
        channels = channels_of(projection, box.c)
        x, y, c = (
            part.reshape(-1)
            for part in np.meshgrid(
                np.array(columns, np.int32), np.array(rows, np.int32), channels, indexing="ij"
            )
        )
        inputs.append(np.stack([np.full_like(c, index), c, y, x]))
        place = (box, rows, columns)
        weights.append(_spread(projection, projection.weight.data, *place))
        if projection.elements is not None:
            elements.append(_spread(projection, projection.elements.data, *place))
        elif with_elements:
            elements.append(np.zeros(weights[-1].shape, np.int32))
    weight, read = np.concatenate(weights), np.concatenate(inputs, axis=1).astype(np.int32)
    element = np.concatenate(elements) if with_elements else None
    used = (weight != 0).any(axis=1)
    if element is not None:
        used |= (element != 0).any(axis=1)
        element = element[used]
    index_, c, y, x = read[:, used]
    return Block(index_, c, y, x, weight[used], element)


def _spread(
    projection: Projection, values: Matrix, box: Box, rows: Positions, columns: Positions
) -> Matrix:
    """`(columns x rows x channels, neurons)` values of a kernel, 0 where nothing connects."""
    kernel = _by_channel(projection, values, box.c)
    # One tap more than there are, of zeros, for positions that an output does not read.
    padded = np.pad(kernel, ((0, 0), (0, 1), (0, 1), (0, 0)))
    y, x = _taps(projection.y, rows, box.y), _taps(projection.x, columns, box.x)
    found = padded[:, y[:, :, None, None], x[None, None]]
    channels, outputs = kernel.shape[0], kernel.shape[-1]
    ordered = found.reshape(channels, *y.shape, *x.shape, outputs).transpose(3, 1, 0, 4, 2, 5)
    return ordered.reshape(len(columns) * len(rows) * channels, box.neurons)


def _by_channel(projection: Projection, values: Matrix, c: Interval) -> Matrix:
    """`(source channels, K_y, K_x, output channels)` of a grouped kernel."""
    out, inputs = projection.channels_out, projection.channels_in
    first, last = c[0] // out, (c[1] - 1) // out
    shape = ((last - first + 1) * inputs, *values.shape[2:], c[1] - c[0])
    found = np.zeros(shape, values.dtype)
    for group in range(first, last + 1):
        low, high = max(c[0], group * out), min(c[1], (group + 1) * out)
        source = slice((group - first) * inputs, (group - first + 1) * inputs)
        found[source, :, :, low - c[0] : high - c[0]] = values[low:high].transpose(1, 2, 3, 0)
    return found


def _taps(window: Window, positions: Positions, outputs: Interval) -> npt.NDArray[np.int64]:
    """`(positions, outputs)` tap through which an output reads a position, `kernel` for none."""
    at = np.array(positions, np.int64)[:, None] + window.padding
    behind = at - np.arange(outputs[1] - outputs[0]) * window.stride
    tap, rest = behind // window.dilation, behind % window.dilation
    there = (rest == 0) & (tap >= 0) & (tap < window.kernel)
    return np.where(there, tap, window.kernel)
