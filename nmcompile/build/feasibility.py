"""Does a model fit a target? Lowering and mapping without running or writing anything."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from nmcompile.backends.registry import backend_of
from nmcompile.build.compiled import Compiled, Options, lower, map_networks
from nmcompile.build.reporting import POOLING, utilisation_rows
from nmcompile.frontends import LoadedModel
from nmcompile.ir import ops
from nmcompile.report.sections import Utilisation
from nmcompile.target import Target


@dataclass(frozen=True)
class NetworkFit:
    """One network on cores: how full the target is."""

    network: str
    cores: int
    chips: int
    limits: tuple[Utilisation, ...]


@dataclass(frozen=True)
class Fit:
    """The answer of `nmcompile check`.

    Attributes:
        networks: the networks on the chip.
        host: (step, reason) of everything beside the chip.
        pooling: (layer, scheme) of spike max pooling.
    """

    networks: tuple[NetworkFit, ...]
    host: tuple[tuple[str, str], ...]
    pooling: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        networks = [
            {**dataclasses.asdict(n), "limits": [u.model_dump(mode="json") for u in n.limits]}
            for n in self.networks
        ]
        return {"networks": networks, "host": dict(self.host), "pooling": dict(self.pooling)}


def feasibility(model: LoadedModel, target: Target, options: Options) -> Fit:
    """Lower and map `model`.

    Raises:
        NmError: bad input (1), or every reason why it does not fit (3).
    """
    compiled = Compiled(target, options, model)
    backend = backend_of(target)
    lower(compiled, backend)
    map_networks(compiled, backend)
    golden = compiled.golden
    return Fit(
        tuple(
            NetworkFit(name, graph.cores, graph.chips, utilisation_rows(graph, target))
            for name, graph in compiled.graphs.items()
        ),
        tuple((s.name, s.reason) for s in golden.schedule if s.place == "host"),
        tuple(
            (node.label, POOLING[node.op.rule])
            for network in golden.chip_networks
            for node in network.nodes
            if isinstance(node.op, ops.SpikeMaxPool2d)
        ),
    )
