"""The connection processes in front of a population."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi.lava.specs import LayerSpec, SynapseSpec, lava_shape
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.infer import conv_extent, sum_bound
from nmcompile.ir.network import Network
from nmcompile.ir.types import EdgeType
from nmcompile.mapping.populations import Population, Projection
from nmcompile.mapping.window import Window

Weight = npt.NDArray[np.signedinteger[Any]]

CONV_BITS = 24
"""Lava's `Conv` wraps its sums to this width."""
SPARSE_BELOW = 0.5
"""Share of weights that are not zero, below which a matrix becomes a `Sparse` process."""
DELAY_MAX = 63
"""Longest delay of stock `DelayDense`."""


class Synapses:
    """Turns the projections of a mapping into stock connection processes.

    Args:
        network: the golden network.
        layers: the layers so far, by population; grows while the network is planned.
    """

    def __init__(self, network: Network, layers: Mapping[str, LayerSpec]) -> None:
        self._network = network
        self._layers = layers
        self._unproved: list[str] = []

    @property
    def unproved(self) -> tuple[str, ...]:
        """Labels of the convolutions whose sums are not proved to fit Lava's width."""
        return tuple(self._unproved)

    def of(self, population: Population) -> tuple[SynapseSpec, ...]:
        """The processes whose sums, port by port, are the input of the population."""
        if population.pixels:
            return (self._direct(population),)
        specs = [self._synapse(p) for p in population.projections]
        return _with_delays(specs)

    def source(self, population: str) -> str:
        """Identifier of the layer that a projection reads, "inp" for the network's input."""
        return self._layers[population].name if population in self._layers else "inp"

    def edge(self, projection: Projection) -> EdgeType:
        """What travels into a projection."""
        node = self._network.by_name.get(projection.node)
        if node is None:  # a word of a template
            return self._network.types[projection.source]
        return self._network.types[node.inputs[0]]

    def _direct(self, population: Population) -> SynapseSpec:
        edge = self._network.types[self._network.input.name]
        return SynapseSpec(
            kind="direct",
            node=population.name,
            label=population.layer,
            source="inp",
            flatten=False,
            weight=np.zeros(0, np.int8),
            in_shape=lava_shape(edge.shape),
            message_bits=edge.bits,
        )

    def _synapse(self, p: Projection) -> SynapseSpec:
        node = self._network.by_name.get(p.node)
        shape = self._network.types[p.source].shape
        edge = self.edge(p)
        graded = edge.bits > 1 or edge.signed
        cropped = not (_whole(p.x) and _whole(p.y))
        spec = SynapseSpec(
            kind="conv",
            node=p.node,
            label=p.layer,
            source=self.source(p.source),
            flatten=False,
            weight=_on_the_map(self._weight(p), p) if cropped else self._weight(p),
            in_shape=lava_shape(shape),
            stride=(p.x.stride, p.y.stride),
            padding=(max(0, p.x.padding), max(0, p.y.padding)),
            dilation=(1, 1) if cropped else (p.x.dilation, p.y.dilation),
            groups=p.groups,
            message_bits=edge.bits if graded else 0,
            port=p.port,
            wait=p.delay or None,
            source_delay=self._layers[p.source].delay if p.source in self._layers else 0,
            word=None if p.elements is None else p.word,
        )
        if node is None or not isinstance(node.op, ops.Linear):
            if p.elements is None and sum_bound(p.weight, None, edge) >= 1 << (CONV_BITS - 1):
                self._unproved.append(p.layer)
            return spec
        weight = node.op.weight.data.astype(np.int8)
        sparse = 0 < np.count_nonzero(weight) < SPARSE_BELOW * weight.size
        return dataclasses.replace(
            spec, kind="sparse" if sparse else "dense", weight=weight, flatten=len(shape) == 3
        )

    def _weight(self, p: Projection) -> Weight:
        if p.elements is not None:
            return p.elements.data.astype(np.int32)
        data = p.weight.data
        low, high = int(data.min(initial=0)), int(data.max(initial=0))
        if low < -128 or high > 127:
            raise NmError(
                Diagnostic(
                    code="NM0390",
                    message="this layer has no Lava form: its weights are not 8-bit integers",
                    where=p.layer,
                    found=f"{low}..{high}",
                    help=("quantise to at most 8 bits",),
                )
            )
        return data.astype(np.int8)


def _whole(window: Window) -> bool:
    """Whether a layer reads a whole map, not a part of it, along one axis."""
    w = window
    extent = conv_extent(w.size_in, w.kernel, w.stride, w.padding, w.dilation)
    return w.padding >= 0 and extent == w.size_out


def _on_the_map(weight: Weight, p: Projection) -> Weight:
    """The kernel of a part of a map as a kernel of the whole map: zeros around it.

    Stock `Conv` reads whole maps. The part begins where its negative padding says.
    """
    shape = [w.size_in - (w.size_out - 1) * w.stride for w in (p.y, p.x)]
    found = np.zeros((*weight.shape[:2], *shape), weight.dtype)
    rows, columns = (
        slice(-w.padding, -w.padding + (w.kernel - 1) * w.dilation + 1, w.dilation)
        for w in (p.y, p.x)
    )
    found[:, :, rows, columns] = weight
    return found


def _with_delays(specs: list[SynapseSpec]) -> tuple[SynapseSpec, ...]:
    """Matrices that read one source with different delays become one `DelayDense`."""
    found: list[SynapseSpec] = []
    key = lambda s: (s.port, s.source, s.flatten) if s.weight.ndim == 2 else (s.node,)  # noqa: E731
    for _, group in groupby(specs, key):
        found += _joined(list(group))
    return tuple(found)


def _joined(group: list[SynapseSpec]) -> list[SynapseSpec]:
    """One `DelayDense` where every connection has one delay, else the group as it is."""
    waits = [s.wait or 0 for s in group]
    used = sum((s.weight != 0).astype(int) for s in group)
    if len(group) < 2 or np.max(used) > 1 or max(waits) - min(waits) > DELAY_MAX:
        return group
    first = group[0]
    weight = np.sum([s.weight.astype(np.int32) for s in group], axis=0).astype(np.int8)
    delays = np.zeros(weight.shape, np.int64)
    for synapse, wait in zip(group, waits, strict=True):
        delays[synapse.weight != 0] = wait - min(waits)
    joined = dataclasses.replace(
        first, kind="delay_dense", weight=weight, delays=delays, wait=min(waits)
    )
    return [joined]
