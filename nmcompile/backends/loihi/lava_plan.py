"""A golden network as the layers of a Lava network: which process, which delay, which port."""

from __future__ import annotations

import dataclasses

import numpy as np

from nmcompile.backends.loihi.lava_specs import (
    LavaPlan,
    LayerSpec,
    SynapseSpec,
    identifier,
    lava_shape,
    package_name,
)
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.infer import sum_bound
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron

CONV_BITS = 24
"""Lava's `Conv` wraps its sums to this width."""
STOCK_SHIFT, STOCK_BITS, STOCK_THRESHOLD_BITS = 6, 24, 17
"""Constants of Lava's fixed-point LIF models."""
RESERVED = frozenset(
    """
    compile create_runtime folded_view folded_view_inst_id frame_ticks golden_input_shape id
    in_ports inp is_compiled is_sub_proc_of layers load log model model_class name out out_ports
    parent_proc pause proc_params procs propagate_folded_views ref_ports register_sub_procs
    repeat_input run runtime save static_input stop stored timesteps validate_var_aliases
    var_ports vars wait weights
    """.split()  # noqa: SIM905 - a literal would take forty lines
)
"""Attributes that a network process has already; a layer of that name gets a number."""


def plan_lava(network: Network) -> LavaPlan:
    """Turn a golden network into Lava layers.

    Raises:
        NmError: NM0390 when it holds something that has no Lava form.
    """
    planner = _Planner(network)
    for node in network.nodes:
        if isinstance(node.op, ops.Neuron | ops.SpikeMaxPool2d):
            planner.add(node)
    return planner.finish()


