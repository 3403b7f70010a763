"""What legalisation must respect on a Loihi chip, read from its target description."""

from __future__ import annotations

from typing import Final, Literal

from nmcompile.passes.context import TargetRules
from nmcompile.target import NeurocoreTarget, Target, of_family

NO_CORRELATION = "the template is written at run time, and the host cannot write {target} synapses"
CORRELATE: Final[dict[str, Literal["none", "template", "bank"]]] = {
    "none": "none",
    "between_frames": "template",
    "between_timesteps": "bank",
}
"""What the host can keep in synapses, by when it may write them."""


def rules_of(target: Target) -> TargetRules:
    """Derive the pass rules from `target` (no number of a chip lives in code)."""
    formats = of_family(target, NeurocoreTarget).formats
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
        correlate=CORRELATE[target.routing.host_writes],
        no_correlation=NO_CORRELATION.format(target=target.name),
        accumulator_bits=_accumulator_bits(target),
        frame_reset=target.neuron.frame_reset != "host_rewrite",
        graded_spikes=int(formats.graded_bits.value) > 0,
        threshold_schedule=target.neuron.threshold_schedule != "none",
        message_bits=int(formats.graded_bits.value),
        pixel_neurons=not target.neuron.graded_input,
    )


def _accumulator_bits(target: Target) -> int:
    """Bits of a membrane that adds plain weights: the exponent can undo the shift into state."""
    formats = of_family(target, NeurocoreTarget).formats
    shift = int(formats.membrane_shift.value)
    undone = min(shift, -int(formats.weight_exponent_min.value))
    return int(formats.membrane_bits.value) - shift + max(0, undone)
