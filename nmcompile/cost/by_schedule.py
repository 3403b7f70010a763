"""Cost of one output of networks that run at different rates: each run shared by its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rated:
    """One pass of a network, and how often it runs.

    Attributes:
        name: of the network.
        rate_hz: passes per second.
        adds: additions of one pass. multiplies: multiplications of one pass.
        energy_j: of one pass, joules; None where it is not known.
    """

    name: str
    rate_hz: float
    adds: float
    multiplies: float
    energy_j: float | None = None


def per_output(networks: Sequence[Rated], output: str) -> Rated:
    """What an output of network `output` costs, with its share of what the others do meanwhile.

        x = sum over networks of x_n rate_n / rate_output

    DashNet's Table 4 (arXiv 1909.12942) counts its hybrid so: one pass of the ANN for every 8.66
    outputs of the SNN.

    Args:
        networks: all that run.
        output: the one whose passes are the outputs.

    Raises:
        ValueError: no network is called so, or a rate is not positive.
    """
    if min((n.rate_hz for n in networks), default=0.0) <= 0.0:
        raise ValueError("a rate is not positive")
    found = [n for n in networks if n.name == output]
    if len(found) != 1:
        raise ValueError(f"{len(found)} networks are called {output!r}")
    rate = found[0].rate_hz
    energies = [n.energy_j for n in networks]
    return Rated(
        name="+".join(n.name for n in networks),
        rate_hz=rate,
        adds=sum(n.adds * (n.rate_hz / rate) for n in networks),
        multiplies=sum(n.multiplies * (n.rate_hz / rate) for n in networks),
        energy_j=None
        if None in energies
        else sum((n.energy_j or 0.0) * (n.rate_hz / rate) for n in networks),
    )
