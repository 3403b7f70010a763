"""Layers whose sums the states of a chip hold in steps only: how large they are, and why.

Where sums, threshold or biases of a layer leave their widths, `fit_widths` halves them all until
they fit. A golden network then has a shift of k bits in front of the neurons: sums, thresholds and
biases are multiples of 2^k in the units of a weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes.state_bounds import current_growth, input_interval
from nmcompile.target import NeurocoreTarget, Target

HELP = (
    "leave it where the accuracy section of a build's report says that it costs little",
    "or train with smaller biases, or weights of one size: the largest weight sets the unit",
)


def step_notes(program: Program, target: Target) -> tuple[Diagnostic, ...]:
    """One note for every layer in steps.

    Args:
        program: golden level; a layer that several networks share is named once.
        target: a chip of neurocores; others hold integers one by one.
    """
    if not isinstance(target, NeurocoreTarget):
        return ()
    notes = (note for network in program.chip_networks for note in _notes(network, target))
    return tuple(dict.fromkeys(notes))


def _notes(network: Network, target: NeurocoreTarget) -> Iterator[Diagnostic]:
    for node in network.of_type(ops.Neuron):
        model = node.op.model if isinstance(node.op, ops.Neuron) else None
        shift = network.by_name[node.inputs[0]]
        if not isinstance(model, IntegerNeuron) or not isinstance(shift.op, ops.Shift):
            continue
        k = shift.op.bits
        low, high = input_interval(network, shift.inputs[0])
        growth = current_growth(network, node, model.u_keep)
        sums = math.ceil(max(-int(low.min()), int(high.max())) * growth)
        limit, found = _reason(model, k, sums, target)
        biases = _bias_step(model, k, target)
        yield Diagnostic(
            code="NM0332",
            severity="note",
            message=f"{target.name} holds the sums of this layer in steps of {1 << k}",
            where=node.label,
            limit=limit,
            found=found,
            notes=(f"its biases are held in steps of {biases}",) if biases > 1 << k else (),
            help=HELP,
        )


def _reason(model: IntegerNeuron, k: int, sums: int, target: NeurocoreTarget) -> tuple[str, str]:
    """What is too wide for its limit, first of all what alone asks for the steps; in weights."""
    formats, unit = target.formats, model.state_shift - k
    bias = _in_weights(int(np.abs(model.bias.data.astype(np.int64)).max()), unit)
    level = ((int(model.fire_above.data.max()) >> model.state_shift) + 1) << k
    most = (_mantissa(target) << formats.bias_exponent_max.value) >> model.state_shift
    if bias > most << (k - 1):
        return _limit(most, "bias_mantissa_bits", target), f"biases up to {bias:,}"
    most = 1 << formats.threshold_bits.value
    if level > most << (k - 1):
        return _limit(most, "threshold_bits", target), f"thresholds up to {level:,}"
    most = ((1 << (model.state_bits - 1)) - 1) >> model.state_shift
    found = f"sums up to {sums:,}, thresholds up to {level:,}, biases up to {bias:,}"
    return _limit(most, "membrane_bits", target), found


def _limit(most: int, path: str, target: NeurocoreTarget) -> str:
    return f"{most:,} ({target.cite(f'formats.{path}')})"


def _in_weights(value: int, unit: int) -> int:
    return value >> unit if unit >= 0 else value << -unit


def _mantissa(target: NeurocoreTarget) -> int:
    """The largest of a bias."""
    return (1 << (target.formats.bias_mantissa_bits.value - 1)) - 1


def _bias_step(model: IntegerNeuron, k: int, target: NeurocoreTarget) -> int:
    """What the smallest exponent that holds the largest bias is worth, in units of a weight."""
    largest = int(np.abs(model.bias.data.astype(np.int64)).max())
    exponent = max(0, largest.bit_length() - _mantissa(target).bit_length())
    return _in_weights(1 << exponent, model.state_shift - k)
