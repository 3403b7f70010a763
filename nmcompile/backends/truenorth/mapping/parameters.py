"""Neuron parameters of populations as rows of the graph's table; equal ones are one row."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.layer import Layer
from nmcompile.backends.truenorth.mapping.cut import Cut
from nmcompile.backends.truenorth.mapping.forms import Forms
from nmcompile.backends.truenorth.mapping.start import Start, per_neuron
from nmcompile.backends.truenorth.problems import floor_max
from nmcompile.mapping.crossbar_graph import AXON_TYPES, CrossbarGraph
from nmcompile.target import CrossbarTarget

I64 = npt.NDArray[np.int64]
COLUMNS: Final = CrossbarGraph.SCHEMA["parameter"]
TO_VALUE, SUBTRACT, NO_RESET = range(3)
"""Reset modes."""
SATURATE = 1
"""Floor mode."""


class Parameters:
    """Collects the rows.

    Args:
        chip: for the floor.
    """

    def __init__(self, chip: CrossbarTarget) -> None:
        self._floor = floor_max(chip)
        self._rows: dict[tuple[int, ...], int] = {}

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The table."""
        table = np.array(list(self._rows), np.int64).reshape(-1, len(COLUMNS))
        return {f"parameter.{name}": table[:, k] for k, name in enumerate(COLUMNS)}

    def relay(self) -> int:
        """The row of neurons that repeat an axon of type 0."""
        return self._number(weight0=1, threshold=1, reset_mode=TO_VALUE)

    def timer(self, tick: int) -> int:
        """The row of neurons that spike at every tick from `tick` on; their membrane counts."""
        return self._number(leak=1, threshold=tick, reset_mode=NO_RESET)

    def of(self, layer: Layer, start: Start, bias_type: int, weights: I64) -> I64:
        """`(C, H, W)` rows of a population.

        Args:
            layer: its neurons. start: its biases. bias_type: of the axon that gates them.
            weights: from `type_weights`.
        """
        population = layer.population
        model = population.model
        channels = population.shape[0]
        threshold = np.ones((channels, 1, 1), np.int64)
        if model is not None:
            threshold = per_neuron(model.fire_above.data, population.shape) + 1
        shape = np.broadcast_shapes(threshold.shape, start.leak.shape, weights.shape[:3])
        weights = np.broadcast_to(weights, (*shape, AXON_TYPES)).copy()
        if start.needs_axon:
            weights[..., bias_type] = start.gated
        if layer.gate is not None and layer.gate.axons:
            for kind, sign in enumerate(layer.gate.kinds, bias_type + start.needs_axon):
                weights[..., kind] = sign * layer.gate.weight.reshape(-1, 1, 1)
        subtract = model is not None and model.reset == "subtract"
        parts = [weights, start.leak[..., None], threshold[..., None]]
        table = np.concatenate([np.broadcast_to(p, (*shape, p.shape[3])) for p in parts], axis=3)
        distinct, inverse = np.unique(
            table.reshape(-1, table.shape[3]), axis=0, return_inverse=True
        )
        names = [*(f"weight{g}" for g in range(AXON_TYPES)), "leak", "threshold"]
        rows = [
            self._number(
                reset_mode=SUBTRACT if subtract else TO_VALUE,
                **dict(zip(names, row, strict=True)),
            )
            for row in distinct.tolist()
        ]
        found = np.array(rows, np.int64)[inverse.reshape(shape)]
        return np.broadcast_to(found, population.shape)

    def _number(self, **values: int) -> int:
        whole = {"floor": self._floor, "floor_mode": SATURATE} | values
        row = tuple(whole.get(name, 0) for name in COLUMNS)
        return self._rows.setdefault(row, len(self._rows))


def type_weights(layer: Layer, cut: Cut, forms: Forms) -> I64:
    """`(C, H, W, types)` weights of the axon types, with (1, 1) where positions are alike."""
    population, encoding = layer.population, layer.encoding
    if encoding is None:
        raise ValueError("the layer has no encoding")
    channels = population.shape[0]
    found = np.zeros((channels, 1, 1, AXON_TYPES), np.int64)
    found[:, 0, 0, : encoding.types] = np.array(encoding.values).reshape(channels, -1)
    if not forms.spare:
        return found
    found = np.broadcast_to(found, (*population.shape, AXON_TYPES)).copy()
    for (y0, y1, x0, x1, c0, c1), number in zip(cut.boxes.tolist(), cut.form.tolist(), strict=True):
        own = forms.known[number].spare_weights.reshape(y1 - y0, x1 - x0, c1 - c0, -1)
        found[c0:c1, y0:y1, x0:x1, list(forms.spare)] = own.transpose(2, 0, 1, 3)
    return found
