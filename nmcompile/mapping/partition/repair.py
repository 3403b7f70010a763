"""A partition within the neurons and the distinct input axons of a core.

No partitioner knows a limit on distinct inputs, so its parts are filled into cores one after the
other (`filled`), or split and merged again where cores share inputs (`repaired`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.partition.hypergraph import Hypergraph
from nmcompile.mapping.partition.quality import reached
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

ROUNDS = 8
"""Passes over all cores while some are merged."""


def filled(graph: Hypergraph, order: I64, neurons: int, axons: int) -> I32:
    """Cores filled in a given order; the next one is opened when a neuron does not fit.

    Args:
        graph: the network.
        order: `(nodes,)` neurons in the order to be filled.
        neurons: of a core. axons: distinct hyperedges that may enter it.

    Raises:
        NmError: NM0352 when one neuron alone reads more than `axons` hyperedges.
    """
    return _into_cores(graph, order.astype(np.int64), _fill, neurons, axons)


def repaired(graph: Hypergraph, part: I32, neurons: int, axons: int) -> I32:
    """The parts split until they fit cores, then cores that share inputs merged.

    Args:
        graph: the network.
        part: `(nodes,)` part of every neuron, whatever its size.
        neurons: of a core. axons: distinct hyperedges that may enter it.

    Raises:
        NmError: NM0352, see `filled`.
    """
    order = np.argsort(part, kind="stable").astype(np.int64)
    core = _into_cores(graph, order, partial(_grow, part.astype(np.int64)), neurons, axons)
    for _ in range(ROUNDS):
        edge, reader = reached(graph, core)
        size = np.bincount(core).astype(np.int64)
        into = _merged(edge, reader, size, graph.edges, neurons, axons)
        number = np.unique(into[core], return_inverse=True)[1].reshape(-1)
        core = number.astype(np.int32)
        if len(size) == int(core.max(initial=-1)) + 1:
            break
    return core


def _into_cores(
    graph: Hypergraph, order: I64, fill: Callable[..., int], neurons: int, axons: int
) -> I32:
    first, edge = graph.inputs()
    count = np.diff(first)
    if int(count.max(initial=0)) > axons:
        worst = int(count.argmax())
        raise NmError(
            Diagnostic(
                code="NM0352",
                message="a neuron reads more axons than a core has",
                where=f"neuron {worst}",
                limit=f"{axons} axons",
                found=str(count[worst]),
                help=("use grouped convolutions or fewer input channels",),
            )
        )
    core = np.full(graph.nodes, -1, np.int32)
    stamp = np.full(graph.edges, -1, np.int64)
    fill(order, first, edge, stamp, neurons, axons, core)
    return core


@njit
def _fresh(node: int, now: int, first: I64, edge: I32, stamp: I64) -> int:
    """Inputs of a neuron that do not enter the open core yet."""
    fresh = 0
    for k in range(first[node], first[node + 1]):
        if stamp[edge[k]] != now:
            fresh += 1
    return fresh


@njit
def _enter(node: int, now: int, first: I64, edge: I32, stamp: I64) -> None:
    for k in range(first[node], first[node + 1]):
        stamp[edge[k]] = now


@njit
def _fill(
    order: I64, first: I64, edge: I32, stamp: I64, neurons: int, axons: int, core: I32
) -> int:
    """Neurons in order; returns the last core."""
    now, held, entered = 0, 0, 0
    for node in order:
        fresh = _fresh(node, now, first, edge, stamp)
        if held == neurons or entered + fresh > axons:
            now += 1
            held, entered, fresh = 0, 0, _fresh(node, now, first, edge, stamp)
        _enter(node, now, first, edge, stamp)
        core[node] = now
        held += 1
        entered += fresh
    return now


@njit
def _grow(
    part: I64,
    order: I64,
    first: I64,
    edge: I32,
    stamp: I64,
    neurons: int,
    axons: int,
    core: I32,
) -> int:
    """Part after part, the neuron with the fewest new inputs next; returns the last core."""
    now, begin = -1, 0
    left = order.copy()
    while begin < len(left):
        end = begin
        while end < len(left) and part[left[end]] == part[left[begin]]:
            end += 1
        held = neurons
        entered = 0
        while begin < end:
            best, fewest = begin, 2**62
            for i in range(begin, end):
                fresh = _fresh(left[i], now, first, edge, stamp)
                if fresh < fewest:
                    best, fewest = i, fresh
                if fresh == 0:
                    break
            if held == neurons or entered + fewest > axons:
                now += 1
                held, entered, best = 0, 0, begin
                fewest = _fresh(left[begin], now, first, edge, stamp)
            node = int(left[best])
            # what was passed over keeps its order
            for i in range(best, begin, -1):
                left[i] = left[i - 1]
            left[begin] = node
            begin += 1
            _enter(node, now, first, edge, stamp)
            core[node] = now
            held += 1
            entered += fewest
    return now


@njit
def _merged(edge: I64, reader: I64, size: I64, edges: int, neurons: int, axons: int) -> I64:
    """Which core every core goes into: itself, or one that it shares most inputs with.

    A pass merges each core at most once, smallest cores first.
    """
    cores, pairs = len(size), len(edge)
    # the readers of every hyperedge, and the hyperedges of every core
    begin = np.zeros(edges + 1, np.int64)
    own = np.zeros(cores + 1, np.int64)
    for p in range(pairs):
        begin[edge[p] + 1] += 1
        own[reader[p] + 1] += 1
    begin, own = np.cumsum(begin), np.cumsum(own)
    held = np.zeros(pairs, np.int64)
    place = own.copy()
    for p in range(pairs):
        held[place[reader[p]]] = edge[p]
        place[reader[p]] += 1
    into = np.arange(cores)
    free = np.ones(cores, np.bool_)
    shared = np.zeros(cores, np.int64)
    for one in np.argsort(size, kind="mergesort"):
        if not free[one]:
            continue
        best, most = -1, np.int64(-1)
        count = own[one + 1] - own[one]
        for k in range(own[one], own[one + 1]):
            for p in range(begin[held[k]], begin[held[k] + 1]):
                shared[reader[p]] += 1
        for k in range(own[one], own[one + 1]):
            for p in range(begin[held[k]], begin[held[k] + 1]):
                two = reader[p]
                common = shared[two]
                shared[two] = 0
                if common <= most or two == one or not free[two]:
                    continue
                joined = count + own[two + 1] - own[two] - common
                if joined <= axons and size[one] + size[two] <= neurons:
                    best, most = two, common
        if best >= 0:
            into[one] = best
            free[one] = free[best] = False
    return into
