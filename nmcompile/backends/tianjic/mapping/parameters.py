"""Rows of neuron parameters, one for every output of a layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.ir.arrays import Array
from nmcompile.ir.neurons import KEEP_ONE, PAYLOAD_MAX
from nmcompile.mapping.fcore_graph import AS_IT_IS, RELU8, SPIKING, FCoreGraph
from nmcompile.mapping.populations import Population

I32 = npt.NDArray[np.int32]
COLUMNS = FCoreGraph.SCHEMA["parameter"]
AS_IT_IS_ROW: I32 = np.array(
    [{"kind": AS_IT_IS, "v_keep": KEEP_ONE}.get(name, 0) for name in COLUMNS], np.int32
)
"""A neuron that sends its sum, or its maximum."""


def parameter_rows(population: Population) -> I32:
    """`(C, H, W, columns)` parameters of the neurons; 1 for H and W where they do not matter."""
    if population.activation is not None:
        relu = population.activation
        end = 0 if relu.largest == PAYLOAD_MAX else relu.largest
        return _stacked(
            population,
            {"bias": relu.bias, "multiplier": relu.multiplier},
            {"kind": RELU8, "shift": relu.shift, "v_keep": KEEP_ONE, "fire_above": end},
        )
    if population.model is not None:
        model = population.model
        arrays = {name: getattr(model, name) for name in ("bias", "fire_above", "reset_by")}
        numbers = {
            "kind": SPIKING,
            "v_keep": model.v_keep,
            "state_bits": model.state_bits,
            "reset": int(model.reset == "subtract"),
        }
        return _stacked(population, {**arrays, "v_init": model.v_init}, numbers)
    return np.broadcast_to(AS_IT_IS_ROW, (population.shape[0], 1, 1, len(COLUMNS)))


def _stacked(population: Population, arrays: dict[str, Array], numbers: dict[str, int]) -> I32:
    maps = {name: _map(array, population) for name, array in arrays.items()}
    sides = [max([1, *(m.shape[axis] for m in maps.values())]) for axis in (1, 2)]
    rows = np.zeros((population.shape[0], *sides, len(COLUMNS)), np.int32)
    for index, name in enumerate(COLUMNS):
        rows[..., index] = maps[name] if name in maps else numbers.get(name, 0)
    return rows


def _map(array: Array, population: Population) -> I32:
    """A scalar, `(C,)` or full-shape parameter as `(C, 1, 1)` or `(C, H, W)`."""
    data = np.asarray(array.data, np.int32)
    if data.shape == population.golden_shape and data.ndim == 3:
        same = (data == data[:, :1, :1]).all()
        return data[:, :1, :1] if same else data
    return np.broadcast_to(data.reshape(-1, 1, 1), (population.shape[0], 1, 1))
