"""Input codings: pixels as spikes, with what one unit of payload stands for."""

from __future__ import annotations

from nmcompile.coding.schedule import burst, phase
from nmcompile.ir.ops import Encode

BURST_GAMMA = 2.0
BURST_LENGTH = 3
"""Input bursts double an eighth of full scale with every spike: then large pixels arrive too."""


def rate_input(bits: int) -> tuple[Encode, float]:
    """An integrate-and-fire neuron per pixel: full scale spikes at every timestep.

    Starts at half a threshold, so that counts are rounded to the nearest.

    Returns:
        The operator, and the pixel value that a payload of 1 stands for.
    """
    full = 2**bits - 1
    return Encode("rate", (1,), full, full // 2), float(full)


def phase_input(bits: int, timesteps: int) -> tuple[Encode, float]:
    """The bits of a pixel, highest first, one period after the other.

    A period that T cuts short sends the upper bits only; the unit makes up for the mean loss.

    Raises:
        ValueError: T ends before the first period does.
    """
    schedule = phase(bits, timesteps)
    return Encode("phase", schedule.payloads), schedule.unit * (2**bits - 1)


def burst_input(bits: int, timesteps: int) -> tuple[Encode, float]:
    """Bursts: spikes in a row stand for 1, 2, 4 and at last 8 eighths of full scale.

    Raises:
        ValueError: the payloads do not fit.
    """
    schedule = burst(BURST_GAMMA, BURST_LENGTH, timesteps)
    threshold = 2**bits // max(schedule.payloads)
    return Encode("burst", schedule.payloads, threshold, threshold // 2), float(threshold)
