"""Golden networks onto cores: first with the fewest cores, then over what the chips have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmcompile.backends.base import Backend
from nmcompile.backends.folding import Folding
from nmcompile.backends.placing import Placing
from nmcompile.build.host_work import with_reset_writes
from nmcompile.build.matching import with_template_writes
from nmcompile.build.system_size import require_system
from nmcompile.cost.rates import rates_of
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.mapping.graph import MappedGraph
from nmcompile.target import Target

if TYPE_CHECKING:
    from nmcompile.build.compiled import Compiled


def spreads(network: str, golden: Program, target: Target) -> bool:
    """Whether more cores than needed would save time in every frame.

    Not where a clock gives the ticks: less work on a core would not shorten them.
    """
    every_frame = any(s.trigger == "every_frame" for s in golden.steps_of(network))
    return every_frame and not rates_of(target).time.clocked


def map_networks(build: Compiled, backend: Backend) -> None:
    """Golden networks -> cores, placed with the traffic of the measured frames (if any).

    First each with the fewest cores, which says how many chips are needed. The cores that
    those chips have left then shorten the ticks of the networks that run every frame, and the
    other networks are placed beside them: all are resident at once. Where layers can be folded in
    time, a network beside others takes more time and fewer cores than it does alone.
    """
    fewest: dict[str, MappedGraph] = {}
    found: list[Diagnostic] = []
    for network in build.golden.chip_networks:
        try:
            fewest[network.name] = _fewest(build, backend, network)
        except NmError as error:
            found += error.diagnostics
    if found:
        raise NmError(*found)
    if not isinstance(backend, Folding):
        require_system(fewest, build.target)
    build.graphs = _spread(build, backend, fewest)
    golden = with_template_writes(build.golden, build.graphs, build.target)
    build.programs["golden"] = with_reset_writes(golden, build.graphs)


def _spread(
    build: Compiled, backend: Backend, fewest: dict[str, MappedGraph]
) -> dict[str, MappedGraph]:
    """The networks mapped again over the cores that the powered chips have left.

    What runs most often comes first and keeps its places where nothing is left.
    """
    budgets = _spare_cores(build, fewest) if build.options.spread else {}
    graphs: dict[str, MappedGraph] = {}
    golden = build.golden
    order = sorted(
        golden.chip_networks,
        key=lambda n: (n.name not in budgets, golden.often(n.name), -fewest[n.name].cores),
    )
    for network in order:
        name, beside = network.name, tuple(graphs.values())
        cores = budgets.get(name)
        refolded = bool(beside) and isinstance(backend, Folding)
        if cores is None and not refolded and isinstance(backend, Placing):
            graphs[name] = backend.placed(fewest[name], build.target, beside)
        elif cores is None and not beside:
            graphs[name] = fewest[name]
        else:
            graphs[name] = _mapped(build, backend, network, cores, beside)
        require_system(graphs, build.target, uncounted=len(order) - len(graphs))
    return graphs


def _fewest(build: Compiled, backend: Backend, network: Network) -> MappedGraph:
    """The network on the fewest cores; placed only where that is one step with the rest."""
    if isinstance(backend, Placing):
        return backend.cut(network, build.target, build.traffic.get(network.name))
    return _mapped(build, backend, network)


def _mapped(
    build: Compiled,
    backend: Backend,
    network: Network,
    cores: int | None = None,
    beside: tuple[MappedGraph, ...] = (),
) -> MappedGraph:
    traffic = build.traffic.get(network.name)
    return backend.map(network, build.target, traffic, cores=cores, beside=beside)


def _spare_cores(build: Compiled, fewest: dict[str, MappedGraph]) -> dict[str, int]:
    """Cores for each network that gains from them, so that the powered chips are full."""
    hot = {n: g.cores for n, g in fewest.items() if spreads(n, build.golden, build.target)}
    per_chip = int(build.target.chip.cores.value or 0)
    used = sum(graph.cores for graph in fewest.values())
    chips = max([-(-used // per_chip), *(g.chips for g in fewest.values())]) if per_chip else 0
    spare = chips * per_chip - used
    if spare <= 0 or not build.inputs:
        return {}
    return {name: n + spare * n // sum(hot.values()) for name, n in hot.items()}
