"""Number formats of a golden network against those of the target: used, allowed, where."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.limits import Usage, limits_of
from nmcompile.passes.state_bounds import state_bounds
from nmcompile.target import NeurocoreTarget, Target

Int = npt.NDArray[np.int64]


def number_usage(network: Network, target: Target) -> tuple[Usage, ...]:
    """The widest weight, threshold, bias, state and spike of a network, each with its layer.

    The exponent of weights is counted without its sign.

    Args:
        network: golden level.
        target: a chip of neurocores; others have none of these formats.
    """
    if not isinstance(target, NeurocoreTarget):
        return ()
    found: dict[str, tuple[int, str]] = {}
    for name, used, where in _uses(network, target):
        if name not in found or used > found[name][0]:
            found[name] = used, where
    return tuple(
        Usage(name, used, allowed, where, target.cite(f"formats.{path}"))
        for name, (used, where) in found.items()
        for path, allowed in [_allowed(name, target)]
    )


def threshold_notes(network: Network, target: Target) -> tuple[Diagnostic, ...]:
    """Layers whose many thresholds force the mapper to cut them by channels."""
    if not isinstance(target, NeurocoreTarget):
        return ()
    limits = limits_of(target)
    if limits.threshold_configs is None:
        return ()
    counts = [
        (node.label, len(np.unique(node.op.model.fire_above.data)))
        for node in network.of_type(ops.Neuron)
        if isinstance(node.op, ops.Neuron) and isinstance(node.op.model, IntegerNeuron)
    ]
    return tuple(
        Diagnostic(
            code="NM0325",
            severity="note",
            message="the layer has more different thresholds than a core, so that its tiles hold "
            "few channels",
            where=layer,
            limit=f"{limits.threshold_configs} ({limits.source('threshold_configs')})",
            found=str(count),
            help=('quantise with `weight_step = "layer"`: then its channels share a threshold',),
        )
        for layer, count in counts
        if count > limits.threshold_configs
    )


def _allowed(name: str, target: NeurocoreTarget) -> tuple[str, int]:
    """Where a limit stands in [formats], and its value."""
    if name == "weight_exponent":
        low, high = (getattr(target.formats, f"{name}_{end}").value for end in ("min", "max"))
        return (f"{name}_min", -low) if -low <= high else (f"{name}_max", high)
    return name, int(getattr(target.formats, name).value)


def _uses(network: Network, target: NeurocoreTarget) -> Iterator[tuple[str, int, str]]:
    for node in network.of_type(ops.Conv2d, ops.Linear):
        if isinstance(node.op, ops.Conv2d | ops.Linear):
            yield "weight_bits", _signed_bits(node.op.weight.data), node.label
    for node in network.of_type(ops.Neuron):
        if isinstance(node.op, ops.Neuron) and isinstance(node.op.model, IntegerNeuron):
            yield from _neuron(node, node.op.model, target)
        edge = network.types[node.name]
        payload = edge.bits if edge.bits > 1 or edge.signed else 0
        yield "graded_bits", payload, node.label
    for node in network.of_type(ops.Accumulate):
        yield "weight_exponent", target.formats.membrane_shift.value, f"{node.label}: plain weights"
    for bound in state_bounds(network):
        if not bound.limit:
            continue
        reach = max(map(abs, (*bound.u, *bound.v)))
        proved = f"|u|, |v| <= {reach:,} proved" if reach <= bound.limit else "v may saturate"
        used = 1 + min(reach, bound.limit).bit_length()
        yield "membrane_bits", used, f"{bound.layer}: {proved}"


def _neuron(
    node: Node, model: IntegerNeuron, target: NeurocoreTarget
) -> Iterator[tuple[str, int, str]]:
    exponent = target.formats.membrane_shift.value - model.state_shift
    yield "weight_exponent", abs(exponent), node.label
    level = int(model.fire_above.data.max()) >> model.state_shift
    yield "threshold_bits", level.bit_length(), f"{node.label}: mantissa {level:,}"
    bias = model.bias.data.astype(np.int64)
    widest = 2 ** (target.formats.bias_mantissa_bits.value - 1) - 1
    exponent = 0
    while np.abs(bias >> exponent).max() > widest:
        exponent += 1
    mantissa = int(np.abs(bias >> exponent).max())
    yield "bias_mantissa_bits", 1 + mantissa.bit_length(), f"{node.label}: mantissa {mantissa:,}"
    yield "bias_exponent_max", exponent, node.label


def _signed_bits(values: npt.NDArray[np.generic]) -> int:
    """Width of integers in two's complement."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return 1 + max((-low - 1).bit_length() if low < 0 else 0, high.bit_length())
