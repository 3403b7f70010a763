"""Weights, biases and neurons of a golden layer in the units of a lava-dl `.net` file."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi.netx.chain import ChainLayer, NoChainError
from nmcompile.diagnostics import NmError
from nmcompile.frontends import netx_neurons, netx_weights
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Node
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron, SigmaDelta

Int = npt.NDArray[np.int64]

SIGMA_DELTA_SHIFT = netx_neurons.SPIKE_EXP + netx_neurons.STATE_EXP


def neuron_fields(node: Node, model: IntegerNeuron | SigmaDelta) -> dict[str, Any]:
    """The group `neuron`.

    Raises:
        NoChainError: when the file has no such neuron.
    """
    if isinstance(model, SigmaDelta):
        return _sigma_delta(node, model)
    if model.reset != "zero":
        raise NoChainError(node, "a soft reset: a spike subtracts the threshold")
    if model.payloads != (1,):
        raise NoChainError(node, "spikes with a schedule of payloads")
    if model.v_init.data.any():
        raise NoChainError(node, "membranes that do not start at 0")
    if model.state_bits != netx_neurons.STATE_BITS or model.state_shift < netx_neurons.STATE_SHIFT:
        raise NoChainError(node, "states in other widths than Loihi's")
    threshold = _whole_units(node, "threshold", model.fire_above, netx_neurons.STATE_SHIFT)
    return {
        "type": "CUBA",
        "iDecay": KEEP_ONE - model.u_keep,
        "vDecay": KEEP_ONE - model.v_keep,
        "vThMant": _single(node, "threshold", threshold),
        "refDelay": 1,
        "gradedSpike": False,
    }


def stored_bias(node: Node, model: IntegerNeuron | SigmaDelta) -> Int | None:
    """The layer's bias; None where it is 0 everywhere.

    Raises:
        NoChainError: when it is not a multiple of the file's unit, or too large.
    """
    if not model.bias.data.any():
        return None
    if isinstance(model, SigmaDelta):
        return _whole_units(node, "bias", model.bias, SIGMA_DELTA_SHIFT)
    bias = _whole_units(node, "bias", model.bias, netx_neurons.STATE_SHIFT)
    if np.abs(bias).max() >= 2 ** (netx_neurons.BIAS_BITS - 1):
        raise NoChainError(node, f"a bias of {np.abs(bias).max()}; the file has 13 bits")
    return bias


def stored_weight(layer: ChainLayer) -> Int:
    """The layer's weights, the weight exponent multiplied in.

    Raises:
        NoChainError: when lava-dl's loader would not pass them on as they are.
    """
    node = layer.synapse or layer.population
    weight = np.zeros((1, 1), np.int64) if layer.weight is None else layer.weight
    if isinstance(layer.model, IntegerNeuron):
        weight = weight << (layer.model.state_shift - netx_neurons.STATE_SHIFT)
    if isinstance(node.op, ops.Conv2d):
        return weight
    try:
        _, changed = netx_weights.dense_weights(weight, node.label)
    except NmError as error:
        raise NoChainError(node, f"weights {error.diagnostics[0].found} for the loader") from None
    if changed:
        raise NoChainError(node, f"{changed} weights that lava-dl's loader would change")
    return weight


def _sigma_delta(node: Node, model: SigmaDelta) -> dict[str, Any]:
    form = (model.receives, model.sends, model.activation)
    exponents = (model.spike_exp, model.state_exp)
    if form == ("changes", "values", "none") and exponents == (0, 0):
        if model.bias.data.any():
            raise NoChainError(node, "a sum with a bias")
        return {"type": "SDNN", "activation": "relu", "vThMant": 0, "sigma_output": True}
    if form not in (("values", "changes", "none"), ("changes", "changes", "relu")):
        text = f"neurons that receive {form[0]}, send {form[1]}, with activation {form[2]}"
        raise NoChainError(node, text)
    if exponents != (netx_neurons.SPIKE_EXP, netx_neurons.STATE_EXP):
        raise NoChainError(node, f"fractional bits {exponents}; the loader has (6, 6)")
    if model.message_bits != netx_neurons.MESSAGE_BITS:
        raise NoChainError(node, f"messages of {model.message_bits} bits; the loader has 16")
    threshold = _whole_units(node, "threshold", model.threshold, SIGMA_DELTA_SHIFT)
    return {
        "type": "SDNN",
        "activation": "relu",
        "vThMant": _single(node, "threshold", threshold),
    }


def _whole_units(node: Node, what: str, values: Array, shift: int) -> Int:
    data = values.data.astype(np.int64)
    if np.any(data % (1 << shift)):
        raise NoChainError(node, f"a {what} that is no multiple of {1 << shift}")
    return data >> shift


def _single(node: Node, what: str, values: Int) -> int:
    if np.any(values != values.flat[0]):
        raise NoChainError(node, f"a {what} of its own for every neuron or channel")
    return int(values.flat[0])
