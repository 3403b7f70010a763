"""The layers of a `.net` file as nodes of a network, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from nmcompile.diagnostics import Diagnostic, DiagnosticBag, NmError
from nmcompile.frontends import netx_fields, netx_neurons, netx_weights
from nmcompile.frontends.netx_file import NetFile, NetGroup, NetLayer, malformed
from nmcompile.frontends.netx_neurons import SIGMA_DELTA
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node

NETWORK: Final = "main"
LAYERS: Final = ("input", "conv", "flatten", "dense")
INPUT_WEIGHT: Final = 64
"""Of an input layer that does not say."""

Shape = tuple[int, ...]


@dataclass
class Converter:
    """Turns layers into nodes.

    Attributes:
        file: what is converted.
        nodes: so far, without the output.
        notes: what a user should know about the conversion.
        span: (lowest, highest) input that x in -1..1 becomes by the file's own transform.
    """

    file: NetFile
    nodes: list[Node] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    span: tuple[int, int] | None = None
    _shape: Shape | None = None
    _flatten: bool = False
    _populations: int = 0

    def run(self, timesteps: int) -> Network:
        """The network.

        Raises:
            NmError: NM0140 ... NM0144; layers and neurons that no network can have at once.
        """
        self._check_kinds()
        for layer in self.file.layers:
            if layer.kind == "input":
                self._input(layer)
            elif layer.kind == "flatten":
                self._flatten = True
            else:
                self._synapses(layer)
        if not self._populations:
            raise _misplaced("layer", "no layer with neurons", "a conv or a dense layer")
        self.nodes.append(Node("output", ops.Output(), (self._last,)))
        network = Network(NETWORK, tuple(self.nodes), timesteps)
        _ = network.types
        return network

    @property
    def free_running(self) -> bool:
        """Whether the layers share Lava's clock instead of each starting with its first input."""
        kinds = [x.neuron.words.get("type") for x in self.file.layers if x.neuron is not None]
        return SIGMA_DELTA in kinds

    @property
    def _last(self) -> str:
        return self.nodes[-1].name

    def _add(self, name: str, op: ops.Op, origin: str) -> None:
        inputs = () if isinstance(op, ops.Input) else (self._last,)
        self.nodes.append(Node(name, op, inputs, origin))

    def _check_kinds(self) -> None:
        problems = DiagnosticBag()
        for layer in self.file.layers:
            try:
                if layer.kind not in LAYERS or "weight" in layer.groups:
                    raise _unsupported(layer)
                if layer.neuron is not None:
                    netx_neurons.kind_of(layer.neuron)
            except NmError as error:
                for diagnostic in error.diagnostics:
                    problems.add(diagnostic)
        problems.raise_errors()

    def _input(self, layer: NetLayer) -> None:
        """Neurons that turn the outside world's numbers into spikes, or nothing but a shape."""
        if layer.index:
            raise _misplaced(layer.where, f"layer {layer.index}", "an input layer comes first")
        if layer.neuron is None and "shape" not in layer:
            return
        self._shape = shape = netx_fields.extents(layer)
        if len(shape) not in (1, 3):
            raise malformed(f"{layer.where}/shape", f"{shape}", "(C, H, W) or (N,)")
        if layer.neuron is None:
            return
        image = shape if len(shape) == 3 else (*shape, 1, 1)
        if netx_neurons.kind_of(layer.neuron) == SIGMA_DELTA:
            delta = netx_neurons.sigma_delta(layer.neuron, None, entry=True)
            # Any change of such an input fits a message.
            bits = delta.message_bits - netx_neurons.SPIKE_EXP - 1
            self._add("input", ops.Input("spikes", image, bits, signed=True), "input")
            self._add("input_pixels", _identity(image[0]), layer.where)
            model = ops.Neuron(delta)
        else:
            bits = netx_neurons.BIAS_BITS
            self._add("input", ops.Input("values", image, bits, signed=True), "input")
            self._add("input_bias", ops.Encode("constant"), layer.where)
            none = np.zeros((), np.int64)
            model = ops.Neuron(netx_neurons.spiking(layer.neuron, none, 0, driven=True))
        self._add("input_neurons", model, f"{layer.where} neurons")
        self._populations += 1
        if len(shape) == 1:
            self._add("input_flat", ops.Flatten(), layer.where)
        self._transform(layer)
        self._note_passed_over(layer.neuron)

    def _transform(self, layer: NetLayer) -> None:
        weight = layer.whole("weight") if "weight" in layer else INPUT_WEIGHT
        bias = layer.whole("bias") if "bias" in layer else 0
        self.span = (bias - abs(weight), bias + abs(weight))
        self.notes.append(
            f"the input of the .net is what its input layer takes: {weight} x + {bias} of an x "
            "that the host scaled"
        )

    def _synapses(self, layer: NetLayer) -> None:
        if layer.neuron is None and layer.kind == "conv":
            raise malformed(f"{layer.where}/neuron", "nothing", "the layer's neurons")
        neuron = layer.neuron or netx_neurons.INTEGRATOR
        before, self._shape = self._shape, netx_fields.extents(layer)
        if layer.kind == "dense":
            self._shape = (int(np.prod(self._shape)),)
        weight, notes = netx_fields.weights(layer)
        bias, more = netx_fields.bias(layer, self._shape)
        self.notes += (*notes, *more)
        if netx_neurons.kind_of(neuron) == SIGMA_DELTA:
            used = Array(netx_weights.compact(weight))
            model = ops.Neuron(netx_neurons.sigma_delta(neuron, bias, entry=False))
        else:
            used, exponent = netx_weights.narrowed(weight)
            none = np.zeros((), np.int64)
            values = none if bias is None else bias
            model = ops.Neuron(netx_neurons.spiking(neuron, values, exponent))
        self._enter(layer, before, used.shape)
        if layer.kind == "conv":
            self._conv(layer, used)
        else:
            self._dense(layer, used)
        self._add(f"layer{layer.index}_neurons", model, f"{layer.where} neurons")
        self._populations += 1
        self._note_passed_over(neuron)

    def _enter(self, layer: NetLayer, before: Shape | None, weight: Shape) -> None:
        """Add what lies between the last population and this layer's weights."""
        flatten, self._flatten = self._flatten, False
        if flatten and layer.kind == "conv":
            raise _misplaced(layer.where, "a flatten layer before", "a dense layer behind it")
        if not self._populations:
            before = self._outside(layer, before, weight)
            flatten = layer.kind == "dense"
        if flatten and before is not None and len(before) == 3:
            before = (int(np.prod(before)),)
            self._add(f"layer{layer.index}_flat", ops.Flatten(), layer.where)
        if layer.kind == "conv":
            channels = weight[1] * netx_fields.groups(layer)
            if before is None or len(before) != 3 or before[0] != channels:
                limit = f"({channels}, H, W), which weights and groups give"
                raise _misplaced(layer.where, f"an input of shape {before}", limit)
        if layer.kind == "dense" and before != (weight[1],):
            found = f"an input of shape {before}"
            raise _misplaced(layer.where, found, f"{weight[1]} inputs, which the weights give")

    def _outside(self, layer: NetLayer, declared: Shape | None, weight: Shape) -> Shape:
        """Add the network's input where no input layer has neurons."""
        shape = declared
        if layer.kind == "dense" and (shape is None or int(np.prod(shape)) != weight[1]):
            shape = (weight[1],)
        if shape is None:
            limit = "an input layer that says the shape (C, H, W)"
            raise _misplaced(layer.where, "none", limit)
        bits = netx_neurons.MESSAGE_BITS if self.free_running else 1
        self._add("input", ops.Input("spikes", shape, bits, signed=bits > 1), "input")
        return shape

    def _conv(self, layer: NetLayer, weight: Array) -> None:
        op = ops.Conv2d(
            weight=weight,
            bias=Array(np.zeros(weight.shape[0], np.int32)),
            stride=netx_fields.pair(layer, "stride", 1),
            padding=netx_fields.pair(layer, "padding", 0),
            dilation=netx_fields.pair(layer, "dilation", 1),
            groups=netx_fields.groups(layer),
        )
        node = Node(f"layer{layer.index}_conv", op, (self._delayed(layer, 0),), layer.where)
        self._check_sums(layer, weight, node.inputs[0])
        found = Network("part", (*self.nodes, node)).types[node.name].shape
        if found != self._shape:
            limit = f"{found}, which weights and input give"
            raise _misplaced(f"{layer.where}/shape", str(self._shape), limit)
        self.nodes.append(node)

    def _check_sums(self, layer: NetLayer, weight: Array, source: str) -> None:
        """Lava's Conv wraps at 24 bits, and nothing else does."""
        edge = Network("part", tuple(self.nodes)).types[source]
        rows = np.abs(weight.data.astype(np.int64)).reshape(weight.shape[0], -1).sum(axis=1)
        limit = f"{netx_neurons.STATE_BITS} bits, at which Lava wraps"
        if rows.max() * edge.largest < 2 ** (netx_neurons.STATE_BITS - 1):
            return
        if not edge.wide:
            raise netx_weights.refused(layer.where, f"sums up to {rows.max()}", limit)
        self.notes.append(f"the sums of `{layer.where}` stay inside {limit}")

    def _dense(self, layer: NetLayer, weight: Array) -> None:
        """One linear layer for every delay; their sum."""
        name = f"layer{layer.index}_dense"
        delays = netx_fields.delays(layer, weight.shape)
        used = np.unique(delays[weight.data != 0]) if weight.data.any() else np.zeros(1, np.int64)
        zero = Array(np.zeros(weight.shape[0], np.int32))
        entry, parts = self._last, []
        for ticks in (int(v) for v in used):
            part = np.where(delays == ticks, weight.data, 0).astype(weight.data.dtype)
            source = self._delayed(layer, ticks, entry)
            own = name if len(used) == 1 else f"{name}_after{ticks}"
            self.nodes.append(Node(own, ops.Linear(Array(part), zero), (source,), layer.where))
            parts.append(own)
        if len(parts) > 1:
            self.nodes.append(Node(f"{name}_sum", ops.Add(), tuple(parts), layer.where))

    def _delayed(self, layer: NetLayer, ticks: int, source: str | None = None) -> str:
        """The node that gives `source` (else the last node) later."""
        source = source or self._last
        ticks += self.free_running
        if not ticks:
            return source
        name = f"layer{layer.index}_delay{ticks}"
        self.nodes.append(Node(name, ops.Delay(ticks), (source,), layer.where))
        return name

    def _note_passed_over(self, neuron: NetGroup) -> None:
        for what in netx_neurons.passed_over(neuron):
            self.notes.append(f"`{neuron.where}`: {what} means nothing, as to lava-dl's loader")


def _identity(channels: int) -> ops.Conv2d:
    """Every input to the neuron at its place."""
    return ops.Conv2d(
        Array(np.ones((channels, 1, 1, 1), np.int8)),
        Array(np.zeros(channels, np.int32)),
        groups=channels,
    )


def _unsupported(layer: NetLayer) -> NmError:
    why = {
        "dense_rec": "recurrent connections",
        "dense_comp": "complex weights",
        **dict.fromkeys(("pool", "convT", "unpool", "average", "concat"), "no form in Lava"),
    }
    found = "complex weights" if "weight" in layer.groups else why.get(layer.kind, "not known")
    pooling = ("write pooling as a convolution with a stride, one group for each channel",)
    return NmError(
        Diagnostic(
            code="NM0141",
            message=f"a lava-dl layer of type `{layer.kind}` cannot be compiled",
            where=layer.where,
            limit=", ".join(LAYERS),
            found=found,
            help=pooling if layer.kind == "pool" else (),
        )
    )


def _misplaced(where: str, found: str, limit: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0144",
            message="the layers of the lava-dl network do not follow each other",
            where=where,
            limit=limit,
            found=found,
        )
    )
