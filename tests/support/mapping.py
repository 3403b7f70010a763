"""Tiny cores and networks with skips: what mapping tests draw from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st
from support.nets import conv, if_neuron

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_tiles
from nmcompile.mapping.packing import Packing
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import tile


def limits(**changes: Any) -> Limits:
    """Limits of an invented chip, with changes."""
    caps: dict[str, Any] = {
        "target": "test",
        "neurons": 1024,
        "in_axons": 4096,
        "out_axons": 4096,
        "synapse_memory_bytes": 128 * 1024,
        "total_memory_bytes": 192 * 1024,
        "neuron_state_bytes": 12,
        "axon_entry_bytes": 4,
        "axon_atoms": 256,
        "weight_bits": 8,
        "delay_ticks_max": 62,
        "cores": 16,
        "cores_per_router": 2,
        "router_columns": 4,
        "router_rows": 2,
        "chips_max": 64,
    }
    return Limits(**(caps | changes))


@st.composite
def small_limits(draw: st.DrawFn) -> Limits:
    """Cores so small that every layer needs several."""
    return limits(
        neurons=draw(st.sampled_from([6, 17, 40, 200])),
        in_axons=draw(st.sampled_from([150, 400, 4000])),
        out_axons=draw(st.sampled_from([100, 400, 4000])),
        synapse_memory_bytes=draw(st.sampled_from([3000, 20000])),
        total_memory_bytes=draw(st.sampled_from([8000, 40000])),
        axon_atoms=draw(st.sampled_from([1, 3, 64])),
        shared_kernels=draw(st.booleans()),
        chips_max=10_000,
    )


def packing(**changes: Any) -> Packing:
    """Loihi 1's synapse memory, with changes."""
    fields: dict[str, Any] = {
        "word_bits": 64,
        "header_bits": 10,
        "spill_bits": 5,
        "entry_synapses": 60,
        "index_bits": (0, 6, 7, 8, 9, 10, 11, 12),
        "skip_bits": (2, 3, 4, 5),
        "weight_bits": (0, 1, 2, 3, 4, 5, 6, 8),
        "delay_bits": (3, 4, 5, 6),
        "base_offset_max": 255,
    }
    return Packing(**(fields | changes))


def word_limits(**changes: Any) -> Limits:
    """A chip with a synapse memory of words and everything that Loihi 1 limits."""
    caps: dict[str, Any] = {
        "total_memory_bytes": None,
        "axon_entry_bytes": 0,
        "out_axon_population": 2,
        "out_axon_crossing": 1,
        "words_per_axon": 256,
        "synapse_formats": 16,
        "compartment_configs": 32,
        "threshold_configs": 16,
        "destination_groups": 16,
        "delay_steps": 8,
        "packing": packing(),
    }
    return limits(**(caps | changes))


@st.composite
def small_word_limits(draw: st.DrawFn) -> Limits:
    """Cores with a synapse memory of words, so small that every layer needs several."""
    fields = packing(
        entry_synapses=draw(st.sampled_from([3, 60])),
        base_offset_max=draw(st.sampled_from([3, 16, 255])),
    )
    return word_limits(
        neurons=draw(st.sampled_from([8, 17, 40, 200])),
        in_axons=draw(st.sampled_from([200, 400, 4000])),
        out_axons=draw(st.sampled_from([300, 1000, 4000])),
        synapse_memory_bytes=draw(st.sampled_from([8000, 40000])),
        axon_atoms=draw(st.sampled_from([1, 3, 64])),
        soft_reset_neurons=draw(st.sampled_from([1, 2])),
        threshold_configs=draw(st.sampled_from([2, 16])),
        synapse_formats=draw(st.sampled_from([4, 16])),
        cores=draw(st.sampled_from([4, 16])),
        packing=fields,
        chips_max=10_000,
    )


