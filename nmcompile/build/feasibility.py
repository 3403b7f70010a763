"""Does a model fit a target? Lowering and mapping without running or writing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nmcompile.backends.base import Backend, LayerRow
from nmcompile.backends.folding import Folding, backend_for
from nmcompile.backends.survey import NetworkSurvey
from nmcompile.build.compiled import (
    Compiled,
    Options,
    prepared,
    surveyed,
    to_golden,
    to_integer,
)
from nmcompile.build.matching import matching_rows
from nmcompile.build.number_limits import threshold_notes
from nmcompile.build.on_cores import map_networks, spreads
from nmcompile.build.pooling import pooling_schemes
from nmcompile.build.reporting import utilisation_row, utilisation_rows
from nmcompile.build.state_steps import step_notes
from nmcompile.diagnostics import Diagnostic
from nmcompile.frontends import LoadedModel
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.mapping.graph import MappedGraph
from nmcompile.report.sections import Utilisation
from nmcompile.target import Target


@dataclass(frozen=True)
class NetworkFit:
    """One network on cores: how full the target is.

    Attributes:
        network: its name.
        cores: cores; where nothing was mapped an estimate, or None when a layer does not fit.
        chips: likewise.
        limits: every limit at its fullest place.
        mapped: whether cores hold the network, so that the figures are exact.
        spreads: whether a build spreads it over the cores that its chips have left, which
            needs measured traffic: `cores` are the fewest then.
        ticks: of one inference.
        layers: what single layers take, as the backend tells it.
        curve: what the network takes under every schedule, where layers can be folded in time.
    """

    network: str
    cores: int | None
    chips: int | None
    limits: tuple[Utilisation, ...]
    mapped: bool
    ticks: int
    spreads: bool = False
    layers: tuple[LayerRow, ...] = ()
    curve: tuple[LayerRow, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "network": self.network,
            "cores": self.cores,
            "chips": self.chips,
            "limits": [u.model_dump(mode="json") for u in self.limits],
            "mapped": self.mapped,
            "spreads": self.spreads,
            "ticks": self.ticks,
            "layers": [dict(row) for row in self.layers],
            "curve": [dict(row) for row in self.curve],
        }


@dataclass(frozen=True)
class Fit:
    """The answer of `nmcompile check`.

    Attributes:
        networks: the networks on the chip.
        host: (step, reason) of everything beside the chip.
        pooling: (layer, scheme) of max pooling.
        matching: (layer, rule and place) of search features and template.
        problems: why it does not fit, one error for every layer; empty when it fits.
        chips: that all networks take together; None where they were not mapped.
        notes: what costs cores, or precision.
    """

    networks: tuple[NetworkFit, ...]
    host: tuple[tuple[str, str], ...]
    pooling: tuple[tuple[str, str], ...]
    matching: tuple[tuple[str, str], ...]
    problems: tuple[Diagnostic, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    chips: int | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "networks": [n.as_json() for n in self.networks],
            "host": dict(self.host),
            "pooling": dict(self.pooling),
            "matching": dict(self.matching),
            "chips": self.chips,
        }


def feasibility(model: LoadedModel, target: Target, options: Options) -> Fit:
    """Lower `model` and map it; what the backend's survey refuses is shown beside its tables.

    Raises:
        NmError: bad input (1), or every reason why it does not fit (3).
    """
    compiled = prepared(model, target, options)
    backend = backend_for(target, options.schedule)
    context, chosen = to_integer(compiled, backend)
    rule = compiled.options.recipe.matching.rule
    program, survey = surveyed(compiled, backend, context), compiled.survey
    if program is not None and survey is not None and survey.problems:
        return Fit(
            tuple(_surveyed(n) for n in survey.networks),
            _host(program),
            tuple(pooling_schemes(program, "or")),
            matching_rows(program, rule),
            survey.problems,
        )
    to_golden(compiled, backend, context, chosen)
    map_networks(compiled, backend)
    golden, graphs = compiled.golden, compiled.graphs.items()
    return Fit(
        tuple(_mapped(compiled, backend, golden.network(name), graph) for name, graph in graphs),
        _host(golden),
        tuple(pooling_schemes(golden)),
        matching_rows(golden, rule),
        notes=(
            *(n for net in golden.chip_networks for n in threshold_notes(net, target)),
            *step_notes(golden, target),
        ),
        chips=compiled.chips,
    )


def _mapped(
    compiled: Compiled, backend: Backend, network: Network, graph: MappedGraph
) -> NetworkFit:
    survey = compiled.surveyed(network)
    found = backend.layer_rows(graph, compiled.target)
    usage = backend.usage(graph, compiled.target)
    if survey is not None:
        mapped = {row["layer"]: row for row in found}
        found = tuple({**row, **mapped.get(row["layer"], {})} for row in survey.layers)
    return NetworkFit(
        network.name,
        graph.cores,
        graph.own_chips,
        utilisation_rows(network, usage, compiled.target, survey),
        mapped=True,
        ticks=graph.ticks,
        spreads=spreads(network.name, compiled.golden, compiled.target),
        layers=found,
        curve=backend.curve(network, compiled.target) if isinstance(backend, Folding) else (),
    )


def _surveyed(network: NetworkSurvey) -> NetworkFit:
    limits = tuple(utilisation_row(usage) for usage in network.limits)
    return NetworkFit(
        *(network.network, network.cores, network.chips, limits),
        mapped=False,
        ticks=network.ticks,
        layers=tuple(
            {**row, **more} for row, more in zip(network.layers, network.estimates, strict=True)
        ),
    )


def _host(program: Program) -> tuple[tuple[str, str], ...]:
    return tuple((s.name, s.reason) for s in program.schedule if s.place == "host")
