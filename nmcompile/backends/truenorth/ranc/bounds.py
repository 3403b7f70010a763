"""How far membranes can go, from crossbars and neuron parameters alone.

RANC's membranes neither clip nor saturate, so that a network behaves alike there and on TrueNorth
only while no membrane gets that far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.crossbar_graph import AXON_TYPES

I64 = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]


def crossbar_bits(words: npt.NDArray[np.uint64], neurons: int) -> Bits:
    """`(axons, neurons)` zeros and ones from `(axons, W)` words."""
    octets = np.ascontiguousarray(words).view(np.uint8)
    bits: Bits = np.unpackbits(octets, axis=1, count=neurons, bitorder="little")
    return bits


def steps(bits: Bits, types: npt.NDArray[np.integer], weights: I64) -> tuple[I64, I64]:  # type: ignore[type-arg]
    """The most that synapses take from and add to every membrane in one tick.

    Args:
        bits: `(axons, neurons)`.
        types: `(axons,)`.
        weights: `(neurons, 4)`.

    Returns:
        `(neurons,)` at most 0, and at least 0.
    """
    kinds = np.arange(AXON_TYPES)[:, None] == types
    counts = (kinds.astype(np.float32) @ bits).astype(np.int64).T
    down: I64 = (counts * np.minimum(weights, 0)).sum(axis=1)
    up: I64 = (counts * np.maximum(weights, 0)).sum(axis=1)
    return down, up


def synapses(bits: Bits, types: npt.NDArray[np.integer], weights: I64) -> I64:  # type: ignore[type-arg]
    """`(axons,)` synapses with a weight other than 0."""
    useful = (weights != 0).astype(np.uint8).T[types]
    counts: I64 = (bits & useful).sum(axis=1, dtype=np.int64)
    return counts


@dataclass(frozen=True)
class Reach:
    """Bounds of the membranes of some neurons before threshold and floor act.

    Attributes:
        lowest, highest: `(neurons,)` within `ticks` ticks.
        always: `(neurons,)` what no membrane undercuts at any time; the smallest int64 where
            there is nothing of that kind.
    """

    lowest: I64
    highest: I64
    always: I64


def reach(parameter: dict[str, I64], v_init: I64, down: I64, up: I64, ticks: int) -> Reach:
    """How far membranes can go within some ticks.

    Args:
        parameter: `leak`, `threshold`, `floor`, `reset_value`, `reset_mode`, `floor_mode`.
        v_init: their start.
        down, up: see `steps`.
        ticks: of the run.
    """
    value = parameter["reset_mode"] == 0
    bounces = parameter["floor_mode"] == 0
    reset, floor = parameter["reset_value"], parameter["floor"]
    down = down + np.minimum(parameter["leak"], 0)
    up = up + np.maximum(parameter["leak"], 0)
    # where resets put the membrane: R, -R from below the floor, or what the threshold leaves
    low = np.minimum(v_init, np.where(value, reset, 0))
    low = np.minimum(low, np.where(value & bounces, -reset, low))
    high = np.maximum(v_init, np.where(value, reset, v_init))
    high = np.maximum(high, np.where(value & bounces, -reset, high))
    kept = np.where(
        value, np.maximum(high, parameter["threshold"] - 1), np.iinfo(np.int64).max // 2
    )
    held = np.where(value | ~bounces, np.minimum(low, -floor), np.iinfo(np.int64).min // 2)
    return Reach(
        lowest=np.maximum(low + ticks * down, held + down),
        highest=np.minimum(high + ticks * up, kept + up),
        always=np.where(down == 0, low, np.iinfo(np.int64).min),
    )
