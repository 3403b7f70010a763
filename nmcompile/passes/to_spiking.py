"""ReLU networks become spiking: rate-coded IF neurons with data-based thresholds.

With lambda the scale of a layer (see `calibrate`) a spike stands for lambda: the synapses of
the next layer are multiplied by it and the neuron's threshold is its own lambda. This is
layer normalisation (Diehl 2015, Rueckauer 2017) without dividing anything away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF
from nmcompile.ir.program import Program
from nmcompile.passes.calibrate import is_activation, scales
from nmcompile.passes.context import PassContext


def to_spiking(program: Program, context: PassContext) -> Program:
    """Activations -> IF, max pooling -> spike max pooling, outputs -> decoded counts.

    A last layer without ReLU becomes two populations, for the positive and the negative part.

    Raises:
        NmError: NM0205 (no calibration), NM0208 (an operator has no spiking form).
    """
    scale_of = scales(program, context)
    slot_units: dict[str, float] = {}
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
    """Rebuilds one network; `unit[name]` is the real value of one unit of a node's output.

    With `counts` the output stays in spike counts (a slot), else it is scaled to real values.
    """

    network: Network
    scale_of: dict[str, float]
    context: PassContext
    slot_units: dict[str, float]
    counts: bool
    nodes: list[Node] = field(default_factory=list)
    unit: dict[str, float] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    spikes: set[str] = field(default_factory=set)
    output_unit: float = 1.0

    def convert(self) -> Network:
        for node in self.network.nodes:
            handler = self._handlers().get(type(node.op), _Converter._unsupported)
            handler(self, dataclasses.replace(node, inputs=self._inputs(node)))
        return Network(self.network.name, tuple(self.nodes), self.context.timesteps)

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
            ops.Flatten: _Converter._pass_through,
            ops.Correlate: _Converter._correlate,
            ops.Scale: _Converter._scale,
            ops.Output: _Converter._output,
        }

    def _inputs(self, node: Node) -> tuple[str, ...]:
        return tuple(self.alias.get(i, i) for i in node.inputs)

    def _emit(self, node: Node, unit: float, *, spikes: bool = False) -> str:
        self.nodes.append(node)
        self.unit[node.name] = unit
        if spikes:
            self.spikes.add(node.name)
        return node.name

    def _insert(self, name: str, op: ops.Op, source: str, origin: str, unit: float) -> str:
        spikes = isinstance(op, ops.Neuron)
        return self._emit(Node(name, op, (source,), origin), unit, spikes=spikes)

    def _input(self, node: Node) -> None:
        op = node.op
        is_spikes = isinstance(op, ops.Input) and op.kind == "spikes"
        self._emit(node, 1.0, spikes=is_spikes)
        if not is_spikes:
            name = f"{node.name}_code"
            self.alias[node.name] = self._insert(name, ops.Encode(), node.name, node.origin, 1.0)

    def _slot(self, node: Node) -> None:
        if isinstance(node.op, ops.Slot):
            counted = dataclasses.replace(node.op, bits=16, signed=True)
            self._emit(dataclasses.replace(node, op=counted), self.slot_units[node.op.slot])

    def _linear(self, node: Node) -> None:
        op = node.op
        if not isinstance(op, ops.Conv2d | ops.Linear):
            raise TypeError(type(op).__name__)
        scaled = Array(op.weight.data.astype(np.float64) * self.unit[node.inputs[0]])
        self._emit(dataclasses.replace(node, op=dataclasses.replace(op, weight=scaled)), 1.0)
        self._end_if_signed(node)

    def _linear_pool(self, node: Node) -> None:
        self._emit(node, self.unit[node.inputs[0]])

    def _avg_pool(self, node: Node) -> None:
        op = node.op
        if not isinstance(op, ops.AvgPool2d):
            raise TypeError(type(op).__name__)
        window = ops.SumPool2d(op.kernel, op.stride, op.padding)
        unit = self.unit[node.inputs[0]]
        self._emit(dataclasses.replace(node, op=window), unit)
        area = float(op.kernel[0] * op.kernel[1])
        fire = ops.Neuron(IF(Array(area), v_init=self._v_init(node)))
        self.alias[node.name] = self._insert(f"{node.name}_if", fire, node.name, node.origin, unit)

    def _max_pool(self, node: Node) -> None:
        op = node.op
        if not isinstance(op, ops.MaxPool2d) or node.inputs[0] not in self.spikes:
            raise self._refused(node, "max pooling of values that are not spikes")
        pool = ops.SpikeMaxPool2d(op.kernel, op.stride, op.ceil)
        self._emit(dataclasses.replace(node, op=pool), self.unit[node.inputs[0]], spikes=True)

    def _activation(self, node: Node) -> None:
        if node.inputs[0] in self.spikes:
            # ReLU of a rate is the rate itself (a pooled ReLU, for example).
            self.alias[node.name] = node.inputs[0]
            return
        scale = self.scale_of[node.label]
        threshold = Array(scale / self.unit[node.inputs[0]])
        fire = ops.Neuron(IF(threshold, v_init=self._v_init(node)))
        self._emit(dataclasses.replace(node, op=fire), scale, spikes=True)

    def _v_init(self, node: Node) -> float:
        return self.context.recipe.v_init_of(node.label)

    def _neuron(self, node: Node) -> None:
        self._emit(node, 1.0, spikes=True)

    def _add(self, node: Node) -> None:
        inputs = []
        for source in node.inputs:
            if source in self.spikes:
                source = self._identity(node, source)
            inputs.append(source)
        self._emit(dataclasses.replace(node, inputs=tuple(inputs)), 1.0)
        self._end_if_signed(node)

    def _identity(self, node: Node, source: str) -> str:
        """Synapses that carry a spike train unchanged into a sum (a skip connection)."""
        original = next(i for i in self.network.types if self.alias.get(i, i) == source)
        channels = self.network.types[original].shape[0]
        weight = np.full((channels, 1, 1, 1), self.unit[source])
        one = ops.Conv2d(Array(weight), Array(np.zeros(channels)), groups=channels)
        return self._insert(f"{node.name}_skip", one, source, node.origin, 1.0)

    def _end_if_signed(self, node: Node) -> None:
        """A signed output becomes IF populations for +x and -x."""
        if not is_activation(self.network, self.network.by_name[node.name]):
            return
        last = self.nodes.pop()
        if not isinstance(last.op, ops.Conv2d | ops.Linear):
            raise self._refused(node, "a signed output that is a sum of branches")
        paired = dataclasses.replace(
            last.op, weight=_pairs(last.op.weight), bias=_pairs(last.op.bias)
        )
        self.nodes.append(dataclasses.replace(last, op=paired))
        scale = self.scale_of[node.label]
        fire = ops.Neuron(IF(Array(scale), v_init=self._v_init(node)))
        name = self._insert(f"{node.name}_if", fire, node.name, node.origin, scale)
        self.alias[node.name] = self._decode(name, node.origin, signed=True)

    def _decode(self, source: str, origin: str, *, signed: bool = False) -> str:
        unit = self.unit[source] / self.context.timesteps
        op = ops.Decode(signed_pairs=signed)
        return self._insert(f"{source}_count", op, source, origin, unit)

    def _pass_through(self, node: Node) -> None:
        source = node.inputs[0]
        self._emit(node, self.unit[source], spikes=source in self.spikes)

    def _counted(self, source: str, origin: str) -> str:
        return self._decode(source, origin) if source in self.spikes else source

    def _correlate(self, node: Node) -> None:
        x = self._counted(node.inputs[0], node.origin)
        z = node.inputs[1]
        self._emit(dataclasses.replace(node, inputs=(x, z)), self.unit[x] * self.unit[z])

    def _scale(self, node: Node) -> None:
        op = node.op
        if isinstance(op, ops.Scale):
            factor = op.factor * self.unit[node.inputs[0]]
            self._emit(dataclasses.replace(node, op=ops.Scale(factor, op.offset)), 1.0)

    def _output(self, node: Node) -> None:
        source = node.inputs[0]
        if isinstance(self.network.input.op, ops.Input) and self.network.input.op.kind == "spikes":
            self._emit(node, 1.0)
            return
        source = self._counted(source, node.origin)
        self.output_unit = self.unit[source]
        if not self.counts and self.output_unit != 1.0:
            scale = ops.Scale(self.output_unit)
            source = self._insert(f"{source}_value", scale, source, node.origin, 1.0)
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


def _pairs(array: Array) -> Array:
    """Rows x become x, -x, interleaved, so that channel groups stay together."""
    return Array(np.stack([array.data, -array.data], axis=1).reshape(-1, *array.shape[1:]))
