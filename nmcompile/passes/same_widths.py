"""Populations that a file holds in fixed point already: they run where the widths are the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.passes.context import TargetRules


def require_same(node: Node, model: IntegerNeuron, rules: TargetRules) -> None:
    """Refuse a population whose states, thresholds or biases the target holds otherwise.

    The input may be shifted by more than the target's own shift: that is a weight exponent.

    Raises:
        NmError: NM0146.
    """
    unit = 1 << rules.state_shift
    largest = (1 << (max(1, rules.state_bits) - 1)) - 1
    if model.state_bits != rules.state_bits or model.state_shift < rules.state_shift:
        limit = f"{rules.state_bits} bits in units of 2^-{rules.state_shift}"
        raise _other(node, rules, limit, f"{model.state_bits} bits, 2^-{model.state_shift}")
    above = int(model.fire_above.data.max())
    # A neuron that can never fire needs no threshold.
    if above >= unit << rules.threshold_bits and above < largest:
        limit = f"thresholds below {1 << rules.threshold_bits}"
        raise _other(node, rules, limit, str(above >> rules.state_shift))
    if not _holds(rules, model.bias.data.astype(np.int64)):
        mantissa = (1 << (rules.bias_mantissa_bits - 1)) - 1
        limit = f"biases of at most {mantissa} << {rules.bias_exponent_max}, of one exponent"
        raise _other(
            node, rules, limit, f"{np.abs(model.bias.data).max() / unit:g} << {rules.state_shift}"
        )


def _holds(rules: TargetRules, bias: npt.NDArray[np.int64]) -> bool:
    """Whether some exponent gives every bias, in state units, a mantissa that the target has."""
    high = (1 << (rules.bias_mantissa_bits - 1)) - 1
    exponents = range(rules.bias_exponent_max + 1)
    rounded = ((bias >> e, bias & ((1 << e) - 1)) for e in exponents)
    return any(
        not rest.any() and mantissa.min() >= -high - 1 and mantissa.max() <= high
        for mantissa, rest in rounded
    )


def _other(node: Node, rules: TargetRules, limit: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0146",
            message=f"the network is in a fixed point that {rules.target} does not have",
            where=node.label,
            limit=limit,
            found=found,
            help=("a .net file is made for Loihi: `--target loihi2`",),
        )
    )
