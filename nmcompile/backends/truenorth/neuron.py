"""Which integer neurons are TrueNorth neurons (Cassidy et al. 2013, deterministic modes)."""

from __future__ import annotations

import numpy as np

from nmcompile.backends.truenorth.gates import two_status
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron


def neuron_refusal(model: IntegerNeuron) -> str:
    """Why no TrueNorth neuron computes `model`, "" when one does.

    The leak is a constant, the threshold is fixed, and a spike subtracts the threshold (linear
    reset) or sets the membrane to a value. Two-status coding is the work of a gate.
    """
    if model.v_keep != KEEP_ONE or model.u_keep != 0:
        return "its membrane or current decays; a TrueNorth leak is a constant"
    if model.payloads != (1,) and not two_status(model):
        return "its coding changes the threshold or sends payloads; TrueNorth spikes are binary"
    same = np.array_equal(model.reset_by.data, model.fire_above.data + 1)
    if model.reset == "subtract" and model.state_shift == 0 and not same:
        return "a spike subtracts something else than the threshold"
    return ""
