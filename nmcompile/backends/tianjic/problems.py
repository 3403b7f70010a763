"""Why single layers of a network fit no functional core."""

from __future__ import annotations

from nmcompile.backends.tianjic.mapping import problems
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.populations import Population
from nmcompile.mapping.stages import stages
from nmcompile.target import FCoreTarget

BY_MAXIMUM = "pool_or"


def refusals(network: Network, chip: FCoreTarget) -> tuple[Diagnostic, ...]:
    """One diagnostic for every layer that no schedule puts on cores.

    Wide layers are no problem: partial sums of any number of cores are added on others.
    """
    try:
        found = stages(network)
    except NmError as error:
        return error.diagnostics
    unable = [
        problem
        for population in found.populations
        for problem in (_no_maximum(population, chip), _no_partial_sums(population, chip))
        if problem is not None
    ]
    return (*unable, *problems.refusals(found, chip))


def _no_maximum(population: Population, chip: FCoreTarget) -> Diagnostic | None:
    if population.kind != BY_MAXIMUM or chip.neuron.maximum:
        return None
    return Diagnostic(
        code="NM0340",
        message="no core of the target takes the largest of its inputs",
        where=population.layer,
        limit=f"neuron.maximum = false ({chip.label})",
        help=("train the network with strides, or with average pooling, in its place",),
    )


def _no_partial_sums(population: Population, chip: FCoreTarget) -> Diagnostic | None:
    """A fan-in beyond a core's axons, where cores cannot add each other's sums."""
    axons = int(chip.core.axons.value)
    inputs = sum(
        p.channels_in * p.weight.shape[2] * p.weight.shape[3] for p in population.projections
    )
    if chip.neuron.partial_sums == "graded" or inputs <= axons:
        return None
    return Diagnostic(
        code="NM0341",
        message="a neuron has more inputs than a core, and cores send no partial sums",
        where=population.layer,
        limit=f"{axons} axons ({chip.cite('core.axons')})",
        found=str(inputs),
        help=("use fewer input channels, more groups, or smaller kernels",),
    )
