"""Small networks around a memory: one that makes it, one that asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import KeyValue, Offset, Query, Store
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import NILIF
from nmcompile.ir.program import Program, Step
from nmcompile.passes.quantise_membranes import quantise_membranes
from nmcompile.passes.recipe import Recipe

Ints = npt.NDArray[Any]
LEVELS = 4


@dataclass(frozen=True)
class Sizes:
    """Heads, keys and values of each, side of the maps that meet, pixels per place."""

    heads: int
    keys: int
    values: int
    side: int
    channels: int


SIZES = st.builds(
    Sizes,
    heads=st.sampled_from([1, 2, 3]),
    keys=st.integers(1, 4),
    values=st.integers(1, 5),
    side=st.integers(2, 4),
    channels=st.integers(1, 3),
)


def float_networks(sizes: Sizes, factor: float, seed: int) -> tuple[Network, Network]:
    """A template network that leaves a memory in `m`, and one that asks it twice.

    Args:
        sizes: of the memory. factor: on what the memory answers. seed: of the weights.
    """
    rng = np.random.default_rng(seed)
    keys, values = sizes.heads * sizes.keys, sizes.heads * sizes.values

    def conv(out: int, into: int) -> ops.Conv2d:
        weight = rng.normal(0.3, 0.8, (out, into, 1, 1)) / into
        return ops.Conv2d(Array(weight), Array(rng.normal(0.2, 0.3, out)))

    image = ops.Input("values", (3, sizes.side, sizes.side), 8, signed=False)
    # Pixels become counts of the whole range.
    first = ops.Conv2d(Array(rng.normal(0.006, 0.006, (keys, 3, 1, 1))), zeros(keys))
    both = rng.normal(0.006, 0.006, (keys + values, 3, 1, 1))
    template = (
        *(Node("input", image), Node("kv", ops.Conv2d(Array(both), zeros(len(both))), ("input",))),
        *(neurons("kvn", "kv"), Node("k", ops.Channels(0, keys), ("kvn",))),
        Node("v", ops.Channels(keys, values), ("kvn",)),
        Node("product", KeyValue(sizes.heads), ("k", "v")),
        *(Node("kept", Store("m"), ("product",)), Node("output", ops.Output(), ("kept",))),
    )
    slot = ops.Slot("m", (sizes.heads, sizes.keys, sizes.values), signed=False)
    search = (
        *(Node("input", image), Node("q", first, ("input",)), neurons("qn", "q")),
        *(Node("m", slot), Node("ask", Query(sizes.heads), ("qn", "m"))),
        *(Node("factor", ops.Scale(factor), ("ask",)), neurons("found", "factor")),
        *(Node("c", conv(keys, values), ("found",)), neurons("cn", "c")),
        Node("again", Query(sizes.heads), ("cn", "m")),
        *(Node("factor2", ops.Scale(factor), ("again",)), neurons("answer", "factor2")),
        Node("d", without_bias(conv(sizes.channels, values)), ("answer",)),
        Node("bias", Offset(Array(rng.normal(0, 0.1, sizes.channels).astype(np.float32))), ("d",)),
        Node("output", ops.Output(), ("bias",)),
    )
    return Network("template", template), Network("search", search)


def integer_program(sizes: Sizes, factor: float, seed: int, bits: int = 8) -> Program:
    """Both at the integer level, one crop each."""
    made = quantise_membranes(float_networks(sizes, factor, seed), Recipe(memory_bits=bits))
    schedule = (
        Step("template", "on_init", "chip", "template"),
        Step("search", "every_frame", "chip", "search"),
    )
    return Program("memories", "integer", (made["template"], made["search"]), schedule)


def images(sizes: Sizes, count: int, seed: int) -> Ints:
    """`(count, 3, side, side)` pixels."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3, sizes.side, sizes.side)).astype(np.uint8)


def neurons(name: str, source: str) -> Node:
    return Node(name, ops.Neuron(NILIF(Array(np.zeros(0)), LEVELS)), (source,))


def without_bias(op: ops.Conv2d) -> ops.Conv2d:
    return ops.Conv2d(op.weight, zeros(op.weight.shape[0]))


def zeros(size: int) -> Array:
    return Array(np.zeros(size))
