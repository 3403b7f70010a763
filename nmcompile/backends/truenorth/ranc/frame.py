"""A frame of a mapped network for users of RANC, and the output of RANC's bus as RANC writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc.exporting import export_ranc, grid_places
from nmcompile.backends.truenorth.ranc.write import write_ranc
from nmcompile.mapping.crossbar_graph import CrossbarGraph

INPUTS: Final = ("element", "x", "y", "axon", "tick")


def write_frame(graph: CrossbarGraph, stimulus: npt.NDArray[Any] | None, folder: Path) -> None:
    """`folder`/{input,config,inputs}.json of one network and one frame.

    `inputs.json` says how other frames are made: a spike of input element e at timestep t is a
    packet in entry t - 1 of `packets` for each of its rows that begins with e.

    Args:
        graph: the mapped network.
        stimulus: as the network takes it, or None for no packets of the input.
        folder: made if it is not there.

    Raises:
        NmError: see `export_ranc`.
    """
    write_ranc(export_ranc(graph, stimulus), folder)
    place = grid_places(graph)[graph["host.core"]]
    columns = (graph["host.index"], *place.T, graph["host.axon"], graph["host.delay"])
    rows = np.stack(columns, axis=1).tolist()
    content = json.dumps({"columns": INPUTS, "rows": rows})
    (folder / "inputs.json").write_text(content + "\n", encoding="utf-8")


def window(graph: CrossbarGraph) -> tuple[int, int]:
    """First and last tick in which the output bus shows the output of the network."""
    depth = next(info.depth for info in graph.populations if info.name == graph.output)
    return depth + 1, depth + graph.timesteps


def bus_text(output: npt.NDArray[Any]) -> str:
    """The output file that RANC writes in as many ticks.

    RANC writes the bus when a tick begins: its line n shows the spikes of tick n - 1, and the
    last tick's are not in the file.

    Args:
        output: `(ticks, outputs)` zeros and ones.
    """
    shown = np.zeros(output.shape, np.uint8)
    shown[1:] = output[:-1]
    return "".join(" ".join(map(str, row)) + " \n" for row in shown.tolist())
