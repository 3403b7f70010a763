"""Random numbers that depend on nothing but a seed and the place where they are used.

The chip draws from a generator per core, whose state nobody outside can follow. Here every
number is a function of (seed, core, neuron, tick, index), so that neither the order of work nor
the number of threads can change it. It is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) with one
stream per neuron:

    mix(z):  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9
             z = (z ^ z >> 27) * 0x94D049BB133111EB
             z ^ z >> 31
    stream = mix(mix(seed + GAMMA) + core * 2^32 + neuron)
    draw   = mix(stream + GAMMA * (tick * 2^20 + index))

all modulo 2^64, GAMMA = 0x9E3779B97F4A7C15. Neurons are numbered within their core, ticks from 1
since the last reset. A draw for a weight or a leak is the top 8 bits, `rho` in 0 ... 255; a draw
for a threshold is the low `mask_bits` bits.
"""

from __future__ import annotations

GAMMA = 0x9E3779B97F4A7C15
MIX1 = 0xBF58476D1CE4E5B9
MIX2 = 0x94D049BB133111EB
RHO_SHIFT = 56
"""The bits of a draw above this one are `rho`."""
TICK_SHIFT = 20
LEAK, THRESHOLD, SYNAPSE0 = 0, 1, 2
"""Indices of the draws of one neuron in one tick; that of a synapse is SYNAPSE0 + its axon."""
_ALL = 2**64 - 1


def mix(value: int) -> int:
    """The finaliser of SplitMix64."""
    value = (value ^ value >> 30) * MIX1 & _ALL
    value = (value ^ value >> 27) * MIX2 & _ALL
    return value ^ value >> 31


def draw(seed: int, core: int, neuron: int, tick: int, index: int) -> int:
    """64 random bits; see the module."""
    stream = mix(mix(seed + GAMMA & _ALL) + (core << 32) + neuron & _ALL)
    return mix(stream + GAMMA * ((tick << TICK_SHIFT) + index) & _ALL)
