"""What the formulas of published papers say for the same counts, beside our own figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAC_45NM_J: Final = 4.6e-12
AC_45NM_J: Final = 0.9e-12
PEAK_SOPS_PER_W: Final = 400e9
SIAMSNN_FRAME_S: Final = 0.020


@dataclass(frozen=True, slots=True)
class Convention:
    """One published way to turn operation counts into energy.

    Attributes:
        name: stable identifier.
        title: for people.
        formula: with symbols S (synaptic operations per frame) and M (multiply-accumulates).
        energy_j: joules per frame that it gives for our counts; None where it gives none.
        leaves_out: one sentence: what it does not count.
        source: where the formula and its constants come from.
        low_j, high_j: range that the sources of its constants leave; None where none is stated.
    """

    name: str
    title: str
    formula: str
    energy_j: float | None
    leaves_out: str
    source: str
    low_j: float | None = None
    high_j: float | None = None

    def factor(self, ours_j: float | None) -> float | None:
        """Our figure divided by this one; None when either is unknown or zero."""
        if not ours_j or not self.energy_j:
            return None
        return ours_j / self.energy_j


def conventions(sops: float, macs: float) -> tuple[Convention, ...]:
    """Apply every convention to the counts of one frame.

    Args:
        sops: algorithmic synaptic operations of all networks, chip and host.
        macs: multiply-accumulates of real- or integer-valued inputs.
    """
    ratio = 1.0 / SIAMSNN_FRAME_S
    return (
        Convention(
            name="mac_ac_45nm",
            title="45 nm MAC/AC",
            formula="4.6 pJ x M + 0.9 pJ x S",
            energy_j=MAC_45NM_J * macs + AC_45NM_J * sops,
            leaves_out=(
                "prices 32-bit floating-point arithmetic in 45 nm and nothing else: no weight or "
                "membrane is ever fetched, no idle neuron, packet, leakage or host costs anything"
            ),
            source="Horowitz, ISSCC 2014, doi 10.1109/ISSCC.2014.6757323",
        ),
        Convention(
            name="peak_gsops_as_printed",
            title="SOPs / 400 GSOPS/W, as SiamSNN prints it",
            formula="S / 400e9 x 20 ms",
            energy_j=sops / PEAK_SOPS_PER_W * SIAMSNN_FRAME_S,
            leaves_out=(
                "reads operations per frame as operations per second, which makes it smaller by "
                f"the frame rate, a factor of {ratio:.0f} at 20 ms per frame"
            ),
            source="SiamSNN, arXiv 2003.07584, table III",
        ),
        Convention(
            name="peak_gsops",
            title="SOPs / 400 GSOPS/W, read consistently",
            formula="S / 400e9",
            energy_j=sops / PEAK_SOPS_PER_W,
            leaves_out=(
                "takes one chip's efficiency at full load (58 GSOPS, 145 mW) for every load, so "
                "static power, idle neurons and further chips vanish at low activity"
            ),
            source="Akopyan et al., IEEE TCAD 34(10), 2015, doi 10.1109/TCAD.2015.2474396",
        ),
    )
