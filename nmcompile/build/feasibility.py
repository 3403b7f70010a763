"""Does a model fit a target? Lowering and mapping without running or writing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nmcompile.backends.registry import backend_of
from nmcompile.backends.survey import NetworkSurvey
from nmcompile.build.compiled import Options, lower, map_networks, prepared, surveyed
from nmcompile.build.matching import matching_rows
from nmcompile.build.number_limits import threshold_notes
from nmcompile.build.reporting import POOLING, utilisation_row, utilisation_rows
from nmcompile.diagnostics import Diagnostic
from nmcompile.frontends import LoadedModel
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.limits import limits_of
from nmcompile.mapping.utilisation import synapse_formats
from nmcompile.report.sections import Utilisation
from nmcompile.target import Target


@dataclass(frozen=True)
class NetworkFit:
    """One network on cores: how full the target is.

    Attributes:
        network: its name.
        cores: cores; without a mapper the fewest, or None when a layer does not fit.
        chips: likewise.
        limits: every limit at its fullest place.
        ticks: of one inference; None where the mapper says nothing about it.
        layers: what single layers take: without a mapper all that is known, with one the formats
            of the synapses where the target has any.
    """

    network: str
    cores: int | None
    chips: int | None
    limits: tuple[Utilisation, ...]
    ticks: int | None = None
    layers: tuple[Mapping[str, str | int | None], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "network": self.network,
            "cores": self.cores,
            "chips": self.chips,
            "limits": [u.model_dump(mode="json") for u in self.limits],
            "ticks": self.ticks,
            "layers": [dict(row) for row in self.layers],
        }


@dataclass(frozen=True)
class Fit:
    """The answer of `nmcompile check`.

    Attributes:
        networks: the networks on the chip.
        host: (step, reason) of everything beside the chip.
        pooling: (layer, scheme) of spike max pooling.
        matching: (layer, rule and place) of search features and template.
        problems: why it does not fit, one error for every layer; empty when it fits.
        notes: what costs cores.
    """

    networks: tuple[NetworkFit, ...]
    host: tuple[tuple[str, str], ...]
    pooling: tuple[tuple[str, str], ...]
    matching: tuple[tuple[str, str], ...]
    problems: tuple[Diagnostic, ...] = ()
    notes: tuple[Diagnostic, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "networks": [n.as_json() for n in self.networks],
            "host": dict(self.host),
            "pooling": dict(self.pooling),
            "matching": dict(self.matching),
        }


def feasibility(model: LoadedModel, target: Target, options: Options) -> Fit:
    """Lower `model` and map it, or ask the backend's survey where it maps nothing.

    Raises:
        NmError: bad input (1), or every reason why it does not fit (3).
    """
    compiled = prepared(model, target, options)
    backend = backend_of(target)
    found = surveyed(compiled, backend)
    rule = compiled.options.recipe.matching.rule
    if found is not None:
        program, survey = found
        return Fit(
            tuple(_surveyed(n) for n in survey.networks),
            _host(program),
            tuple((node.label, POOLING["or"]) for node in _pools(program)),
            matching_rows(program, rule),
            survey.problems,
        )
    lower(compiled, backend)
    map_networks(compiled, backend)
    golden, graphs = compiled.golden, compiled.graphs.items()
    return Fit(
        tuple(_mapped(golden.network(name), graph, target) for name, graph in graphs),
        _host(golden),
        tuple((n.label, POOLING[n.op.rule]) for n in _pools(golden)),  # type: ignore[union-attr]
        matching_rows(golden, rule),
        notes=tuple(n for net in golden.chip_networks for n in threshold_notes(net, target)),
    )


def _mapped(network: Network, graph: CoreGraph, target: Target) -> NetworkFit:
    formats = synapse_formats(graph, limits_of(target))
    return NetworkFit(
        network.name,
        graph.cores,
        graph.chips,
        utilisation_rows(network, graph, target),
        layers=tuple(
            {"layer": layer, "synapse_format": text, "synapse_words": words}
            for layer, text, words in formats
        ),
    )


def _surveyed(network: NetworkSurvey) -> NetworkFit:
    limits = tuple(utilisation_row(usage) for usage in network.limits)
    return NetworkFit(
        *(network.network, network.cores, network.chips, limits), network.ticks, network.layers
    )


def _host(program: Program) -> tuple[tuple[str, str], ...]:
    return tuple((s.name, s.reason) for s in program.schedule if s.place == "host")


def _pools(program: Program) -> Iterator[Node]:
    for network in program.chip_networks:
        yield from network.of_type(ops.SpikeMaxPool2d)
