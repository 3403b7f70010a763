"""Which neurons of a crossbar graph RANC computes, and with which negative threshold."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc.bounds import crossbar_bits, reach, steps
from nmcompile.backends.truenorth.ranc.neurons import negative_thresholds
from nmcompile.backends.truenorth.ranc.schema import ABSOLUTE, LINEAR
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.crossbar_graph import AXON_TYPES, WORD_BITS, CrossbarGraph

I64 = npt.NDArray[np.int64]
Values = dict[str, I64]

ONE_PACKET: Final = "one packet for a spike of a neuron"
SHORTER: Final = "run fewer timesteps per frame, or use smaller weights, so that a bound is proven"


def neuron_values(graph: CrossbarGraph) -> Values:
    """Parameters of every neuron by the names of the table `parameter`, and `v_init`."""
    rows = graph["neuron.parameter"]
    values = {
        name: graph[f"parameter.{name}"][rows].astype(np.int64)
        for name in CrossbarGraph.SCHEMA["parameter"]
    }
    return values | {"v_init": graph["neuron.v_init"].astype(np.int64)}


def weights_of(values: Values) -> I64:
    """`(neurons, 4)` weight for every axon type."""
    return np.stack([values[f"weight{kind}"] for kind in range(AXON_TYPES)], axis=1)


def block_of(graph: CrossbarGraph, block: int) -> npt.NDArray[np.uint64]:
    """`(axons, W)` words of a crossbar."""
    axons, neurons = int(graph["block.axons"][block]), int(graph["block.neurons"][block])
    first, words = int(graph["block.word0"][block]), -(-neurons // WORD_BITS)
    rows: npt.NDArray[np.uint64] = graph["crossbar.word"][first : first + axons * words]
    return rows.reshape(axons, words)


def ranc_values(graph: CrossbarGraph, reset_type: int) -> Values:
    """Parameters of every neuron as RANC has them.

    Args:
        graph: the mapped network, which runs `graph.ticks` ticks from its start values.
        reset_type: `neuron_reset_type` of the file.

    Returns:
        As `neuron_values`, deterministic, with reset modes 0 and 1 only, and the negative
        threshold in `floor`, with RANC's sign.

    Raises:
        NmError: NM0149 for the first neuron that RANC does not compute.
    """
    values = neuron_values(graph)
    down, up = _steps(graph, values)
    values = _with_resets(values, down)
    _deterministic(graph, values)
    reached = reach(values, values["v_init"], down, up, graph.ticks)
    clip, floor = graph.membrane_clip, values["floor"]
    for extreme, bound in ((reached.highest, clip), (-reached.lowest, clip)):
        message = "a membrane may reach the clip, which RANC does not have"
        _refuse(graph, extreme > bound, message, bound, extreme)
    safe, unreached = reached.lowest >= -floor, reached.always > -floor
    negative, same = negative_thresholds(values, reset_type, safe, unreached)
    _refuse(
        graph,
        ~same,
        "a membrane may reach a negative threshold that RANC does not have",
        "no saturation" if reset_type == 0 else "no saturation, and linear resets at 0 only",
        -floor,
    )
    return values | {"floor": negative}


def _with_resets(values: Values, down: I64) -> Values:
    """Neurons that nothing lowers and no spike resets: they fire at every tick from the first on.

    A reset to the threshold itself makes the same spikes.
    """
    rises = (down == 0) & (values["leak"] >= 0) & (values["v_init"] >= -values["floor"])
    timer = (values["reset_mode"] > LINEAR) & rises
    return values | {
        "reset_mode": np.where(timer, ABSOLUTE, values["reset_mode"]),
        "reset_value": np.where(timer, values["threshold"], values["reset_value"]),
    }


def _deterministic(graph: CrossbarGraph, values: Values) -> None:
    """RANC has no random numbers, no leak reversal, no third reset mode."""
    leaks = values["leak"] != 0
    gates = [
        (values[f"stochastic{kind}"] == 1) & (values[f"weight{kind}"] != 0)
        for kind in range(AXON_TYPES)
    ]
    for used, what in (
        (np.logical_or.reduce(gates), "stochastic synapses"),
        ((values["stochastic_leak"] == 1) & leaks, "a stochastic leak"),
        (values["mask_bits"] > 0, "a random threshold"),
        ((values["leak_reversal"] == 1) & leaks, "a leak that reverses"),
        (values["reset_mode"] > LINEAR, "no reset, though its membrane can fall"),
    ):
        _refuse(graph, used, "RANC has no such neuron", "deterministic, with a reset", what)


def _steps(graph: CrossbarGraph, values: Values) -> tuple[I64, I64]:
    """The most that synapses take from and add to every membrane in one tick."""
    weights = weights_of(values)
    down, up = np.zeros(graph.neurons, np.int64), np.zeros(graph.neurons, np.int64)
    for core, (first, count) in enumerate(
        zip(graph["core.neuron0"].tolist(), graph["core.neurons"].tolist(), strict=True)
    ):
        own = slice(first, first + count)
        bits = crossbar_bits(block_of(graph, int(graph["core.block"][core])), count)
        axon0, axons = int(graph["core.axon0"][core]), int(graph["core.axons"][core])
        types = graph["axon.type"][axon0 : axon0 + axons]
        down[own], up[own] = steps(bits, types, weights[own])
    return down, up


def refusal(
    graph: CrossbarGraph, neuron: int, message: str, limit: str, found: str, *ways: str
) -> NmError:
    """NM0149 at a neuron."""
    core = int(np.searchsorted(graph["core.neuron0"], neuron, "right")) - 1
    place = ", ".join(str(int(graph[f"core.{c}"][core])) for c in ("chip", "x", "y"))
    own = neuron - int(graph["core.neuron0"][core])
    where = f"{graph.network}, core {core} (chip, x, y = {place}), neuron {own}"
    return NmError(Diagnostic("NM0149", message, where, limit, found, help=ways))


def _refuse(
    graph: CrossbarGraph, broken: npt.NDArray[np.bool_], message: str, limit: object, found: Any
) -> None:
    rows = np.flatnonzero(broken)
    if len(rows):
        neuron = int(rows[0])
        value = found if isinstance(found, str) else f"{found[neuron]}"
        ways: tuple[str, ...] = ("run the network with nmcompile alone",)
        if not isinstance(found, str):
            ways = (SHORTER, *ways)
        raise refusal(graph, neuron, message, str(limit), value, *ways)
