"""What legalisation must respect on a Loihi chip, read from its target description."""

from __future__ import annotations

from nmcompile.passes.context import TargetRules
from nmcompile.target import Target


def rules_of(target: Target) -> TargetRules:
    """Derive the pass rules from `target` (no number of a chip lives in code)."""
    formats = target.formats
    return TargetRules(
        target=target.name,
        weight_bits=int(formats.weight_bits.value),
        state_shift=int(formats.membrane_shift.value),
        state_bits=int(formats.membrane_bits.value),
        threshold_bits=int(formats.threshold_bits.value),
        bias_mantissa_bits=int(formats.bias_mantissa_bits.value),
        bias_exponent_max=int(formats.bias_exponent_max.value),
        graded_input=bool(target.neuron.graded_input),
        max_pool="microcode" if target.neuron.max_pool == "microcode" else "or",
        correlate=False,
        frame_reset=target.neuron.frame_reset != "host_rewrite",
    )
