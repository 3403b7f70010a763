"""ReLU networks become spiking: IF neurons with data-based thresholds.

With lambda the scale of a layer (see `calibrate`) a rate-coded spike stands for lambda: the
synapses of the next layer are multiplied by it and the neuron's threshold is its own lambda. This
is layer normalisation (Diehl 2015, Rueckauer 2017) without dividing anything away; with channel
normalisation lambda is one number for each channel. Other codings divide lambda into smaller
thresholds (`nmcompile.coding`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nmcompile.coding.schedule import RATE, Schedule
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import pool_extent
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF, PAYLOAD_MAX, RoundedReLU
from nmcompile.ir.program import Program
from nmcompile.passes.ann_networks import stays_ann
from nmcompile.passes.calibrate import is_activation, leaves_network, scales
from nmcompile.passes.codings import check_layers, encoder_of, schedule_of
from nmcompile.passes.context import PassContext, Scale
from nmcompile.passes.membrane_units import has_membranes
from nmcompile.passes.numbers import ZERO, Numbers, numbers_of, wrong_timesteps
from nmcompile.passes.rebuilt import ONE, Rebuilt
from nmcompile.passes.spike_units import (
    Real,
    as_unit,
    flattened,
    scaled_synapses,
    with_pairs,
    without_zero,
)


def to_spiking(program: Program, context: PassContext) -> Program:
    """Activations -> IF, max pooling -> spike max pooling, outputs -> decoded counts.

    In a network that stays an ANN activations are rounded to 8 bits instead; they are the payloads
    of spikes, T = 1, and max pooling takes the largest. Where networks read each other, signed
    activations of such a network are sent with an offset (`ZERO`), which the layer behind them
    takes out again; only those that meet a template come as two parts.

    A last layer without ReLU becomes two populations, for the positive and the negative part, or
    one that drops the negative part: the recipe decides, as about pooling and codings.

    Raises:
        NmError: NM0205 and NM0214 (calibration), NM0208 (an operator has no spiking form), NM0212
            (a coding cannot be built), NM0216 (the recipe names an unknown layer).
    """
    check_layers(program, context.recipe)
    scale_of = scales(program, context)
    slot_units: dict[str, Real] = {}
    said: dict[str, Numbers] = {}
    networks: dict[str, Network] = {}
    read = {s.reads for s in program.schedule if s.network in program.fed}
    for step in program.schedule:
        if step.network is None:
            continue
        network = program.network(step.network)
        if has_membranes(network):
            # NI-LIF neurons spike as they were trained to.
            networks[step.network] = network
            continue
        converter = _Converter(
            network,
            scale_of,
            context,
            slot_units,
            counts=bool(step.writes) or step.name in read,
            writes=bool(step.writes),
            ann=stays_ann(program, network, context.recipe),
            offset=bool(program.fed),
            given=said.get(step.reads),
        )
        converted = networks[step.network] = converter.convert()
        if step.name in read:
            trained = network.timesteps if any(network.of_type(ops.Neuron)) else 0
            zero = converter.output_zero
            said[step.name] = numbers_of(converted, converter.output_unit, zero, trained)
        if step.writes:
            slot_units[step.writes] = converter.output_unit
    ordered = tuple(networks[n.name] for n in program.networks if n.name in networks)
    spiking = dataclasses.replace(program, level="spiking", networks=ordered)
    if context.calibration is not None and context.calibration.origin == "synthetic":
        spiking = spiking.assume("activation scales come from synthetic calibration images")
    return spiking


@dataclass
class _Converter(Rebuilt):
    """Rebuilds one network.

    With `counts` the output stays in spike counts (for a slot, or for another network), else it is
    scaled to real values.

    Attributes:
        writes: whether the output goes into a slot. ann: whether the network stays an ANN.
        offset: whether signed activations of an ANN are sent with an offset.
        given: what another network says to this one; None for input from outside.
    """

    scale_of: dict[str, Scale]
    context: PassContext
    slot_units: dict[str, Real]
    counts: bool
    writes: bool
    ann: bool
    offset: bool
    given: Numbers | None

    def convert(self) -> Network:
        for node in self.network.nodes:
            handler = self._handlers().get(type(node.op), _Converter._unsupported)
            handler(self, dataclasses.replace(node, inputs=self._inputs(node)))
        return Network(self.network.name, tuple(self.nodes), self._timesteps)

    @property
    def _timesteps(self) -> int:
        return 1 if self.ann else self.context.timesteps

    @staticmethod
    def _handlers() -> dict[type, Callable[[_Converter, Node], None]]:
        return {
            ops.Input: _Converter._input,
            ops.Slot: _Converter._slot,
            ops.Conv2d: _Converter._linear,
            ops.Linear: _Converter._linear,
            ops.AvgPool2d: _Converter._avg_pool,
            ops.SumPool2d: _Converter._linear_pool,
            ops.MaxPool2d: _Converter._max_pool,
            ops.Activation: _Converter._activation,
            ops.Neuron: _Converter._neuron,
            ops.Add: _Converter._add,
            ops.Flatten: _Converter._flatten,
            ops.Correlate: _Converter._correlate,
            ops.Scale: _Converter._scale,
            ops.SpikeMaxPool2d: _Converter._spike_pool,
            ops.Accumulate: _Converter._count,
            ops.Decode: _Converter._count,
            ops.Output: _Converter._output,
        }

    def _input(self, node: Node) -> None:
        op = node.op
        if isinstance(op, ops.Input) and op.kind == "spikes":
            self._emit(node, ONE, RATE)
            return
        if self.given is not None:
            self._read(node, self.given)
            return
        self._emit(node, ONE)
        encode, unit = (
            (ops.Encode(), 1.0)
            if self.ann
            else encoder_of(self.context.recipe, node, self.context.timesteps)
        )
        coding = Schedule(encode.payloads) if encode.spikes else None
        name = f"{node.name}_code"
        self.alias[node.name] = self._insert(
            name, encode, node.name, node.origin, as_unit(unit), coding
        )

    def _read(self, node: Node, given: Numbers) -> None:
        """What another network says, as this one's input."""
        if not self.ann:
            raise self._refused(node, "numbers that another network says, and spiking layers")
        if given.timesteps and given.timesteps != self.context.timesteps:
            raise wrong_timesteps(self.network.name, given.timesteps, self.context.timesteps)
        shape = self.network.types[node.name].shape
        op = ops.Input("values", shape, given.bits, given.signed)
        # Counts of trained neurons are what the weights behind them were made for.
        self._emit(dataclasses.replace(node, op=op), given.unit)
        name = f"{node.name}_code"
        self.alias[node.name] = self._insert(name, ops.Encode(), node.name, node.origin, given.unit)
        self.zero[name] = given.zero

    def _slot(self, node: Node) -> None:
        if isinstance(node.op, ops.Slot):
            counted = dataclasses.replace(node.op, bits=16, signed=True)
            self._emit(dataclasses.replace(node, op=counted), self.slot_units[node.op.slot])

    def _linear(self, node: Node) -> None:
        if not isinstance(node.op, ops.Conv2d | ops.Linear):
            raise TypeError(type(node.op).__name__)
        scaled = scaled_synapses(node.op, self.unit[node.inputs[0]])
        if zero := self.zero.get(node.inputs[0], 0):
            if isinstance(scaled, ops.Conv2d) and any(scaled.padding):
                raise self._refused(node, "padding of signed activations")
            scaled = without_zero(scaled, zero)
        self._emit(dataclasses.replace(node, op=scaled), ONE)
        self._end_if_signed(node)

    def _linear_pool(self, node: Node) -> None:
        self._emit(node, self.unit[node.inputs[0]])

    def _avg_pool(self, node: Node) -> None:
        op = node.op
        if not isinstance(op, ops.AvgPool2d):
            raise TypeError(type(op).__name__)
        self._averaged(node, ops.SumPool2d(op.kernel, op.stride, op.padding))

    def _averaged(self, node: Node, window: ops.SumPool2d) -> None:
        """A sum and a population that fires once for every window full of spikes."""
        source = node.inputs[0]
        unit, coding = self.unit[source], self.coding.get(source, RATE)
        self._emit(dataclasses.replace(node, op=window), unit)
        area = Array(float(window.kernel[0] * window.kernel[1]))
        fire = self._population(node, area, coding)
        name = f"{node.name}_if"
        self.alias[node.name] = self._insert(name, fire, node.name, node.origin, unit, coding)

    def _max_pool(self, node: Node) -> None:
        op, source = node.op, node.inputs[0]
        if not isinstance(op, ops.MaxPool2d) or source not in self.coding:
            raise self._refused(node, "max pooling of values that are not spikes")
        rule = "or" if self.ann else self.context.recipe.pooling
        if rule == "average":
            self._averaged(node, self._full_windows(node, op))
            return
        pool = ops.SpikeMaxPool2d(op.kernel, op.stride, op.ceil, rule)
        node = dataclasses.replace(node, op=pool)
        self._emit(node, self.unit[source], self.coding[source])

    def _full_windows(self, node: Node, op: ops.MaxPool2d) -> ops.SumPool2d:
        (original,) = self.network.by_name[node.name].inputs
        for size, kernel, stride in zip(
            self.network.types[original].shape[1:], op.kernel, op.stride, strict=True
        ):
            if pool_extent(size, kernel, stride, ceil=op.ceil) != (size - kernel) // stride + 1:
                raise self._refused(node, "average pooling of windows that are cut at the border")
        return ops.SumPool2d(op.kernel, op.stride)

    def _activation(self, node: Node) -> None:
        source = node.inputs[0]
        if source in self.coding:
            # ReLU of a rate is the rate itself (a pooled ReLU, for example).
            self.alias[node.name] = source
            return
        coding, unit = self._coded(node)
        fire = self._population(node, Array(unit / self.unit[source]), coding)
        self._emit(dataclasses.replace(node, op=fire), unit, coding)

    def _coded(self, node: Node) -> tuple[Schedule, Real]:
        """Coding of the population that stands for `node`, and the value of its unit."""
        original = self.network.by_name[node.name]
        output = leaves_network(self.network, original)
        if self.ann:
            return RATE, as_unit(self.scale_of[node.label]) / PAYLOAD_MAX
        coding = schedule_of(self.context.recipe, node.label, self.context.timesteps, output=output)
        return coding, as_unit(self.scale_of[node.label]) * coding.unit

    def _population(self, node: Node, threshold: Array, coding: Schedule) -> ops.Neuron:
        if self.ann:
            return ops.Neuron(RoundedReLU(threshold))
        return ops.Neuron(
            IF(
                threshold,
                v_init=self.context.recipe.v_init_of(node.label),
                payloads=coding.payloads,
                advance=coding.advance,
            )
        )

    def _neuron(self, node: Node) -> None:
        self._emit(node, ONE, RATE)

    def _spike_pool(self, node: Node) -> None:
        self._emit(node, self.unit[node.inputs[0]], RATE)

    def _add(self, node: Node) -> None:
        inputs = []
        for source in node.inputs:
            if source in self.coding:
                source = self._identity(node, source)
            inputs.append(source)
        self._emit(dataclasses.replace(node, inputs=tuple(inputs)), ONE)
        self._end_if_signed(node)

    def _identity(self, node: Node, source: str) -> str:
        """Synapses that carry a spike train unchanged into a sum (a skip connection)."""
        original = next(i for i in self.network.types if self.alias.get(i, i) == source)
        channels = self.network.types[original].shape[0]
        weight = np.broadcast_to(self.unit[source], (channels,)).reshape(-1, 1, 1, 1)
        one = ops.Conv2d(Array(weight.copy()), Array(np.zeros(channels)), groups=channels)
        return self._insert(f"{node.name}_skip", one, source, node.origin, ONE)

    def _end_if_signed(self, node: Node) -> None:
        """A signed output becomes IF populations for +x and -x, or one for +x."""
        original = self.network.by_name[node.name]
        if not is_activation(self.network, original):
            return
        matched = any(_depthwise(r.op) for r in self.network.consumers[node.name])
        # Kernels that are weights know no offset: on cores their input comes as two parts.
        on_cores = self.context.rules is None or self.context.rules.activations
        if self.ann and self.offset and not (matched and on_cores):
            self._with_offset(node)
            return
        paired = self.context.recipe.signed_output == "split"
        if paired:
            last = self.nodes.pop()
            if not isinstance(last.op, ops.Conv2d | ops.Linear):
                raise self._refused(node, "a signed output that is a sum of branches")
            self.nodes.append(dataclasses.replace(last, op=with_pairs(last.op)))
        coding, unit = self._coded(node)
        fire = self._population(node, Array(unit), coding)
        name = self._insert(f"{node.name}_if", fire, node.name, node.origin, unit, coding)
        if matched:
            self.alias[node.name] = name
            self.paired |= {name} if paired else set()
            return
        self.alias[node.name] = self._decode(name, node.origin, signed=paired)

    def _with_offset(self, node: Node) -> None:
        """A signed output as one population of 8-bit activations, `ZERO` for 0.

        What goes into a slot becomes weights, and those have as many values above 0 as below.
        """
        unit = as_unit(self.scale_of[node.label]) / ZERO
        largest = 2 * ZERO if self.writes else PAYLOAD_MAX
        model = RoundedReLU(Array(unit / self.unit[node.name]), zero=ZERO, largest=largest)
        name = f"{node.name}_offset"
        self._insert(name, ops.Neuron(model), node.name, node.origin, unit, RATE)
        self.alias[node.name], self.zero[name] = name, ZERO

    def _decode(self, source: str, origin: str, *, signed: bool = False) -> str:
        unit = self.unit[source] / self._timesteps
        op = ops.Decode(signed_pairs=signed)
        name = self._insert(f"{source}_count", op, source, origin, unit)
        self.zero[name] = self.zero.get(source, 0)
        return name

    def _count(self, node: Node) -> None:
        self._emit(node, self.unit[node.inputs[0]])

    def _flatten(self, node: Node) -> None:
        source = node.inputs[0]
        (original,) = self.network.by_name[node.name].inputs
        unit = flattened(self.unit[source], self.network.types[original].shape)
        self._emit(node, unit, self.coding.get(source))

    def _counted(self, source: str, origin: str) -> str:
        return self._decode(source, origin) if source in self.coding else source

    def _correlate(self, node: Node) -> None:
        if _depthwise(node.op):
            self._match_depthwise(node)
            return
        x = self._counted(node.inputs[0], node.origin)
        z = node.inputs[1]
        self._emit(dataclasses.replace(node, inputs=(x, z)), self.unit[x] * self.unit[z])

    def _match_depthwise(self, node: Node) -> None:
        """Activations meet the template's kernels, and what comes out is an activation again."""
        x, z = node.inputs
        if not self.ann or x not in self.coding:
            raise self._refused(node, "depthwise correlation in a spiking network")
        zero = self.zero.get(x, 0)
        op = ops.Correlate(
            zero=zero, signed_pairs=x in self.paired, groups=self.network.types[node.name].shape[0]
        )
        self._emit(dataclasses.replace(node, op=op), self.unit[x] * self.unit[z])
        if is_activation(self.network, self.network.by_name[node.name]):
            self._with_offset(node)

    def _scale(self, node: Node) -> None:
        op = node.op
        if isinstance(op, ops.Scale):
            factor = op.factor * float(self.unit[node.inputs[0]])
            self._emit(dataclasses.replace(node, op=ops.Scale(factor, op.offset)), ONE)

    def _output(self, node: Node) -> None:
        source = node.inputs[0]
        if isinstance(self.network.input.op, ops.Input) and self.network.input.op.kind == "spikes":
            self._emit(node, ONE)
            return
        source = self._counted(source, node.origin)
        self.output_unit = self.unit[source]
        self.output_zero = self.zero.get(source, 0)
        if self.writes and self.output_zero:
            shift = ops.Scale(1.0, -float(self.output_zero))
            source = self._insert(f"{source}_value", shift, source, node.origin, self.output_unit)
        if not self.counts and self.output_unit != 1.0:
            scale = ops.Scale(float(self.output_unit))
            source = self._insert(f"{source}_value", scale, source, node.origin, ONE)
        self._emit(dataclasses.replace(node, inputs=(source,)), self.output_unit)

    def _unsupported(self, node: Node) -> None:
        raise self._refused(node, f"{type(node.op).__name__}")


def _depthwise(op: ops.Op) -> bool:
    return isinstance(op, ops.Correlate) and op.groups > 1
