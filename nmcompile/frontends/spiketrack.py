"""A SpikeTrack checkpoint -> a program of two networks that share weights and memories.

on_init       crop_template (host) -> template: T crops -> memories   -> slots m0 ... m5
every_frame   crop_search (host)   -> search:   crop, memories        -> maps
              peak (host)          <- maps

The template network takes one crop per timestep. The search network has one timestep; where it asks
the memories of T steps, these are T groups of channels. Its maps are score logit, offset x and y,
size logits w and h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nmcompile.frontends.spiketrack_graph import Graph, Kernel, array, beside, kernel
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import (
    ChannelGate,
    KeyValue,
    Query,
    Repeat,
    Store,
)
from nmcompile.ir.network import Network
from nmcompile.ir.program import Step

if TYPE_CHECKING:
    from nmcompile.architectures.spiketrack.attention import TransformerBlock
    from nmcompile.architectures.spiketrack.head import CentreHead
    from nmcompile.architectures.spiketrack.memory import MemoryRetrieval
    from nmcompile.architectures.spiketrack.network import SpikeTrack

ARCHITECTURE: Final = "spiketrack"
TEMPLATE: Final = "template"
SEARCH: Final = "search"
Memories = Callable[[Graph, str, "MemoryRetrieval", str], str]
"""What stands at the depths of the memories: (graph, label, module, stream) -> stream."""


def networks(module: SpikeTrack) -> tuple[Network, ...]:
    """Template and search network of a module in evaluation mode."""
    return template_network(module), search_network(module)


def slot_name(depth: int) -> str:
    """The slot of the memory at one of the depths, from 0."""
    return f"m{depth}"


def template_network(module: SpikeTrack) -> Network:
    """Crops `(T, 3, size, size)` -> a memory for every depth, in its slot."""
    config = module.config
    graph = Graph(config.steps)
    depth, last = 0, ""

    def memorise(graph: Graph, label: str, memory: MemoryRetrieval, x: str) -> str:
        nonlocal depth, last
        last = _memorised(graph, label, memory, x, slot_name(depth))
        depth += 1
        return x

    image = ops.Input("spikes", (3, config.size, config.size), signed=True)
    _backbone(graph, module, graph.add("input", image), memorise, template=True)
    # Behind the deepest memory the template has nothing to say.
    graph.add("output", ops.Output(), last)
    return _without_unread(Network(TEMPLATE, tuple(graph.nodes), config.steps))


def search_network(module: SpikeTrack) -> Network:
    """A crop `(3, size, size)` and the memories -> maps `(5, P, P)`."""
    config = module.config
    graph = Graph(1)
    depth = 0

    def ask(graph: Graph, label: str, memory: MemoryRetrieval, x: str) -> str:
        nonlocal depth
        depth += 1
        return _asked(graph, label, memory, x, slot_name(depth - 1))

    image = graph.add("input", ops.Input("values", (3, config.size, config.size)))
    x = _backbone(graph, module, image, ask, template=False)
    graph.add("output", ops.Output(), _head(graph, module.head, x))
    network = Network(SEARCH, tuple(graph.nodes))
    _ = network.types
    return network


def _backbone(
    graph: Graph, module: SpikeTrack, x: str, memories: Memories, *, template: bool
) -> str:
    from nmcompile.architectures.spiketrack.attention import TransformerBlock
    from nmcompile.architectures.spiketrack.layers import ConvBlock, ConvBN
    from nmcompile.architectures.spiketrack.memory import MemoryRetrieval

    for index, stage in enumerate(module.backbone):
        label = f"backbone.{index}"
        if isinstance(stage, ConvBN):
            x = graph.joining(f"{label}.conv", kernel(stage), x)
        elif isinstance(stage, ConvBlock):
            x = _shortcut(graph, f"{label}.mix", x, graph.chain(f"{label}.mix", [*stage.mix], x))
            layers = [stage.expand, stage.project]
            x = _shortcut(graph, f"{label}.wide", x, graph.chain(f"{label}.wide", layers, x))
        elif isinstance(stage, TransformerBlock):
            x = _transformer(graph, label, stage, x, template=template)
        elif isinstance(stage, MemoryRetrieval):
            x = memories(graph, label, stage, x)
        else:
            x = graph.chain(label, [stage], x)
    return x


def graph_channels(layer: Any) -> int:
    """Output channels of a convolution."""
    return int(layer.conv.out_channels)


def _shortcut(graph: Graph, label: str, x: str, branch: str) -> str:
    return graph.add(f"{label}.add", ops.Add(), x, branch)


def _transformer(
    graph: Graph, label: str, block: TransformerBlock, x: str, *, template: bool
) -> str:
    x = _shortcut(graph, f"{label}.mix", x, graph.chain(f"{label}.mix", [*block.mix], x))
    attention, at = block.attention, f"{label}.attention"
    positions = block.positions.template if template else block.positions.search
    placed = graph.positioned(f"{label}.positions", positions, x)
    spikes = graph.spikes(f"{at}.neuron", attention.neuron, placed)
    layers = (attention.query, attention.key, attention.value)
    channels = [graph_channels(layer) for layer in layers]
    three = graph.add(f"{at}.query_key_value", beside([kernel(c) for c in layers]).op, spikes)
    found = graph.neuron(
        f"{at}.query_key_value.neuron",
        *(attention.query_neuron, attention.key_neuron, attention.value_neuron),
        source=three,
        channels=channels,
    )
    query, key, value = _parts(graph, at, found, channels)
    heads = _heads()
    memory = graph.add(f"{at}.key_times_value", KeyValue(heads), key, value)
    asked = graph.add(f"{at}.query_times_memory", Query(heads), query, memory)
    scaled = graph.add(f"{at}.scale", ops.Scale(attention.scale), asked)
    x = _shortcut(graph, at, x, graph.chain(f"{at}.project", [attention.project], scaled))
    return _shortcut(graph, f"{label}.mlp", x, graph.chain(f"{label}.mlp", [*block.mlp], x))


def _parts(graph: Graph, at: str, source: str, channels: list[int]) -> list[str]:
    names = ("query", "key", "value")[-len(channels) :]
    first = np.cumsum([0, *channels])
    return [
        graph.add(f"{at}.{name}", ops.Channels(int(low), count), source)
        for name, low, count in zip(names, first, channels, strict=False)
    ]


def _heads() -> int:
    from nmcompile.architectures.spiketrack.attention import HEADS

    return HEADS


def _pooled(graph: Graph, label: str, memory: MemoryRetrieval, x: str) -> str:
    side = _side(graph, x)
    if side == memory.side:
        return x
    window = (side // memory.side, side // memory.side)
    return graph.add(f"{label}.pool", ops.AvgPool2d(window, window), x)


def _side(graph: Graph, name: str) -> int:
    return Network("so_far", tuple(graph.nodes)).types[name].shape[1]


def _memorised(graph: Graph, label: str, memory: MemoryRetrieval, x: str, slot: str) -> str:
    placed = graph.positioned(
        f"{label}.positions", memory.positions.template, _pooled(graph, label, memory, x)
    )
    spikes = graph.spikes(f"{label}.neuron", memory.neuron, placed)
    layers = (memory.key, memory.value)
    channels = [graph_channels(layer) for layer in layers]
    two = graph.add(f"{label}.key_value", beside([kernel(c) for c in layers]).op, spikes)
    found = graph.neuron(
        f"{label}.key_value.neuron",
        *(memory.key_neuron, memory.value_neuron),
        source=two,
        channels=channels,
    )
    key, value = _parts(graph, label, found, channels)
    made = graph.add(f"{label}.key_times_value", KeyValue(_heads()), key, value)
    return graph.add(f"{label}.memory", Store(slot), made)


def _asked(graph: Graph, label: str, memory: MemoryRetrieval, x: str, slot: str) -> str:
    """The memory retrieval module; T steps of a memory are T groups of channels."""
    steps = len(memory.local)
    channels = graph_channels(memory.query)
    heads, wide = _heads(), graph_channels(memory.value)
    shape = (steps * heads, channels // heads, wide // heads)
    pooled = _pooled(graph, label, memory, x)
    placed = graph.positioned(f"{label}.positions", memory.positions.search, pooled)
    spikes = graph.spikes(f"{label}.neuron", memory.neuron, placed)
    asked = graph.joining(f"{label}.query", kernel(memory.query), spikes)
    stored = graph.add(slot, ops.Slot(slot, shape, signed=False))

    def over(name: str, module: Any, source: str) -> str:
        return graph.over_steps(f"{label}.{name}", module, source, steps)

    def found_by(name: str, query: str) -> str:
        y = graph.add(f"{label}.{name}", Query(steps * heads), query, stored)
        return graph.add(f"{label}.{name}.scale", ops.Scale(memory.scale), y)

    def each(name: str, kernels: list[Kernel], source: str) -> str:
        return graph.add(f"{label}.{name}", beside(kernels, grouped=True).op, source)

    repeated = asked if steps == 1 else graph.add(f"{label}.steps", Repeat(steps), asked)
    profile = found_by("profile", over("query.neuron", memory.query_neuron, repeated))
    x1 = over("profile.neuron", memory.query_neuron, profile)
    local = each("local", [kernel(layer) for layer in memory.local], x1)  # type: ignore[arg-type]
    x2 = over("local.neuron", memory.local_neuron, local)
    each_reduces = [kernel(layer) for layer in memory.reduce]  # type: ignore[arg-type]
    reduced = graph.joining(f"{label}.reduce", beside(each_reduces, grouped=True), x2)
    x3 = _shortcut(graph, f"{label}.reduce", repeated, reduced)
    x4 = over("reduce.neuron", memory.reduce_neuron, x3)
    refined = each("refine", [kernel(memory.refine)] * steps, x4)
    again = found_by("answer", over("refine.neuron", memory.refine_neuron, refined))
    neuron, project = memory.project
    answer = over("answer.neuron", neuron, again)
    if steps > 1:
        gated = graph.add(f"{label}.gate", _gate(memory, steps), answer)
        answer = graph.spikes(f"{label}.gate.neuron", memory.gate_neuron, gated)
    factor = _side(graph, x) // memory.side
    y = graph.joining(f"{label}.project", kernel(project), answer, enlarge=factor)  # type: ignore[arg-type]
    x = _shortcut(graph, f"{label}.project", x, y)
    return _shortcut(graph, f"{label}.mlp", x, graph.chain(f"{label}.mlp", [*memory.mlp], x))


def _gate(memory: MemoryRetrieval, steps: int) -> ChannelGate:
    gate = memory.gate
    keep = 1.0 / (1.0 + np.exp(-array(gate.neuron.theta)))
    return ChannelGate(
        reduce=Array(array(gate.reduce.weight)),
        reduce_bias=Array(array(gate.reduce.bias)),
        score=Array(array(gate.score.weight)[0]),
        score_bias=Array(array(gate.score.bias)[0]),
        keep=Array(keep[: steps - 1]),
        steps=steps,
    )


def _head(graph: Graph, head: CentreHead, x: str) -> str:
    """Three branches as groups of one chain; the last layer has one output of the first."""
    branches = [[*branch] for branch in (head.score, head.offset, head.size)]
    x = graph.spikes("head.neuron", head.neuron, x)
    for layer in range(0, len(branches[0]) - 1, 2):
        kernels = [kernel(branch[layer]) for branch in branches]
        op = beside(kernels, grouped=layer > 0).op
        x = graph.add(f"head.{layer}", op, x)
        x = graph.spikes(f"head.{layer}.neuron", branches[0][layer + 1], x)
    outs = [branch[-1] for branch in branches]
    weights = [array(out.weight) for out in outs]
    rows, each = sum(len(w) for w in weights), weights[0].shape[1]
    weight, row = np.zeros((rows, 3 * each, 1, 1)), 0
    for index, one in enumerate(weights):
        weight[row : row + len(one), index * each : (index + 1) * each] = one
        row += len(one)
    bias = np.concatenate([array(out.bias) for out in outs])
    return graph.joining("head.out", Kernel(weight, bias), x)


def _without_unread(network: Network) -> Network:
    """The network without what leads neither to its output nor into a slot."""
    wanted = {n.name for n in network.nodes if isinstance(n.op, ops.Output | Store)}
    for node in reversed(network.nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
    kept = network.replace(nodes=tuple(n for n in network.nodes if n.name in wanted))
    _ = kept.types
    return kept


def schedule() -> tuple[Step, ...]:
    """The template once, the search with every frame."""
    crop = "cropping and resizing read frame memory at addresses that depend on the last box"
    peak = "sigmoid, window and arg-max need real arithmetic over the whole map"
    return (
        Step("crop_template", "on_init", "host", reason=crop),
        Step(TEMPLATE, "on_init", "chip", TEMPLATE, reads="crop_template"),
        Step("crop_search", "every_frame", "host", reason=crop),
        Step(SEARCH, "every_frame", "chip", SEARCH, reads="crop_search"),
        Step("peak", "every_frame", "host", reads=SEARCH, reason=peak),
    )
