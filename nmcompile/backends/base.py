"""What every backend answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.counters import NetworkCounters
from nmcompile.ir.network import Network
from nmcompile.ir.ops import Op
from nmcompile.ir.program import Program
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.limits import Usage
from nmcompile.passes.context import TargetRules
from nmcompile.target import Target

Traffic = Mapping[str, npt.NDArray[np.integer[Any]]]
"""Spikes per neuron of a calibration run, `(C, H, W)`, by population or input name."""
LayerRow = Mapping[str, str | int | None]
"""What one layer takes, by heading; the first is `layer`. None is a figure that does not exist."""
Graph = TypeVar("Graph", bound=MappedGraph)


class MappedResult(Protocol):
    """What a simulator of mapped cores returns for one inference.

    Attributes:
        output: read-out counts or membranes, or the output train.
        spikes: population -> `(T, ...)` uint8, aligned to the golden timesteps; empty unless
            recorded.
        v_final: population -> membranes after its last active tick.
        counters: what the cores did.
        traffic: `(ticks, pairs)` packets of every pair of cores, in the order of
            `mapping.route.Routing`; None unless recorded.
    """

    @property
    def output(self) -> npt.NDArray[Any]:
        """See the class."""

    @property
    def spikes(self) -> dict[str, npt.NDArray[np.uint8]]:
        """See the class."""

    @property
    def v_final(self) -> dict[str, npt.NDArray[np.int32]]:
        """See the class."""

    @property
    def counters(self) -> NetworkCounters:
        """See the class."""

    @property
    def traffic(self) -> npt.NDArray[np.int64] | None:
        """See the class."""


class Simulator(Protocol):
    """A simulator of one mapped network; state persists between runs as on the chip."""

    def run(
        self,
        stimulus: npt.NDArray[Any],
        slots: Mapping[str, npt.NDArray[Any]] | None = None,
        *,
        record: bool = False,
    ) -> MappedResult:
        """One inference; the next one starts from the state that this one leaves.

        Args:
            stimulus: of the golden network.
            slots: contents of the program's slots; read by networks that match on cores.
            record: keep the spikes of every population.
        """


class Backend(Protocol):
    """One family of chips.

    Attributes:
        name: what a target's `backend` key says.
    """

    @property
    def name(self) -> str:
        """See the class."""

    def supports(self, op: Op, target: Target) -> str | None:
        """None when cores can run the operator, else the reason why not, in one sentence."""

    def rules(self, target: Target) -> TargetRules:
        """What legalisation must respect."""

    def map(
        self,
        network: Network,
        target: Target,
        traffic: Traffic | None = None,
        *,
        cores: int | None = None,
        beside: Sequence[MappedGraph] = (),
    ) -> MappedGraph:
        """A golden network on cores.

        Args:
            network: legalised for the target.
            target: its limits.
            traffic: measured spikes that weigh the placement; None weighs every neuron alike.
            cores: spread the work over up to this many cores; None uses the fewest.
            beside: networks that hold cores of the same chips already.

        Raises:
            NmError: NM03xx, one diagnostic for every layer that does not fit.
        """

    def refusals(self, network: Network, target: Target) -> tuple[Diagnostic, ...]:
        """Why single layers of a golden network fit no core, without placing anything."""

    def usage(self, graph: MappedGraph, target: Target) -> tuple[Usage, ...]:
        """The largest use of every limit that the mapping obeys, with the place where it occurs."""

    def layer_rows(self, graph: MappedGraph, target: Target) -> tuple[LayerRow, ...]:
        """What the chip does about single layers, for `nmcompile check` (nothing if all alike)."""

    def simulator(self, graph: MappedGraph) -> Simulator:
        """A simulator that reads nothing but the mapped graph.

        Raises:
            NmError: NM0504 when the graph is one of another family of chips.
        """

    def emit(self, program: Program, graphs: Mapping[str, MappedGraph], folder: Path) -> None:
        """Write the program in the chip's own format into `folder` (nothing if it has none)."""


def of_kind(graph: MappedGraph, kind: type[Graph]) -> Graph:
    """The graph, when it is one of the family that a backend works on.

    Raises:
        NmError: NM0504 when it is another one, as in a folder of mixed files.
    """
    if isinstance(graph, kind):
        return graph
    raise NmError(
        Diagnostic(
            code="NM0504",
            message="the mapped graph is one of another family of chips",
            where=graph.network,
            limit=kind.FORMAT,
            found=graph.FORMAT,
            help=("build the deployment again with `nmcompile build`",),
        )
    )
