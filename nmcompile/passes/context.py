"""What passes may read besides the program: options, calibration, the target's rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from nmcompile.passes.recipe import Recipe

Scale = float | tuple[float, ...]
"""The activation that a spike at every timestep stands for: of a layer, or of each channel."""

DEFAULT_TIMESTEPS = 16
"""T of a conversion when neither the user nor the model says."""


@dataclass(frozen=True)
class Calibration:
    """Data that fixes the activation scale of every layer.

    Attributes:
        origin: where it came from: "checkpoint scales", "checkpoint images", a folder name,
            or "synthetic" (then the report marks it).
        images: uint8 RGB `(N, H, W, 3)`, or None when scales are given.
        scales: (layer label, activation that one spike per timestep stands for), or empty.
        settled: whether the scales already follow the recipe.
    """

    origin: str
    images: npt.NDArray[np.uint8] | None = None
    scales: tuple[tuple[str, Scale], ...] = ()
    settled: bool = False


@dataclass(frozen=True)
class TargetRules:
    """What legalisation must respect; a backend derives it from the target's description.

    Attributes:
        target: name for messages.
        weight_bits: width of a stored weight, sign included.
        state_shift: left shift from input to state units (6 on Loihi).
        state_bits: width of current and membrane; 0 for 32 bits that no sum may leave.
        threshold_bits: width of the threshold mantissa (unsigned, before the shift).
        bias_mantissa_bits: signed width of the bias mantissa.
        bias_exponent_max: largest exponent of the bias, shared by a population.
        graded_input: whether an input line can carry a pixel value in one spike.
        max_pool: "microcode" keeps the running maximum, "or" replaces it.
        correlate: whether cores can hold a template written at run time ("template"), another one
            at every timestep ("bank"), or the bits of one behind neurons that fire ("taps").
        no_correlation: why not, in one sentence.
        accumulator_bits: signed width of a membrane that only adds up, in units of a weight.
        frame_reset: whether the chip returns membranes to their start by itself.
        graded_spikes: whether a spike between cores carries a payload.
        threshold_schedule: whether a threshold can change from timestep to timestep.
        gates: whether axons that the host drives can hold membranes down, so that thresholds that
            never change do for two-status coding.
        no_gate: (layer, why not) of those for which no core has room for a gate.
        message_bits: signed width of what a spike between cores carries, 0 for binary spikes.
        core_neurons: neurons of a core that can multiply spikes by neurons only, 0 elsewhere.
        core_axons: inputs of a core whose cross-points hold one bit, 0 elsewhere.
        template_bits: bits of a template's element that "taps" have neurons for.
        pixel_neurons: whether the host can write a bias for each neuron between frames, so that
            an image enters as the drive of neurons that spike.
        counts: whether neurons without a state can send counts of levels (NI-LIF).
        no_counts: why not, in one sentence.
        value_bits: unsigned width of what enters a core.
        held_current: whether a neuron can keep its input current, so that an image is sent once.
        activations: whether neurons can round a sum to 8 bits and send it, as an ANN's do.
    """

    target: str
    weight_bits: int
    state_shift: int
    state_bits: int
    threshold_bits: int
    bias_mantissa_bits: int
    bias_exponent_max: int
    graded_input: bool
    max_pool: Literal["microcode", "or"]
    correlate: Literal["none", "template", "bank", "taps"]
    no_correlation: str
    accumulator_bits: int
    frame_reset: bool
    graded_spikes: bool = False
    threshold_schedule: bool = False
    gates: bool = False
    no_gate: tuple[tuple[str, str], ...] = ()
    message_bits: int = 0
    pixel_neurons: bool = False
    core_neurons: int = 0
    held_current: bool = True
    core_axons: int = 0
    template_bits: int = 0
    activations: bool = False


@dataclass(frozen=True)
class PassContext:
    """Options of a build.

    Attributes:
        timesteps: T of one inference.
        recipe: how the network is converted.
        calibration: activation data; None is an error for a network that needs it.
        rules: the target's rules; needed from legalisation on.
    """

    timesteps: int = DEFAULT_TIMESTEPS
    recipe: Recipe = field(default_factory=Recipe)
    calibration: Calibration | None = None
    rules: TargetRules | None = None
