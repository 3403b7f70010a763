"""A mapped network of crossbar cores made by hand: two layers, a copy, a relay core, two chips."""

from __future__ import annotations

import numpy as np

from nmcompile.mapping.crossbar_graph import COPY, ORIGINAL, RELAY, CrossbarGraph
from nmcompile.mapping.graph import Mesh, PopulationInfo

ROWS = {
    # chip, x, y, slot, neuron0, neurons, axon0, axons, block
    "core": [(0, 0, 0, 0, 0, 3, 0, 2, 0), (0, 5, 1, 0, 3, 2, 2, 1, 1), (1, 2, 0, 0, 5, 1, 3, 3, 2)],
    "axon": [(0,), (1,), (0,), (0,), (1,), (2,)],
    "block": [(0, 2, 3), (2, 1, 2), (3, 3, 1)],
    "crossbar": [(0b011,), (0b111,), (0b11,), (1,), (1,), (1,)],
    "parameter": [
        (3, -7, 0, 0, 5, 9, 4, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0),
        (1, 1, 1, 1, -40, 1, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
    ],
    # parameter, v_init, target core, axon, delay, role, traffic
    "neuron": [
        (0, 0, 1, 0, 2, ORIGINAL, 7),
        (0, 0, 2, 0, 1, ORIGINAL, 5),
        (0, 0, 2, 1, 1, COPY, 7),
        (1, 0, 2, 2, 6, RELAY, 7),
        (1, 0, 2, 1, 1, RELAY, 7),
        (1, 0, -1, 0, 1, ORIGINAL, 3),
    ],
    # core, neuron0, neurons, population, y0, y1, x0, x1, c0, c1
    "tile": [(0, 0, 2, 0, 0, 1, 0, 1, 0, 2), (2, 5, 1, 1, 0, 1, 0, 1, 0, 1)],
    "host": [(0, 0, 0, 0, 4), (1, 0, 1, 0, 6)],
    "bias": [],
    "readout": [(5, 0)],
    "fanout": [(0, 1, 1), (6, 0, 2)],
}


def crossbars_by_hand() -> CrossbarGraph:
    """Two neurons, one of them copied, relays for one of them, one neuron that is read out."""
    columns = {
        f"{table}.{column}": np.array([row[i] for row in ROWS[table]])
        for table, names in CrossbarGraph.SCHEMA.items()
        for i, column in enumerate(names)
    }
    return CrossbarGraph(
        network="net",
        target="truenorth",
        timesteps=4,
        ticks=7,
        input_shape=(2, 1, 1),
        input_mode="spikes",
        input_bits=1,
        input_signed=False,
        input_values=False,
        encode=None,
        output="b_if",
        output_shape=(1, 1, 1),
        readout="counts",
        signed_pairs=False,
        slot="",
        slot_shape=(),
        slot_largest=0,
        populations=(
            PopulationInfo("a_if", "a", "neuron", (2, 1, 1), (2, 1, 1), 0),
            PopulationInfo("b_if", "b", "neuron", (1, 1, 1), (1, 1, 1), 3),
        ),
        mesh=Mesh(4, 64, 64, 1),
        tables=columns,
        membrane_clip=524287,
    )