class _Planner:
    """Collects the layers of one network in order."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._layers: dict[str, LayerSpec] = {}
        self._names: set[str] = set(RESERVED)
        self._repeat = network.types[network.input.name].kind == "values"

    def add(self, node: Node) -> None:
        """Append the layer of a population."""
        if isinstance(node.op, ops.SpikeMaxPool2d):
            self._layers[node.name] = self._pool(node, node.op)
        else:
            self._layers[node.name] = self._neurons(node)

    def finish(self) -> LavaPlan:
        """The plan, once every population is in."""
        network = self._network
        last = network.by_name[network.output.inputs[0]]
        decoded = matched = False
        behind = ops.Decode | ops.Scale | ops.Flatten | ops.Accumulate | ops.Correlate
        while isinstance(last.op, behind):
            decoded |= isinstance(last.op, ops.Decode)
            matched |= isinstance(last.op, ops.Correlate)
            last = network.by_name[last.inputs[0]]
        output = self._layers.get(last.name)
        if output is None:
            raise _refused(last, f"the output is a {type(last.op).__name__}, not a population")
        edge = network.types[network.input.name]
        static = edge.kind == "values"
        return LavaPlan(
            name=package_name(network.name),
            title=network.name,
            timesteps=network.timesteps,
            depth=max(layer.delay for layer in self._layers.values()),
            input_shape=edge.shape,
            static_input=static,
            repeat_input=static and self._repeat,
            layers=tuple(self._layers.values()),
            output=output.name,
            decoded=decoded,
            matched=matched,
        )

    def _pool(self, node: Node, op: ops.SpikeMaxPool2d) -> LayerSpec:
        source, _ = self._source(node.inputs[0], node)
        types = self._network.types
        return LayerSpec(
            name=self._unique(node),
            population=node.name,
            label=node.label,
            delay=self._delay(source) + 1,
            shape=lava_shape(types[node.name].shape),
            pool=op,
            source=source,
            in_shape=lava_shape(types[node.inputs[0]].shape),
        )

    def _neurons(self, node: Node) -> LayerSpec:
        model = node.op.model if isinstance(node.op, ops.Neuron) else None
        if not isinstance(model, IntegerNeuron):
            raise _refused(node, "the neuron model is not in its integer form")
        current = self._network.by_name[node.inputs[0]]
        shift = 0
        while isinstance(current.op, ops.Shift):
            shift += current.op.bits
            current = self._network.by_name[current.inputs[0]]
        synapses = self._synapses(current, node)
        delay = 1 + max(self._delay(s.source) for s in synapses)
        synapses = tuple(
            dataclasses.replace(s, wait=delay - 1 - self._delay(s.source)) for s in synapses
        )
        return LayerSpec(
            name=self._unique(node),
            population=node.name,
            label=node.label,
            delay=delay,
            shape=lava_shape(self._network.types[node.name].shape),
            synapses=synapses,
            shift=shift,
            neuron=model,
            stock=_is_stock(model) and self._sums_fit(synapses, shift),
        )

    def _synapses(self, node: Node, population: Node) -> tuple[SynapseSpec, ...]:
        """The synapse processes whose sum is the output of `node`."""
        if isinstance(node.op, ops.Add):
            parts = (self._network.by_name[name] for name in node.inputs)
            return tuple(s for part in parts for s in self._branch(part, population))
        if not isinstance(node.op, ops.Conv2d | ops.Linear | ops.SumPool2d):
            raise _refused(population, f"its input is a {type(node.op).__name__}")
        source, flatten = self._source(node.inputs[0], node)
        edge = self._network.types[node.inputs[0]]
        bits = edge.bits if edge.bits > 1 or edge.signed else 0
        if isinstance(node.op, ops.SumPool2d):
            return (self._sum_pool(node, node.op, source, bits),)
        self._check_weights(node, node.op)
        weight = node.op.weight.data.astype(np.int8)
        if isinstance(node.op, ops.Linear):
            return (
                SynapseSpec(
                    "dense", node.name, node.label, source, flatten, weight, edge.shape,
                    message_bits=bits,
                ),
            )  # fmt: skip
        self._check_sum(node, node.op)
        op = node.op
        return (
            SynapseSpec(
                kind="conv",
                node=node.name,
                label=node.label,
                source=source,
                flatten=False,
                weight=weight,
                in_shape=lava_shape(edge.shape),
                stride=_reversed(op.stride),
                padding=_reversed(op.padding),
                dilation=_reversed(op.dilation),
                groups=op.groups,
                message_bits=bits,
            ),
        )

    def _branch(self, node: Node, population: Node) -> tuple[SynapseSpec, ...]:
        """One term of a sum: synapses with a shift of their own, or another sum."""
        shift = 0
        while isinstance(node.op, ops.Shift):
            shift += node.op.bits
            node = self._network.by_name[node.inputs[0]]
        if shift and isinstance(node.op, ops.Add):
            raise _refused(population, "a sum is shifted and then added to something else")
        found = self._synapses(node, population)
        return tuple(dataclasses.replace(s, shift=shift) for s in found) if shift else found

    def _sum_pool(self, node: Node, op: ops.SumPool2d, source: str, bits: int) -> SynapseSpec:
        shape = self._network.types[node.inputs[0]].shape
        return SynapseSpec(
            kind="conv",
            node=node.name,
            label=node.label,
            source=source,
            flatten=False,
            weight=np.ones((shape[0], 1, *op.kernel), np.int8),
            in_shape=lava_shape(shape),
            stride=_reversed(op.stride),
            padding=_reversed(op.padding),
            groups=shape[0],
            message_bits=bits,
        )

    def _source(self, name: str, reader: Node) -> tuple[str, bool]:
        """Identifier of the layer behind an edge, and whether a Flatten lies between."""
        node = self._network.by_name[name]
        flatten = False
        while isinstance(node.op, ops.Flatten | ops.Encode):
            if isinstance(node.op, ops.Encode):
                self._repeat = node.op.mode == "constant"
            else:
                flatten |= len(self._network.types[node.inputs[0]].shape) == 3
            node = self._network.by_name[node.inputs[0]]
        if isinstance(node.op, ops.Input):
            return "inp", flatten
        if node.name in self._layers:
            return self._layers[node.name].name, flatten
        raise _refused(reader, f"it reads a {type(node.op).__name__}, not spikes or the input")

    def _delay(self, source: str) -> int:
        return 0 if source == "inp" else self._by_identifier(source).delay

    def _by_identifier(self, name: str) -> LayerSpec:
        return next(layer for layer in self._layers.values() if layer.name == name)

    def _unique(self, node: Node) -> str:
        base = identifier(node.name)
        name, count = base, 1
        while name in self._names:
            count += 1
            name = f"{base}_{count}"
        self._names.add(name)
        return name

    def _check_weights(self, node: Node, op: ops.Conv2d | ops.Linear) -> None:
        low, high = int(op.weight.data.min(initial=0)), int(op.weight.data.max(initial=0))
        if not op.weight.is_integer or low < -128 or high > 127:
            raise _refused(node, "its weights are not 8-bit integers", f"{low}..{high}")
        if np.any(op.bias.data):
            raise _refused(node, "its bias is not folded into the neurons")

    def _check_sum(self, node: Node, op: ops.Conv2d) -> None:
        bound = sum_bound(op.weight, None, self._network.types[node.inputs[0]])
        if bound >= 1 << (CONV_BITS - 1):
            raise _refused(node, f"a sum may leave the {CONV_BITS} bits of Conv", str(bound))

    def _sums_fit(self, synapses: tuple[SynapseSpec, ...], shift: int) -> bool:
        """Whether the shifted sum stays in the 32 bits in which stock LIF computes."""
        total = 0
        for synapse in synapses:
            node = self._network.by_name[synapse.node]
            if isinstance(node.op, ops.Conv2d | ops.Linear):
                total += sum_bound(node.op.weight, None, self._network.types[node.inputs[0]])
            else:
                total += 1 << (CONV_BITS - 1)
        return (total >> shift) + 1 < 1 << (30 - STOCK_SHIFT)


def _is_stock(model: IntegerNeuron) -> bool:
    """Whether Lava's LIFReset computes exactly this, before, in and after the window."""
    level = int(model.fire_above.data.flat[0])
    return (
        model.reset == "zero"
        and not np.any(model.bias.data)
        and not np.any(model.v_init.data)
        and model.u_keep < KEEP_ONE
        and model.v_keep > 0
        and (model.state_shift, model.state_bits) == (STOCK_SHIFT, STOCK_BITS)
        and bool(np.all(model.fire_above.data == level))
        and level % (1 << STOCK_SHIFT) == 0
        and 0 <= level < 1 << (STOCK_THRESHOLD_BITS + STOCK_SHIFT)
    )


def _reversed(pair: ops.Pair) -> ops.Pair:
    return pair[1], pair[0]


def _refused(node: Node, message: str, found: str = "") -> NmError:
    return NmError(
        Diagnostic(
            code="NM0390",
            message=f"this layer has no Lava form: {message}",
            where=node.label,
            found=found,
            help=("emit a network of convolutions, linear layers, spiking neurons and pooling",),
        )
    )
