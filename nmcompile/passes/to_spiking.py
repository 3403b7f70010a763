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
from dataclasses import dataclass, field

import numpy as np

from nmcompile.coding.schedule import RATE, Schedule
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import pool_extent
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF, PAYLOAD_MAX, RoundedReLU
from nmcompile.ir.program import Program
from nmcompile.passes.calibrate import is_activation, leaves_network, scales
from nmcompile.passes.codings import check_layers, encoder_of, schedule_of
from nmcompile.passes.context import PassContext, Scale
from nmcompile.passes.spike_units import Real, as_unit, flattened, scaled_synapses, with_pairs

ONE: Real = np.ones(())


def to_spiking(program: Program, context: PassContext) -> Program:
    """Activations -> IF, max pooling -> spike max pooling, outputs -> decoded counts.

    In a network that stays an ANN activations are rounded to 8 bits instead; they are the payloads
    of spikes, T = 1, and max pooling takes the largest.

    A last layer without ReLU becomes two populations, for the positive and the negative part, or
    one that drops the negative part: the recipe decides, as about pooling and codings.

    Raises:
        NmError: NM0205 and NM0214 (calibration), NM0208 (an operator has no spiking form), NM0212
            (a coding cannot be built), NM0216 (the recipe names an unknown layer).
    """
    check_layers(program, context.recipe)
    scale_of = scales(program, context)
    slot_units: dict[str, Real] = {}
    networks: dict[str, Network] = {}
    for step in program.schedule:
        if step.network is None:
            continue
        network = program.network(step.network)
        converter = _Converter(network, scale_of, context, slot_units, counts=bool(step.writes))
        networks[step.network] = converter.convert()
        if step.writes:
            slot_units[step.writes] = converter.output_unit
    ordered = tuple(networks[n.name] for n in program.networks if n.name in networks)
    spiking = dataclasses.replace(program, level="spiking", networks=ordered)
    if context.calibration is not None and context.calibration.origin == "synthetic":
        spiking = spiking.assume("activation scales come from synthetic calibration images")
    return spiking


@dataclass
class _Converter:
    """Rebuilds one network.

    `unit[name]` is the real value of one unit of a node's output, `()` or one for each channel;
    `coding[name]` the schedule of spikes. With `counts` the output stays in spike counts (a
    slot), else it is scaled to real values.
    """

    network: Network
    scale_of: dict[str, Scale]
    context: PassContext
    slot_units: dict[str, Real]
    counts: bool
    nodes: list[Node] = field(default_factory=list)
    unit: dict[str, Real] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    coding: dict[str, Schedule] = field(default_factory=dict)
    output_unit: Real = field(default_factory=lambda: ONE)

    def convert(self) -> Network:
        for node in self.network.nodes:
            handler = self._handlers().get(type(node.op), _Converter._unsupported)
            handler(self, dataclasses.replace(node, inputs=self._inputs(node)))
        return Network(self.network.name, tuple(self.nodes), self._timesteps)

    @property
    def _ann(self) -> bool:
        return self.context.recipe.stays_ann(self.network.name)

    @property
    def _timesteps(self) -> int:
        return 1 if self._ann else self.context.timesteps

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
            ops.Accumulate: _Converter._accumulate,
            ops.Output: _Converter._output,
        }

    def _inputs(self, node: Node) -> tuple[str, ...]:
        return tuple(self.alias.get(i, i) for i in node.inputs)

    def _emit(self, node: Node, unit: Real, coding: Schedule | None = None) -> str:
        """Append a node; `coding` says that its output are spikes, and which."""
        self.nodes.append(node)
        self.unit[node.name] = unit
        if coding is not None:
            self.coding[node.name] = coding
        return node.name

    def _insert(
        self,
        name: str,
        op: ops.Op,
        source: str,
        origin: str,
        unit: Real,
        coding: Schedule | None = None,
    ) -> str:
        return self._emit(Node(name, op, (source,), origin), unit, coding)

    def _input(self, node: Node) -> None:
        op = node.op
        if isinstance(op, ops.Input) and op.kind == "spikes":
            self._emit(node, ONE, RATE)
            return
        self._emit(node, ONE)
        encode, unit = (
            (ops.Encode(), 1.0)
            if self._ann
            else encoder_of(self.context.recipe, node, self.context.timesteps)
        )
        coding = Schedule(encode.payloads) if encode.spikes else None
        name = f"{node.name}_code"
        self.alias[node.name] = self._insert(
            name, encode, node.name, node.origin, as_unit(unit), coding
        )

    def _slot(self, node: Node) -> None:
        if isinstance(node.op, ops.Slot):
            counted = dataclasses.replace(node.op, bits=16, signed=True)
            self._emit(dataclasses.replace(node, op=counted), self.slot_units[node.op.slot])

    def _linear(self, node: Node) -> None:
        if not isinstance(node.op, ops.Conv2d | ops.Linear):
            raise TypeError(type(node.op).__name__)
        scaled = scaled_synapses(node.op, self.unit[node.inputs[0]])
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
        rule = "or" if self._ann else self.context.recipe.pooling
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
        if self._ann:
            return RATE, as_unit(self.scale_of[node.label]) / PAYLOAD_MAX
        coding = schedule_of(self.context.recipe, node.label, self.context.timesteps, output=output)
        return coding, as_unit(self.scale_of[node.label]) * coding.unit

    def _population(self, node: Node, threshold: Array, coding: Schedule) -> ops.Neuron:
        if self._ann:
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

    def _accumulate(self, node: Node) -> None:
        self._emit(node, self.unit[node.inputs[0]])

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
        if not is_activation(self.network, self.network.by_name[node.name]):
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
        self.alias[node.name] = self._decode(name, node.origin, signed=paired)

    def _decode(self, source: str, origin: str, *, signed: bool = False) -> str:
        unit = self.unit[source] / self._timesteps
        op = ops.Decode(signed_pairs=signed)
        return self._insert(f"{source}_count", op, source, origin, unit)

    def _flatten(self, node: Node) -> None:
        source = node.inputs[0]
        (original,) = self.network.by_name[node.name].inputs
        unit = flattened(self.unit[source], self.network.types[original].shape)
        self._emit(node, unit, self.coding.get(source))

    def _counted(self, source: str, origin: str) -> str:
        return self._decode(source, origin) if source in self.coding else source

    def _correlate(self, node: Node) -> None:
        x = self._counted(node.inputs[0], node.origin)
        z = node.inputs[1]
        self._emit(dataclasses.replace(node, inputs=(x, z)), self.unit[x] * self.unit[z])

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
        if not self.counts and self.output_unit != 1.0:
            scale = ops.Scale(float(self.output_unit))
            source = self._insert(f"{source}_value", scale, source, node.origin, ONE)
        self._emit(dataclasses.replace(node, inputs=(source,)), self.output_unit)

    def _unsupported(self, node: Node) -> None:
        raise self._refused(node, f"{type(node.op).__name__}")

    def _refused(self, node: Node, found: str) -> NmError:
        return NmError(
            Diagnostic(
                code="NM0208",
                message="this part of the network has no spiking form",
                where=node.label,
                found=found,
            )
        )
