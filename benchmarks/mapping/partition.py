"""Neurons of a grouped convolution pyramid onto cores: tiles beside partitioners with repair."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from figures import QUICK, Figure, Rows, peak_bytes, table
from instances import grouped_convolution, grouped_layers
from tiles import tiles

from nmcompile.mapping.partition.axonflow import read_axonflow, write_axonflow
from nmcompile.mapping.partition.hypergraph import Hypergraph
from nmcompile.mapping.partition.libraries import metis, mt_kahypar
from nmcompile.mapping.partition.quality import quality
from nmcompile.mapping.partition.repair import filled, repaired

COMMAND = "make bench-mapping"
NEURONS = AXONS = 256
TILES, REPAIRED = "tiles of the compiler", "METIS + split + merge"
SIZES = (64,) if QUICK else (64, 200)


def ways(graph: Hypergraph, size: int) -> dict[str, Callable[[], Any]]:
    """Every partition, by name."""
    parts = round(1.1 * graph.nodes / NEURONS)
    caps = (NEURONS, AXONS)
    found: dict[str, Callable[[], Any]] = {
        "index order, filled": lambda: filled(graph, np.arange(graph.nodes), *caps),
        "pixel order, filled": lambda: filled(graph, _by_pixel(size), *caps),
        REPAIRED: lambda: repaired(graph, metis(graph, parts), *caps),
    }
    if not QUICK:
        found["Mt-KaHyPar + split + merge"] = lambda: repaired(
            graph, mt_kahypar(graph, parts), *caps
        )
    found[TILES] = lambda: tiles(size, *caps)
    return found


def _by_pixel(size: int) -> Any:
    """Layer after layer, all channels of a pixel together."""
    found, first = [], 0
    for layer in grouped_layers(size):
        number = first + np.arange(layer.neurons).reshape(layer.shape)
        found.append(number.transpose(1, 2, 0).ravel())
        first += layer.neurons
    return np.concatenate(found)


def measure() -> Rows:
    """All instances; prints the table."""
    rows: list[dict[str, Any]] = []
    repaired(
        grouped_convolution(8), np.zeros(1600, np.int32), NEURONS, AXONS
    )  # compiles everything
    for size in SIZES:
        graph = _stored(grouped_convolution(size))
        for name, way in ways(graph, size).items():
            begin = time.process_time()
            part = way()
            seconds = time.process_time() - begin
            found = quality(graph, part)
            if not found.within(NEURONS, AXONS):
                raise ValueError(f"{name}: {found}")
            about = {"neurons": graph.nodes, "synapses": len(graph.target), "way": name}
            rows.append(about | asdict(found) | {"cpu_s": seconds, "peak_bytes": peak_bytes()})
    print(table(HEAD, [_cells(row) for row in rows]))
    figures = []
    for row in rows:
        if row["way"] != TILES:
            continue
        peer = next(r for r in rows if r["neurons"] == row["neurons"] and r["way"] == REPAIRED)
        for key, what in (("cores", "cores"), ("copies", "copies"), ("connectivity", "packets")):
            name = f"{row['neurons']:,} neurons as tiles: {what}"
            value = row[key]
            figures.append(
                Figure(name, value, "1", COMMAND, f"<= {peer[key]}", REPAIRED, peer[key])
            )
    return figures, rows


def _stored(graph: Hypergraph) -> Hypergraph:
    """The graph, written to a file in AxonFlow's format and read again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph"
        write_axonflow(path, graph)
        return read_axonflow(path)


HEAD = (
    *("neurons", "synapses", "partition", "cores", "lambda - 1", "axons", "most axons"),
    *("copies", "CPU s"),
)


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    counts = ("cores", "connectivity", "axons", "axons_max", "copies")
    return (
        *(f"{row['neurons']:,}", f"{row['synapses']:,}", row["way"]),
        *(f"{row[key]:,}" for key in counts),
        f"{row['cpu_s']:.1f}",
    )
