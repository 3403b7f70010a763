"""A golden network as the layers of a Lava network: which process, which delay, which port.

The layers, their delays and the sums in front of them are those of the mapping (`stages`), so that
whatever maps onto cores has a Lava form.
"""

from __future__ import annotations

import numpy as np

from nmcompile.backends.loihi.lava.coding import Coding
from nmcompile.backends.loihi.lava.specs import (
    LavaPlan,
    LayerSpec,
    Stock,
    TemplateSpec,
    identifier,
    lava_shape,
    package_name,
)
from nmcompile.backends.loihi.lava.stock import (
    EXPONENT_MAX,
    STATE_SHIFT,
    bias_exponent,
    stock_lif,
    stock_sigma_delta,
)
from nmcompile.backends.loihi.lava.synapses import Synapses
from nmcompile.ir import ops
from nmcompile.ir.infer import sum_bound
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.populations import Population, Stages
from nmcompile.mapping.stages import stages

RESERVED = frozenset(
    """
    biases coding compile create_runtime elements folded_view folded_view_inst_id frame_ticks
    golden_input_shape id in_ports inp is_compiled is_sub_proc_of layers load log model model_class
    name noisy out out_ports parent_proc pause proc_params procs propagate_folded_views ref_ports
    register_sub_procs repeat_input run runtime save static_input stop stored template timesteps
    validate_var_aliases var_ports vars wait weights
    """.split()  # noqa: SIM905 - a literal would take forty lines
)
"""Attributes that a network process has already; a layer of that name gets a number."""


def plan_lava(network: Network) -> LavaPlan:
    """Turn a golden network into Lava layers.

    Raises:
        NmError: NM0301 when cores cannot run it, NM0390 when a layer has no Lava form.
    """
    return _Planner(network, stages(network)).plan()


class _Planner:
    """Collects the layers of one network in order."""

    def __init__(self, network: Network, mapped: Stages) -> None:
        self._network = network
        self._mapped = mapped
        self._names: set[str] = set(RESERVED)
        self._layers: dict[str, LayerSpec] = {}
        self._synapses = Synapses(network, self._layers)

    def plan(self) -> LavaPlan:
        mapped, network = self._mapped, self._network
        for population in mapped.populations:
            self._layers[population.name] = self._layer(population)
        layers = tuple(self._layers.values())
        edge, mode = network.types[network.input.name], mapped.input.mode
        return LavaPlan(
            name=package_name(network.name),
            title=network.name,
            timesteps=network.timesteps,
            frame_ticks=mapped.ticks + 1,
            input_shape=edge.shape,
            input_bits=edge.bits,
            input_signed=edge.signed,
            static_input=mode != "spikes",
            repeat_input=mode in ("constant", "bias"),
            coding=_coding(mapped.input.encode) if mode == "coded" else None,
            layers=layers,
            output=self._layers[mapped.output].name,
            decoded=mapped.readout == "counts",
            noisy=any(layer.stock == "LIFReset" and _has_bias(layer) for layer in layers),
            template=self._template(),
            unproved=self._synapses.unproved,
        )

    def _layer(self, population: Population) -> LayerSpec:
        node = self._network.by_name[population.name]
        edge = self._network.types[node.name]
        name = self._unique(node.name)
        shape, delay = lava_shape(population.golden_shape), population.depth + 1
        if isinstance(node.op, ops.SpikeMaxPool2d):
            projection = population.projections[0]
            return LayerSpec(
                name=name,
                population=node.name,
                label=node.label,
                delay=delay,
                shape=shape,
                wide=edge.wide,
                pool=node.op,
                source=self._synapses.source(projection.source),
                in_shape=lava_shape(self._network.types[projection.source].shape),
                wait=projection.delay,
            )
        stock = self._stock(population)
        model = population.model or population.delta
        return LayerSpec(
            name=name,
            population=node.name,
            label=node.label,
            delay=delay,
            shape=shape,
            # The running sum of a match is what it sends.
            wide=edge.wide or isinstance(node.op, ops.Accumulate),
            synapses=self._synapses.of(population),
            port_shifts=population.port_shifts,
            shift=population.input_shift,
            neuron=None if isinstance(node.op, ops.Accumulate) else model,
            stock=stock,
            bias_exp=_exponent(model) if isinstance(model, IntegerNeuron) else 0,
            gain=(self._gain(population) or 0) if stock == "LIFReset" else 0,
        )

    def _stock(self, population: Population) -> Stock:
        if isinstance(self._network.by_name[population.name].op, ops.Accumulate):
            return "Sigma"
        if population.delta is not None:
            return stock_sigma_delta(population.delta)
        model, gain = population.model, self._gain(population)
        if model is None or population.pixels or gain is None:
            return ""
        largest = 1 + (self._largest_sum(population) << gain >> population.input_shift)
        return "LIFReset" if stock_lif(model, largest) else ""

    def _gain(self, population: Population) -> int | None:
        """Bits of left shift that matrices give to the input of a stock LIFReset, None if no."""
        model = population.model
        gain = 0 if model is None else model.state_shift - STATE_SHIFT
        shifted = population.input_shift or any(population.port_shifts)
        nodes = (self._network.by_name.get(p.node) for p in population.projections)
        matrices = all(node is not None and isinstance(node.op, ops.Linear) for node in nodes)
        fits = 0 <= gain <= EXPONENT_MAX and matrices and not shifted
        return gain if fits or gain == 0 else None

    def _largest_sum(self, population: Population) -> int:
        return sum(
            sum_bound(p.weight, None, self._synapses.edge(p)) for p in population.projections
        )

    def _template(self) -> TemplateSpec | None:
        mapped = self._mapped
        if not mapped.slot:
            return None
        return TemplateSpec(mapped.slot, mapped.slot_shape, mapped.slot_largest)

    def _unique(self, node: str) -> str:
        base = identifier(node)
        name, count = base, 1
        while name in self._names:
            count += 1
            name = f"{base}_{count}"
        self._names.add(name)
        return name


def _coding(encode: ops.Encode | None) -> Coding | None:
    if encode is None:
        return None
    return Coding(encode.mode, encode.payloads, encode.threshold, encode.start)


def _has_bias(layer: LayerSpec) -> bool:
    return layer.neuron is not None and bool(np.any(layer.neuron.bias.data))


def _exponent(model: IntegerNeuron) -> int:
    return bias_exponent(model.bias) or 0
