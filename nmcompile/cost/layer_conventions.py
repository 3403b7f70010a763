"""Published energy formulas that look at every layer, applied to what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from nmcompile.cost.conventions import AC_45NM_J, MAC_45NM_J, Convention
from nmcompile.cost.layer_facts import LayerFacts
from nmcompile.units import format_si

INT32_ADD_J: Final = 0.1e-12
INT32_MUL_J: Final = 3.1e-12
SRAM_BYTES: Final = (8e3, 32e3, 1e6)
SRAM_READ_J: Final = (10e-12, 20e-12, 100e-12)
"""Of one access to a memory of so many bytes; in between, and beyond, along straight lines."""
WORD_BYTES: Final = 4

Weighted = tuple[LayerFacts, float]
"""A layer and how often it runs per frame."""


def layer_conventions(layers: Sequence[Weighted]) -> tuple[Convention, ...]:
    """All of them, for the layers of one frame; none where no layer is known."""
    if not layers:
        return ()
    return (spike_driven(layers), lemaire(layers), neurobench(layers))


def spike_driven(layers: Sequence[Weighted]) -> Convention:
    """E = 4.6 pJ FL_1 + 0.9 pJ sum(fr T FL): SpikeTrack's and S4-KD's family.

    Yao et al. 2023 (arXiv 2307.01694) leave open whether the real-valued first layer counts once
    or at every timestep: the range is both.
    """
    rest = sum(n * f.rate_macs for f, n in layers if not f.real) * AC_45NM_J
    first = [(f.dense_macs * n * MAC_45NM_J, f.timesteps) for f, n in layers if f.real]
    once = sum(energy for energy, _ in first)
    every = sum(energy * timesteps for energy, timesteps in first)
    return Convention(
        name="spike_driven",
        title="firing rate x T x dense operations (SpikeTrack, S4-KD)",
        formula="4.6 pJ x FL(real-valued layers) + 0.9 pJ x sum(fr x T x FL)",
        energy_j=once + rest,
        low_j=once + rest,
        high_j=max(once, every) + rest,
        leaves_out=(
            "takes every input to meet as many weights as an average one and every weight to be "
            "there, borders and zeros included, and prices the sum as 32-bit arithmetic in 45 nm: "
            "no memory, no idle neuron, no packet, no leakage, no host"
        ),
        source="Yao et al., arXiv 2307.01694; SpikeTrack, arXiv 2602.23963; S4-KD, Neural Networks "
        "188:107478, 2025, whose own text was not available",
    )


def lemaire(layers: Sequence[Weighted]) -> Convention:
    """E = operations + addressing + memory, Lemaire et al. 2022.

    32-bit integers throughout; every synaptic operation reads a weight and reads and writes a
    potential; an input spike of a convolution costs two multiplications and C_out K_y K_x additions
    of addresses; the energy of an access follows from the size of the memory.
    """
    arithmetic = memory = 0.0
    for f, runs in layers:
        arithmetic += runs * (_operations(f) + _addressing(f))
        memory += runs * _memory(f)
    return Convention(
        name="lemaire",
        title="operations, addresses and memory (Lemaire 2022)",
        formula="sum(operations + addresses + SRAM accesses), int32 in 45 nm",
        energy_j=arithmetic + memory,
        low_j=arithmetic + memory / 2,
        high_j=arithmetic + memory,
        leaves_out=(
            "counts memory accesses, but of one memory per layer that nothing shares: no network "
            "on chip, no idle neuron, no leakage, no host; its SRAM figures are per 64 bit in one "
            "source and per 32 bit in another, which is the range"
        ),
        source="Lemaire et al., ICONIP 2022, arXiv 2210.13107; Horowitz, ISSCC 2014, doi "
        "10.1109/ISSCC.2014.6757323",
    )


def neurobench(layers: Sequence[Weighted]) -> Convention:
    """Effective operations of NeuroBench: counts, which have no energy of their own."""
    acs = sum(n * f.sops for f, n in layers)
    macs = sum(n * f.macs for f, n in layers)
    dense = sum(n * f.dense_macs * f.timesteps for f, n in layers)
    return Convention(
        name="neurobench",
        title="NeuroBench effective operations",
        formula=f"{format_si(acs, '1')} effective ACs, {format_si(macs, '1')} effective MACs, "
        f"{format_si(dense, '1')} dense",
        energy_j=None,
        leaves_out=(
            "counts what meets a non-zero weight and says nothing about energy; the same counts "
            "stand behind every other line here"
        ),
        source="Yik et al., Nature Communications 16, 2025",
    )


def _operations(f: LayerFacts) -> float:
    return f.sops * INT32_ADD_J + f.macs * (INT32_ADD_J + INT32_MUL_J)


def _addressing(f: LayerFacts) -> float:
    if f.real:
        return (f.inputs + f.outputs + f.fan_out) * INT32_ADD_J
    per_spike = 2 * (INT32_ADD_J + INT32_MUL_J) + f.fan_out * INT32_ADD_J
    return f.spikes_in * per_spike


def _memory(f: LayerFacts) -> float:
    """Weights and potentials of every operation, inputs and outputs once."""
    accesses = f.sops + f.macs
    weights = accesses * _access(f.weights)
    potentials = 2 * accesses * _access(f.outputs)
    return (
        weights + potentials + f.spikes_in * _access(f.inputs) + f.spikes_out * _access(f.outputs)
    )


def _access(words: float) -> float:
    """Energy of one access to a memory of so many words."""
    size = max(words * WORD_BYTES, SRAM_BYTES[0])
    if size > SRAM_BYTES[-1]:
        slope = (SRAM_READ_J[-1] - SRAM_READ_J[-2]) / (SRAM_BYTES[-1] - SRAM_BYTES[-2])
        return SRAM_READ_J[-1] + slope * (size - SRAM_BYTES[-1])
    return float(np.interp(size, SRAM_BYTES, SRAM_READ_J))
