"""Codings as payload schedules: which payload a spike carries when, and what one unit stands for.

Thresholds that change over time (SiamSNN, eqs. 10 to 12) become integers: the threshold is p times
a smallest threshold, a spike carries the integer p (`nmcompile.ir.neurons`), and the synapses
behind multiply by it. Nothing is rounded, so the float and the integer form are the same schedule.
With lambda the scale of the layer (the activation of a spike at every timestep in rate coding):

============  ==========================  ===============  =====================================
coding        payloads                    one unit         source
============  ==========================  ===============  =====================================
rate          1                           lambda           constant threshold, SiamSNN eq. 4
phase         2^(K-1), ..., 2, 1          lambda T / F     eq. 10; F sums the payloads of T steps
burst         gamma^n, n = 0 ... B, made  lambda / largest eq. 11, n spikes in a row before t
              integers by one factor      payload
two-status    p zeros, then p ones        beta lambda      eq. 12, alpha infinite
============  ==========================  ===============  =====================================

Eq. 10 has thresholds 2^-(1 + mod(t-1, K)) of the value that a whole period transmits; times 2^K
these are the payloads here. The literal form needs inputs that are phase-coded as well: a neuron
with a constant drive has nothing to fire with at the heavy phases and too much at the light ones.
Eq. 11 with gamma below 1 transmits lambda gamma^B per timestep as long as a burst lasts: a drive
above that never lets it end, and is clipped. With gamma above 1 (Park et al. 2019) thresholds grow
up to lambda: small values are sent in small units, large ones arrive in full.
The unit is chosen so that a neuron that fires at every timestep transmits T lambda, as with rate
coding. Two-status coding transmits at most beta lambda T / 2 where rate coding transmits T lambda:
what is above is clipped, which is the published scheme.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nmcompile.ir.neurons import PAYLOAD_MAX, Advance

COUNT_LIMIT = 2**15
"""Decoded sums travel as 16-bit signed integers."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A coding made ready for T timesteps.

    Attributes:
        payloads: see `nmcompile.ir.neurons`. advance: likewise.
        unit: value of payload 1 in scales of the layer (lambda).
    """

    payloads: tuple[int, ...] = (1,)
    advance: Advance = "clock"
    unit: float = 1.0

    @property
    def binary(self) -> bool:
        """Whether spikes carry no payload."""
        return max(self.payloads) == 1

    def total(self, timesteps: int) -> int:
        """Largest sum of payloads that a neuron can spike in so many timesteps."""
        if self.advance == "burst":
            return timesteps * max(self.payloads)
        return sum(self.payloads[t % len(self.payloads)] for t in range(timesteps))


RATE = Schedule()


def phase(period: int, timesteps: int) -> Schedule:
    """Weighted spikes (eq. 10) with a period of K timesteps.

    Raises:
        ValueError: a payload does not fit a byte, or T ends before the first period does.
    """
    if period > timesteps:
        raise ValueError(f"a period of {period} timesteps does not fit into T = {timesteps}")
    payloads = tuple(2**k for k in reversed(range(period)))
    total = Schedule(payloads).total(timesteps)
    return _checked(Schedule(payloads, unit=timesteps / total), timesteps)


def burst(gamma: float, length: int, timesteps: int) -> Schedule:
    """Thresholds gamma^n after n spikes in a row (eq. 11), n up to `length`; the largest is lambda.

    Raises:
        ValueError: gamma is no power of two, or a payload does not fit a byte.
    """
    step = math.log2(gamma)
    if step != int(step) or step == 0:
        raise ValueError(f"gamma must be a power of two and not 1, found {gamma}")
    exponents = [round(step) * n for n in range(length + 1)]
    payloads = tuple(2 ** (e - min(exponents)) for e in exponents)
    return _checked(Schedule(payloads, "burst", 1.0 / max(payloads)), timesteps)


def two_status(period: int, beta: float, offset: int, timesteps: int) -> Schedule:
    """Accumulate for p timesteps, fire at threshold beta for p timesteps (eq. 12).

    Args:
        period: p. beta: threshold in the firing phase, in scales of the layer.
        offset: timesteps of the cycle that are over before t = 1; with p the neurons fire first.
        timesteps: T.

    Raises:
        ValueError: T ends before a firing phase begins.
    """
    cycle = (0,) * period + (1,) * period
    start = offset % len(cycle)
    payloads = cycle[start:] + cycle[:start]
    schedule = Schedule(payloads, unit=beta)
    if schedule.total(timesteps) == 0:
        raise ValueError(f"no timestep up to T = {timesteps} lets the neurons fire")
    return _checked(schedule, timesteps)


def _checked(schedule: Schedule, timesteps: int) -> Schedule:
    if max(schedule.payloads) > PAYLOAD_MAX:
        raise ValueError(f"a spike can carry {PAYLOAD_MAX}, this needs {max(schedule.payloads)}")
    if schedule.total(timesteps) >= COUNT_LIMIT:
        raise ValueError(f"the payloads of T = {timesteps} timesteps may sum to {COUNT_LIMIT}")
    return schedule
