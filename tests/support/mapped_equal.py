"""Crossbar cores against the golden model: spikes, membranes, output, operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from support.nets import stimulus_for

from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
from nmcompile.ir.network import Network
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.reference.integer import IntegerRunner

FRAMES = 2


def differs(graph: CrossbarGraph, network: Network, stimuli: list[npt.NDArray[Any]]) -> str:
    """Where the cores and the golden model differ; "" where they do not."""
    engine, runner = TrueNorthEngine(graph), IntegerRunner(network)
    for stimulus in stimuli:
        golden, found = runner.run(stimulus, record=True), engine.run(stimulus, record=True)
        for name, spikes in golden.spikes.items():
            if not np.array_equal(spikes, found.spikes[name]):
                return f"spikes of {name}"
        for name, membranes in golden.v_final.items():
            if not np.array_equal(membranes, found.v_final[name]):
                return f"membranes of {name}"
        if not np.array_equal(golden.output, found.output):
            return "output"
        if [a.sops for a in golden.counters.layers] != [a.sops for a in found.counters.layers]:
            return "synaptic operations"
    return ""


def stimuli_for(network: Network) -> list[npt.NDArray[Any]]:
    rng = np.random.default_rng(0)
    return [stimulus_for(network, rng) for _ in range(FRAMES)]