@st.composite
def skip_networks(draw: st.DrawFn) -> Network:
    """Branches of different depth and shift that meet again, dilation, sums, signed pairs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = 4
    height, width = draw(st.integers(4, 8)), draw(st.integers(4, 8))
    spikes = draw(st.booleans())
    kind: Any = "spikes" if spikes else "values"
    nodes = [Node("input", ops.Input(kind, (channels, height, width), 1 if spikes else 8))]
    source = "input"
    if not spikes:
        mode: Any = draw(st.sampled_from(["impulse", "constant"]))
        nodes.append(Node("code", ops.Encode(mode), ("input",)))
        source = "code"
    scale = 1 if spikes else 120
    ends = []
    for name in ("a", "b"):
        at = source
        for step in range(draw(st.integers(0, 2))):
            at = _same_size(draw, rng, nodes, at, f"{name}{step}", scale if at == source else 1)
        ends.append(_branch(draw, rng, nodes, at, f"{name}_end"))
    nodes.append(Node("sum", ops.Add(), tuple(ends)))
    end = "sum"
    if draw(st.booleans()):
        nodes.append(Node("shift", ops.Shift(1), ("sum",)))
        end = "shift"
    neuron = if_neuron(channels, int(rng.integers(4, 20)), rng.integers(-2, 3, channels))
    nodes.append(Node("join", ops.Neuron(neuron), (end,), "join"))
    last = "join"
    if draw(st.booleans()):
        nodes.append(Node("avg", ops.SumPool2d((2, 2), (2, 2)), ("join",), "avg"))
        nodes.append(Node("avg_n", ops.Neuron(if_neuron(channels, 2)), ("avg",), "avg"))
        last = "avg_n"
    if draw(st.booleans()):
        nodes.append(Node("count", ops.Decode(signed_pairs=draw(st.booleans())), (last,)))
        last = "count"
    nodes.append(Node("output", ops.Output(), (last,)))
    return Network("skip", tuple(nodes), draw(st.integers(2, 5)))


def _same_size(
    draw: st.DrawFn, rng: Any, nodes: list[Node], source: str, name: str, scale: int
) -> str:
    """A population of the source's shape behind a 3x3 convolution, perhaps dilated."""
    dilation = draw(st.integers(1, 2))
    op = conv(rng, 4, 2, (3, 3), padding=(dilation,) * 2, dilation=(dilation,) * 2, groups=2)
    nodes.append(Node(f"{name}_c", op, (source,), name))
    neuron = if_neuron(4, int(rng.integers(5, 25)) * scale, rng.integers(-2, 6, 4) * scale)
    nodes.append(Node(f"{name}_n", ops.Neuron(neuron), (f"{name}_c",), name))
    return f"{name}_n"


def _branch(draw: st.DrawFn, rng: Any, nodes: list[Node], source: str, name: str) -> str:
    """A 1x1 convolution, perhaps shifted on its own."""
    nodes.append(Node(name, conv(rng, 4, 4, (1, 1)), (source,), name))
    shift = draw(st.integers(0, 2))
    if not shift:
        return name
    nodes.append(Node(f"{name}_s", ops.Shift(shift), (name,)))
    return f"{name}_s"


def line(kernel: int = 3, channels: int = 4, size: int = 8, timesteps: int = 4) -> Network:
    """Spikes -> two convolutions with neurons -> counts; the standard small case."""
    rng = np.random.default_rng(7)
    nodes = [Node("input", ops.Input("spikes", (2, size, size + 1), 1))]
    source, inputs = "input", 2
    for index in range(2):
        op = conv(rng, channels, inputs, (kernel, kernel))
        nodes.append(Node(f"c{index}", op, (source,), f"conv{index}"))
        neuron = if_neuron(channels, 9, rng.integers(0, 4, channels))
        nodes.append(Node(f"n{index}", ops.Neuron(neuron), (f"c{index}",), f"act{index}"))
        source, inputs = f"n{index}", channels
    nodes += [Node("count", ops.Decode(), (source,)), Node("output", ops.Output(), ("count",))]
    return Network("line", tuple(nodes), timesteps)


def apart(network: Network, caps: Limits) -> CoreGraph:
    """The cut with the fewest tiles, every tile on a core of its own."""
    tiling = tile(stages(network), caps)
    number = iter(range(tiling.tiles))
    cores = [[next(number) for _ in range(grid.tiles)] for _, grid in tiling.grids]
    return map_tiles(tiling, cores, caps)


