"""What legalisation must respect on Tianjic, read from its target description."""

from __future__ import annotations

from typing import Final

from nmcompile.passes.context import TargetRules
from nmcompile.target import FCoreTarget, Target, of_family

NO_CORRELATION: Final = (
    "the template is known at run time only, and the host cannot write {target} weights"
)
INT32_BITS: Final = 32


def rules_of(target: Target) -> TargetRules:
    """Derive the pass rules from `target` (no number of a chip lives in code).

    Raises:
        NmError: NM0312 for a chip of another family.
    """
    chip = of_family(target, FCoreTarget)
    formats = chip.formats
    membrane = int(formats.membrane_bits.value)
    return TargetRules(
        target=chip.name,
        weight_bits=int(formats.weight_bits.value),
        state_shift=0,
        # what the simulators compute in is exact, and refused where it would not be
        state_bits=0 if membrane >= INT32_BITS else membrane,
        threshold_bits=int(formats.threshold_bits.value),
        bias_mantissa_bits=membrane,
        bias_exponent_max=0,
        graded_input=chip.neuron.graded_input,
        max_pool="or",
        correlate="none" if chip.routing.host_writes == "none" else "template",
        no_correlation=NO_CORRELATION.format(target=chip.name),
        accumulator_bits=membrane,
        frame_reset=chip.neuron.frame_reset != "host_rewrite",
        graded_spikes=int(formats.activation_bits.value) > 1,
        held_current=False,
        activations="ann" in chip.neuron.soma_modes,
    )
