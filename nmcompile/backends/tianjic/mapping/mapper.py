"""Networks onto functional cores: folds, boxes, partial sums, phases, places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping import problems
from nmcompile.backends.tianjic.mapping.assemble import Assembler
from nmcompile.backends.tianjic.mapping.forms import forms_of
from nmcompile.backends.tianjic.mapping.places import placed, slots_of
from nmcompile.backends.tianjic.mapping.plan import chosen
from nmcompile.backends.tianjic.mapping.planning import planned, readable, room_of
from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.backends.tianjic.mapping.tiling import Tiler
from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.graph import PLACE, MappedGraph
from nmcompile.mapping.header import header_of
from nmcompile.target import FCoreTarget

Traffic = Mapping[str, npt.NDArray[np.integer[Any]]]


def map_network(
    network: Network,
    target: FCoreTarget,
    traffic: Traffic | None = None,
    *,
    schedule: Schedule | None = None,
    cores: int | None = None,
    beside: Sequence[MappedGraph] = (),
    seed: int = 0,
) -> FCoreGraph:
    """Map a golden network onto functional cores.

    Args:
        network: golden level, see `nmcompile.mapping.stages`.
        target: the chip.
        traffic: spikes per neuron of a calibration run, by node name; nodes that are missing
            count one per neuron. It weighs placement only.
        schedule: what is folded in time; None takes the fewest phases that fit one chip beside
            the networks that are there, else the semi-folded schedule on several chips, see
            `chosen`.
        cores: has no effect: the schedule says how many there are.
        beside: networks that hold cores of the same chips already.
        seed: of the placement's random swaps.

    Raises:
        NmError: see `readable` and `planned`; NM0315 where the largest system has too few cores.
    """
    return placed(cut_network(network, target, traffic, schedule, beside), target, beside, seed)


def cut_network(
    network: Network,
    target: FCoreTarget,
    traffic: Traffic | None = None,
    schedule: Schedule | None = None,
    beside: Sequence[MappedGraph] = (),
) -> FCoreGraph:
    """What `map_network` finds, with no core at any place yet."""
    split = readable(network, target)
    taken = sum(graph.cores for graph in beside)
    tiler = Tiler(room_of(target))
    if schedule is None:
        slowest = max((g.phases for g in beside if isinstance(g, FCoreGraph)), default=0)
        schedule = chosen(split, target, taken, tiler, slowest)
    plan = planned(split, target, schedule, tiler)
    if plan.cores > target.chip.cores.value * target.chip.chips_max.value - taken:
        raise NmError(problems.too_many_cores(plan.cores + taken, target, network.name))
    columns = Assembler(plan, forms_of(target)).columns()
    count = len(columns["core.population"])
    columns |= {f"core.{name}": np.zeros(count, np.int32) for name in PLACE}
    times = plan.times
    depth = {name: start + times.levels[name] for name, start in times.start.items()}
    graph = FCoreGraph(
        **header_of(split, depth),
        target=target.name,
        ticks=times.ticks,
        input_values=split.input.mode == "constant",
        mesh=slots_of(count, target).mesh,
        tables=columns,
        interval=times.interval,
        schedule=str(schedule),
        partial_sum_bits=target.formats.partial_sum_bits.value,
        weight_indices=target.core.weight_indices.value,
    )
    return _with_traffic(graph, traffic or {})


def _with_traffic(graph: FCoreGraph, traffic: Traffic) -> FCoreGraph:
    """Measured spikes of all neurons; a partial sum is sent in every step."""
    maps = [np.zeros(0, np.int64)]
    for info in graph.populations:
        known = traffic.get(info.name)
        spikes = np.ones(info.shape) if known is None else np.asarray(known).reshape(info.shape)
        maps.append(np.moveaxis(spikes, 0, -1).reshape(-1).astype(np.int64))
    owner = graph.senders()[0][int(np.prod(graph.input_shape3)) :]
    sends = owner >= 0
    sent = np.bincount(owner[sends], np.concatenate(maps)[sends], minlength=graph.neurons)
    core = graph.neuron_cores()
    steps = (graph["core.ny"].astype(np.int64) * graph["core.nx"])[core] * graph.timesteps
    part = graph["neuron.role"] != 0
    return graph.replace({"neuron.traffic": np.where(part, steps, sent.astype(np.int64))})