def spikes_per_group(graph: CoreGraph, spikes: Mapping[str, Any], stimulus: Any) -> Any:
    """Spikes per group, from those of every neuron `(C, H, W)` and the boxes of the tiles."""
    lines = np.zeros(graph.neurons + graph.size("host"), np.int64)
    names = ("population", "neuron0", "neurons", "c0", "c1", "y0", "y1", "x0", "x1")
    for p, n0, n, c0, c1, y0, y1, x0, x1 in zip(*(graph[f"tile.{k}"] for k in names), strict=True):
        part = spikes[graph.populations[p].name][c0:c1, y0:y1, x0:x1]
        lines[n0 : n0 + n] = part.transpose(1, 2, 0).reshape(-1)
    lines[graph.neurons :] = stimulus.reshape(-1)[graph["host.index"]]
    groups = zip(graph["group.line0"], graph["group.lines"], strict=True)
    return np.array([lines[first : first + count].sum() for first, count in groups])


def zeros(n: int) -> Array:
    """A zero bias."""
    return Array(np.zeros(n, np.int32))


@st.composite
def matching_networks(draw: st.DrawFn) -> Network:
    """Features of a search crop matched with a template from a slot, perhaps a bank of them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width, steps = draw(st.integers(5, 9)), draw(st.integers(4, 9)), draw(st.integers(2, 5))
    pairs, banked = draw(st.booleans()), draw(st.booleans())
    spikes = draw(st.booleans())
    kind: Any = "spikes" if spikes else "values"
    nodes = [Node("input", ops.Input(kind, (2, height, width), 1 if spikes else 8))]
    source, scale = "input", 1
    if not spikes:
        nodes.append(Node("code", ops.Encode("constant"), ("input",)))
        source, scale = "code", 120
    channels = draw(st.sampled_from([2, 4, 6]))
    for index in range(draw(st.integers(1, 2))):
        inputs = 2 if index == 0 else channels
        nodes.append(Node(f"c{index}", conv(rng, channels, inputs, (2, 2)), (source,), f"c{index}"))
        neuron = if_neuron(channels, 8 * scale, rng.integers(0, 4, channels) * scale)
        payloads = draw(st.sampled_from([(1,), (1,), (2, 1), (0, 1)]))
        neuron = dataclasses.replace(neuron, payloads=payloads)
        nodes.append(Node(f"n{index}", ops.Neuron(neuron), (f"c{index}",), f"act{index}"))
        source, scale = f"n{index}", 1
    _, rows, columns = Network("probe", tuple(nodes)).types[source].shape
    kernel = draw(st.integers(1, rows)), draw(st.integers(1, columns))
    shape = (channels // 2 if pairs else channels, *kernel)
    slot = ops.Slot("z", (steps, *shape) if banked else shape, 16)
    # Elements reach 9: one synapse of any size, or two or three of at most 5 or 3.
    words, largest = draw(st.sampled_from([(1, 0), (2, 5), (3, 3)]))
    groups = draw(st.sampled_from([n for n in (1, 2, 3) if shape[0] % n == 0]))
    correlate = ops.Correlate(pairs, words, largest, groups)
    nodes += [
        Node("z", slot),
        Node("step", correlate, (source, "z"), "correlate"),
        Node("match", ops.Accumulate(), ("step",), "correlate"),
        Node("output", ops.Output(), ("match",)),
    ]
    return Network("search", tuple(nodes), steps)


def matched_line(*, banked: bool = False, words: int = 1) -> Network:
    """Signed pairs of a non-square map that spikes often, matched with a 3 x 4 x 3 template."""
    rng = np.random.default_rng(11)
    shape = (3, 4, 3)
    correlate = ops.Correlate(True, words, 5 if words > 1 else 0)
    nodes = (
        Node("input", ops.Input("spikes", (2, 9, 8), 1)),
        Node("c", conv(rng, 6, 2, (2, 2)), ("input",), "conv"),
        Node("n", ops.Neuron(if_neuron(6, 7, 3)), ("c",), "act"),
        Node("z", ops.Slot("z", (4, *shape) if banked else shape, 16)),
        Node("step", correlate, ("n", "z"), "correlate"),
        Node("match", ops.Accumulate(), ("step",), "correlate"),
        Node("output", ops.Output(), ("match",)),
    )
    return Network("search", nodes, 4)


def template_for(network: Network, rng: Any) -> dict[str, Any]:
    """Contents for the slots of a network, signed, many of them zero."""
    return {
        n.op.slot: rng.integers(-9, 10, n.op.shape) * (rng.random(n.op.shape) < 0.6)
        for n in network.nodes
        if isinstance(n.op, ops.Slot)
    }
