"""Networks onto crossbar cores: encodings, boxes, copies, relays, delays, places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.layer import Layer, core_limits, layer_of
from nmcompile.backends.truenorth.mapping.assemble import Assembler, Plan, Traffic
from nmcompile.backends.truenorth.mapping.relays import relayed_paths
from nmcompile.backends.truenorth.mapping.start import (
    above_threshold,
    fires_early,
    no_room,
    start_of,
)
from nmcompile.backends.truenorth.mapping.tiling import (
    RELAYS_FAIR,
    RELAYS_FREE,
    RELAYS_NEVER,
    Tiler,
)
from nmcompile.backends.truenorth.mapping.timing import Timing, timing
from nmcompile.backends.truenorth.problems import problems_of, too_many_cores
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.mapping.graph import PLACE, MappedGraph
from nmcompile.mapping.header import header_of
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.place import SEED, place
from nmcompile.mapping.placement.slots import Slots, slots_for
from nmcompile.mapping.populations import Stages
from nmcompile.mapping.route import system_coordinates
from nmcompile.mapping.stages import stages
from nmcompile.mapping.template_crossbars import TemplateCrossbarGraph
from nmcompile.target import CrossbarTarget


def map_network(
    network: Network,
    target: CrossbarTarget,
    traffic: Traffic | None = None,
    *,
    cores: int | None = None,
    beside: Sequence[MappedGraph] = (),
    seed: int = SEED,
) -> CrossbarGraph:
    """Map a golden network onto crossbar cores.

    Args:
        network: golden level, see `nmcompile.mapping.stages`.
        target: the chip.
        traffic: spikes per neuron of a calibration run, by node name; nodes that are missing
            count one spike per neuron. It weighs placement only.
        cores: has no effect: the tick is fixed, so that spare cores make nothing faster.
        beside: networks that hold cores of the same chips already.
        seed: of the placement's random swaps.

    Raises:
        NmError: see `plan_network`; NM0315 before any table is written where the largest system
            has too few cores; NM0326 where a packet would have to go too far.
    """
    plan = plan_network(network, target)
    if plan.cores > target.chip.cores.value * target.chip.chips_max.value:
        _require([too_many_cores(plan.cores, target, network.name)])
    columns = Assembler(plan, target, traffic or {}).columns()
    count = len(columns["core.neurons"])
    taken = frozenset(slot for graph in beside for slot in graph.slots)
    slots = _together(slots_for(count, core_limits(target, 1), taken), count)
    unplaced = {f"core.{name}": np.zeros(count, np.int32) for name in PLACE}
    split = plan.split
    family = TemplateCrossbarGraph if split.slot else CrossbarGraph
    graph = family(
        **header_of(split, plan.times.depth),
        target=target.name,
        ticks=plan.times.ticks,
        input_values=False,
        mesh=slots.mesh,
        tables={**columns, **unplaced},
        membrane_clip=target.formats.membrane_clip.value,
    )
    return _placed(graph, slots, target, seed)


def plan_network(network: Network, target: CrossbarTarget) -> Plan:
    """Everything about a mapping but its tables and places: layers, cores, copies, times.

    Raises:
        NmError: NM0301 for operators that cores cannot run, NM0311 and NM0313 for layers beyond
            the limits, NM0306 for skip paths, NM0319 for biases that cannot wait.
    """
    split = stages(network)
    _require_spikes(split, target)
    layers = {p.name: layer_of(network.name, p, target, split.timesteps) for p in split.populations}
    _require([d for layer in layers.values() for d in problems_of(layer, target)])
    try:
        plan = _planned(split, layers, target, RELAYS_FAIR)
    except NmError as error:
        if "NM0319" not in error.codes:
            raise
        # relays make populations wait longer; without, their biases may find a way
        return _planned(split, layers, target, RELAYS_NEVER)
    if plan.cores > target.chip.cores.value * target.chip.chips_max.value:
        return _planned(split, layers, target, RELAYS_FREE)
    return plan


def _planned(split: Stages, layers: dict[str, Layer], target: CrossbarTarget, weight: int) -> Plan:
    times = timing(split, frozenset(), target)
    gated: frozenset[str] = frozenset()
    tiler: Tiler | None = None
    while True:
        # relays let populations wait longer, so that more biases may need an axon
        gated |= _gated(layers, times, target)
        coded = _with_a_free_type(layers, gated, target)
        if tiler is None or coded != layers:
            layers, tiler = coded, Tiler(split, coded, target)
        tiling = tiler.tile(gated, weight)
        times = timing(split, relayed_paths(split, tiling, target), target)
        if _gated(layers, times, target) <= gated:
            break
    _require(
        above_threshold(layers[p.name], times.depth[p.name], target)
        for p in split.populations
        if fires_early(layers[p.name], times.depth[p.name])
    )
    starts = {name: start_of(layer, times.depth[name], target) for name, layer in layers.items()}
    return Plan(split, layers, starts, tiling, times)


def _require(problems: Iterable[Diagnostic]) -> None:
    found = tuple(problems)
    if found:
        raise NmError(*found)


def _require_spikes(split: Stages, target: CrossbarTarget) -> None:
    """Refuse what no encoding of weights could help: values, shifts, templates."""
    stimulus = split.input
    if stimulus.mode not in ("spikes", "coded") or stimulus.bits != 1 or stimulus.signed:
        _require([_refused(stimulus.name, "a spike carries no value", target)])
    _require(
        _refused(p.layer, "a crossbar adds weights; it cannot shift the sum", target)
        for p in split.populations
        if p.input_shift or any(p.port_shifts) or (p.model is not None and p.model.state_shift)
    )
    kinds = {
        "pool_running_max": "counts maxima",
        "pool_gate": "counts",
        "sigma_delta": "keeps sums",
    }
    _require(
        _refused(p.layer, f"no neuron {kinds[p.kind]}", target)
        for p in split.populations
        if p.kind in kinds
    )
    _require(
        _refused(p.layer, "a cross-point holds one bit of a template's element", target)
        for p in split.populations
        if any(q.elements is not None and not q.planes for q in p.projections)
    )


def _refused(where: str, why: str, target: CrossbarTarget) -> Diagnostic:
    return Diagnostic(
        code="NM0301",
        message=f"no core of {target.name} computes this layer: {why}",
        where=where,
        help=("let the host run this part of the network",),
    )


def _gated(layers: Mapping[str, Layer], times: Timing, target: CrossbarTarget) -> frozenset[str]:
    """Populations with a bias that must come through an axon."""
    return frozenset(
        name
        for name, layer in layers.items()
        if start_of(layer, times.depth[name], target).needs_axon
    )


def _with_a_free_type(
    layers: Mapping[str, Layer], gated: frozenset[str], target: CrossbarTarget
) -> dict[str, Layer]:
    """Gated layers encoded again where their inputs use all types of axons.

    Raises:
        NmError: NM0319 where fewer types do not hold the weights.
    """
    found = dict(layers)
    types = target.core.axon_types.value
    for name in sorted(gated):
        layer = found[name]
        if layer.encoding is not None and layer.types < types:
            continue
        left = types - 1 - layer.gate_types
        other = layer_of(layer.network, layer.population, target, layer.timesteps, left)
        if other.axons is None or other.axons + other.gate_axons >= target.core.axons.value:
            raise NmError(no_room(layer, target))
        found[name] = other
    return found


def _together(slots: Slots, cores: int) -> Slots:
    """As many slots as there are cores, the first columns, so that other networks find room."""
    chosen = np.sort(np.lexsort((slots.slot, slots.row, slots.column))[:cores])
    columns = (column[chosen] for column in (slots.chip, slots.x, slots.y, slots.slot))
    return Slots(slots.mesh, *columns)


def _placed(graph: CrossbarGraph, slots: Slots, target: CrossbarTarget, seed: int) -> CrossbarGraph:
    """Choose a slot for every core.

    Raises:
        NmError: NM0326 where a packet would have to go further than the routers let it.
    """
    source, end, _, packets = graph.core_edges()
    between = (source >= 0) & (source != end)
    flows = Flows(graph.cores, source[between], end[between], packets[between])
    chosen = place(flows, _centres(graph, flows), slots, seed)
    columns = (slots.chip, slots.x, slots.y, slots.slot)
    places = {f"core.{n}": column[chosen] for n, column in zip(PLACE, columns, strict=True)}
    placed = graph.replace(places)
    column, row = system_coordinates(placed)
    ways = (np.abs(at[flows.source] - at[flows.target]).max(initial=0) for at in (column, row))
    reach, longest = target.routing.reach_cores.value, max(int(way) for way in ways)
    if longest > reach:
        raise NmError(_too_far(graph.network, longest, target))
    return placed


def _centres(graph: CrossbarGraph, flows: Flows) -> npt.NDArray[np.float64]:
    """`(cores, 2)` mean relative (x, y) of a core's tiles, or of those that feed its relays."""
    shapes = np.array([p.shape for p in graph.populations], np.float64)
    shape = shapes[graph["tile.population"]]
    centres = np.zeros((graph.cores, 2))
    core = graph["tile.core"]
    count = np.bincount(core, minlength=graph.cores)
    for axis, (name, extent) in enumerate((("x", 2), ("y", 1))):
        middle = (graph[f"tile.{name}0"] + graph[f"tile.{name}1"]) / 2 / shape[:, extent]
        centres[:, axis] = np.bincount(core, weights=middle, minlength=graph.cores)
    centres /= np.maximum(1, count)[:, None]
    relays = count == 0
    into = relays[flows.target]
    fed = np.maximum(1, np.bincount(flows.target[into], minlength=graph.cores))
    for axis in range(2):
        middle = centres[flows.source[into], axis]
        sums = np.bincount(flows.target[into], weights=middle, minlength=graph.cores)
        centres[relays, axis] = (sums / fed)[relays]
    return centres


def _too_far(network: str, longest: int, target: CrossbarTarget) -> Diagnostic:
    reach = target.routing.reach_cores.value
    return Diagnostic(
        code="NM0326",
        message="a spike would have to travel further than a packet of this chip can",
        where=network,
        limit=f"{reach} cores along x and along y ({target.cite('routing.reach_cores')})",
        found=str(longest),
        help=(
            "use smaller crops or fewer channels, so that the network needs fewer chips",
            "build with measured frames, or another seed: placement follows the traffic",
        ),
    )
