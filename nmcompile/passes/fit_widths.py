"""Fit integer populations into the target's state widths, or say why that is impossible.

With k the smallest shift for which nothing can wrap in u, no spike can be lost to a saturated v
and an image that is written as a bias fits its mantissa, the synaptic sum is shifted right by k
(floor) and threshold, bias and start value are divided by 2^k. States then live in units of
2^state_shift, as on Loihi. Sums of many timesteps may still saturate in v (far below zero, or
where the neuron fires at every timestep): the golden model does so as the chip does, and
`state_bounds` says which populations can get there.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import sum_bound
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.same_widths import require_same
from nmcompile.passes.schedules_to_host import silent_timesteps
from nmcompile.passes.state_bounds import current_growth, input_interval
from nmcompile.reference.synapses import as_conv

Int = npt.NDArray[np.int64]
MAX_SHIFT = 24
INT32_BITS = 32


def fit_widths(program: Program, context: PassContext) -> Program:
    """Integer populations of the chip's networks -> the target's fixed-point form (golden).

    Raises:
        NmError: NM0146 when a population is in the fixed point of another chip, NM0321 when a
            weight is too wide, NM0322 when no shift makes a population fit,
            NM0324 when the neurons of the target cannot run a coding.
    """
    rules = context.rules
    if rules is None:
        raise ValueError("fit_widths needs the target's rules")
    chip = {n.name for n in program.chip_networks}
    fitted = program.map_networks(lambda n: _fit(n, rules) if n.name in chip else n)
    return dataclasses.replace(fitted, level="golden")


def _fit(network: Network, rules: TargetRules) -> Network:
    nodes: list[Node] = []
    for node in network.nodes:
        if isinstance(node.op, ops.Conv2d | ops.Linear):
            _check_weights(node, node.op.weight, rules)
        if isinstance(node.op, ops.SpikeMaxPool2d) and rules.max_pool != "microcode":
            node = dataclasses.replace(node, op=dataclasses.replace(node.op, rule="or"))
        if network.types[node.name].kind == "spikes":
            _check_coding(node, network.types[node.name].bits, rules)
        model = node.op.model if isinstance(node.op, ops.Neuron) else None
        if isinstance(model, IntegerNeuron) and model.state_bits:
            # In the fixed point of a chip already: exact there, or not at all.
            require_same(node, model, rules)
        elif isinstance(model, IntegerNeuron):
            nodes += in_fixed_point(network, node, model, rules)
            continue
        nodes.append(node)
    return network.replace(nodes=tuple(nodes))


def in_fixed_point(
    network: Network, node: Node, model: IntegerNeuron, rules: TargetRules
) -> tuple[Node, ...]:
    """A population of plain integers in the target's states, behind the shift that it takes.

    Args:
        network: where it stands. node: the population. model: its own. rules: of the target.

    Raises:
        NmError: NM0322 when no shift makes it fit.
    """
    k, fixed = _fixed_point(node, model, _drive(network, node), rules)
    if not k:
        return (dataclasses.replace(node, op=ops.Neuron(fixed)),)
    shift = Node(f"{node.name}_shift", ops.Shift(k), node.inputs, node.origin)
    return shift, dataclasses.replace(node, op=ops.Neuron(fixed), inputs=(shift.name,))


def _check_coding(node: Node, bits: int, rules: TargetRules) -> None:
    """Refuse what the neurons and spikes of the target cannot do."""
    model = node.op.model if isinstance(node.op, ops.Neuron) else None
    scheduled = isinstance(model, IntegerNeuron) and model.payloads != (1,)
    gated = rules.gates and silent_timesteps(node) > 0
    if scheduled and not rules.threshold_schedule and not gated:
        problem = f"the thresholds of {rules.target} do not change from timestep to timestep"
    elif bits > 1 and not (rules.graded_spikes or isinstance(node.op, ops.Encode)):
        problem = f"a spike of {rules.target} carries no payload"
    else:
        return
    payloads = model.payloads if isinstance(model, IntegerNeuron) else ()
    # The recipe decides about neurons that were converted, not about sigma-delta networks.
    chosen = isinstance(model, IntegerNeuron)
    raise NmError(
        Diagnostic(
            code="NM0324",
            message=f"this coding cannot run: {problem}",
            where=node.label,
            found=f"payloads {', '.join(map(str, payloads))}" if payloads else f"{bits}-bit spikes",
            help=(
                *((f'give the layer `coding = {{ name = "rate" }}` for {rules.target}',) * chosen),
                "choose a target whose neurons are programmable (`nmcompile targets`)",
            ),
        )
    )


def _check_weights(node: Node, weight: Array, rules: TargetRules) -> None:
    low, high = -(2 ** (rules.weight_bits - 1)), 2 ** (rules.weight_bits - 1) - 1
    found = (int(weight.data.min(initial=0)), int(weight.data.max(initial=0)))
    if found[0] < low or found[1] > high:
        raise NmError(
            Diagnostic(
                code="NM0321",
                message=f"the weights are too wide for {rules.target}",
                where=node.label,
                limit=f"{low}..{high} ({rules.weight_bits} bits)",
                found=f"{found[0]}..{found[1]}",
                help=(f"quantise to at most {rules.weight_bits} bits",),
            )
        )


def _input_bound(network: Network, name: str) -> int:
    """Largest |sum| that can reach a population in one timestep."""
    node = network.by_name[name]
    if isinstance(node.op, ops.Add):
        return sum(_input_bound(network, i) for i in node.inputs)
    if isinstance(node.op, ops.Conv2d | ops.Linear | ops.SumPool2d):
        source = network.types[node.inputs[0]]
        conv = as_conv(node.op, source)
        return sum_bound(conv.weight, None, source)
    if isinstance(node.op, ops.TemplateTaps):
        return node.op.rails * math.prod(network.types[node.inputs[1]].shape[1:])
    raise TypeError(type(node.op).__name__)


@dataclass(frozen=True)
class _Drive:
    """What reaches a population: the largest |u| in input units, and the largest written bias."""

    current: int
    pixel: int = 0


def _drive(network: Network, node: Node) -> _Drive:
    original = network.by_name[node.name]
    source = network.by_name[original.inputs[0]]
    if isinstance(source.op, ops.Encode):
        largest = int(input_interval(network, source.name)[1].max())
        return _Drive(largest, largest)
    model = node.op.model if isinstance(node.op, ops.Neuron) else None
    keep = model.u_keep if isinstance(model, IntegerNeuron) else 0
    growth = current_growth(network, original, keep)
    return _Drive(math.ceil(_input_bound(network, source.name) * growth))


def _fixed_point(
    node: Node, model: IntegerNeuron, drive: _Drive, rules: TargetRules
) -> tuple[int, IntegerNeuron]:
    """The smallest shift that fits, and the population in state units."""
    largest = (2 ** ((rules.state_bits or INT32_BITS) - 1) - 1) >> rules.state_shift
    mantissa = 2 ** (rules.bias_mantissa_bits - 1) - 1
    bound = drive.current
    finer = max(0, rules.state_shift - rules.bias_exponent_max)
    for k in range(MAX_SHIFT):
        if (drive.pixel >> k) << finer > mantissa:
            continue
        above = _divided(model.fire_above.data.astype(np.int64) + 1, k) - 1
        bias = _representable(_divided(model.bias.data, k), rules)
        reach = (bound >> k) + 1 + _highest(model, above, k) + 1
        if bias is None or above.min() < 0 or above.max() >= 2**rules.threshold_bits:
            continue
        if reach + (int(np.abs(bias).max()) >> rules.state_shift) <= largest:
            return k, _in_state_units(model, above, bias, k, rules)
    raise NmError(
        Diagnostic(
            code="NM0322",
            message=f"no scale makes this population fit the widths of {rules.target}",
            where=node.label,
            limit=f"|u|, v <= {largest}, threshold < 2^{rules.threshold_bits}, "
            f"|bias| <= {mantissa} << {rules.bias_exponent_max}",
            found=f"input up to {bound}, threshold up to {int(model.fire_above.data.max())}, "
            f"bias up to {int(np.abs(model.bias.data.astype(np.int64)).max())}",
            help=("use fewer weight bits, or a larger activation scale (higher percentile)",),
        )
    )


def _highest(model: IntegerNeuron, above: Int, k: int) -> int:
    """The level that the heaviest spike has to exceed."""
    reset = _divided(model.reset_by.data, k)
    return int((above + (max(model.payloads) - 1) * reset).max())


def _divided(values: npt.NDArray[np.generic], k: int) -> Int:
    return np.asarray(np.rint(values.astype(np.float64) / 2.0**k), np.int64)


def _representable(bias: Int, rules: TargetRules) -> Int | None:
    """The bias in state units, rounded to mantissa << exponent; None when too large."""
    scaled = bias << rules.state_shift
    largest = 2 ** (rules.bias_mantissa_bits - 1) - 1
    for exponent in range(rules.bias_exponent_max + 1):
        mantissa = np.rint(scaled / 2.0**exponent).astype(np.int64)
        if np.abs(mantissa).max() <= largest:
            return np.asarray(mantissa << exponent)
    return None


def _in_state_units(
    model: IntegerNeuron, above: Int, bias: Int, k: int, rules: TargetRules
) -> IntegerNeuron:
    shift = rules.state_shift
    units = {
        "bias": bias,
        "fire_above": above << shift,
        "reset_by": _divided(model.reset_by.data, k) << shift,
        "v_init": _divided(model.v_init.data, k) << shift,
    }
    return dataclasses.replace(
        model,
        state_shift=shift,
        state_bits=rules.state_bits,
        **{name: Array(values.astype(np.int32)) for name, values in units.items()},  # type: ignore[arg-type]
    )
