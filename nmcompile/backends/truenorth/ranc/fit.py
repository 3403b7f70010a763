"""Whether a network that came from RANC would fit real TrueNorth chips."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.target import CrossbarTarget


def beyond(graph: CrossbarGraph, chip: CrossbarTarget) -> tuple[str, ...]:
    """What a chip's limits do not allow: `neurons of a core: 512 (limit 256)`; empty if it fits.

    Args:
        graph: the network, on one grid of cores.
        chip: the target, with the grid of its chips.
    """
    grid, formats = chip.chip, chip.formats
    columns = grid.chip_columns.value * grid.router_columns.value
    rows = grid.chip_rows.value * grid.router_rows.value
    signed = 2 ** (formats.leak_bits.value - 1)
    found = (
        ("columns of cores", graph.mesh.columns, columns),
        ("rows of cores", graph.mesh.rows, rows),
        ("neurons of a core", _most(graph["core.neurons"]), chip.core.neurons.value),
        ("axons of a core", _most(graph["core.axons"]), chip.core.axons.value),
        ("threshold", _most(graph["parameter.threshold"]), 2**formats.threshold_bits.value - 1),
        ("negative threshold", _most(graph["parameter.floor"]), 2**formats.floor_bits.value - 1),
        ("leak", _most(graph["parameter.leak"]), signed - 1),
        ("negative leak", _most(-graph["parameter.leak"]), signed),
        ("membrane", _most(np.abs(graph["neuron.v_init"])), formats.membrane_clip.value),
    )
    texts = [f"{what}: {value} (limit {limit})" for what, value, limit in found if value > limit]
    sizes = np.abs(graph["parameter.reset_value"][graph["parameter.reset_mode"] == 0]).astype(int)
    codes = 2 ** np.arange(formats.reset_exponent_max.value + 1) - 1
    odd = sizes[~np.isin(sizes, codes)]
    if len(odd):
        texts.append(f"reset value: {int(odd[0])} (2^n - 1 or its negative)")
    return tuple(texts)


def _most(values: npt.NDArray[Any]) -> int:
    return int(values.max(initial=0))
