"""What legalisation must respect on TrueNorth, read from its target description."""

from __future__ import annotations

from typing import Final

from nmcompile.passes.context import TargetRules
from nmcompile.target import CrossbarTarget, Target, of_family

TEMPLATE_BITS: Final = 4
"""Bits of a template's element, each a neuron of its own: counts of T <= 15 timesteps."""


def rules_of(target: Target) -> TargetRules:
    """Derive the pass rules from `target` (no number of a chip lives in code).

    Raises:
        NmError: NM0312 for a chip of another family.
    """
    chip = of_family(target, CrossbarTarget)
    formats = chip.formats
    return TargetRules(
        target=chip.name,
        weight_bits=int(formats.weight_bits.value),
        state_shift=0,
        state_bits=int(formats.membrane_bits.value),
        threshold_bits=int(formats.threshold_bits.value),
        bias_mantissa_bits=int(formats.leak_bits.value),
        bias_exponent_max=0,
        graded_input=chip.neuron.graded_input,
        max_pool="or",
        correlate="taps",
        no_correlation="",
        gates=True,
        core_neurons=int(chip.core.neurons.value),
        core_axons=int(chip.core.axons.value),
        template_bits=TEMPLATE_BITS,
        accumulator_bits=int(formats.membrane_bits.value),
        frame_reset=chip.neuron.frame_reset != "host_rewrite",
    )
