"""Layers with more axons than a core, as parts for rate-coded partial sums."""

from __future__ import annotations

from nmcompile.backends.truenorth import problems
from nmcompile.backends.truenorth.layer import Layer, layer_of
from nmcompile.backends.truenorth.parts import parts_of
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.mapping.stages import stages
from nmcompile.passes.rate_split import FanInCut, Part
from nmcompile.target import CrossbarTarget


def wide_layers(network: Network, chip: CrossbarTarget) -> tuple[FanInCut, ...]:
    """The populations whose inputs take more axons than a core has, with their parts.

    Raises:
        NmError: NM0330 for layers whose inputs cannot be cut into parts.
    """
    cut = stages(network)
    found, refused = [], []
    for population in cut.populations:
        layer = layer_of(network.name, population, chip, cut.timesteps)
        if layer.axons is not None and layer.axons <= chip.core.axons.value:
            continue
        parts, why = _parts(network, layer, chip)
        if why:
            refused.append(_refusal(layer, chip, why))
        found.append(
            FanInCut(
                *(population.name, population.layer, layer.inputs, layer.axons),
                *(parts, chip.core.axons.value),
            )
        )
    if refused:
        raise NmError(*refused)
    return tuple(found)


def _parts(network: Network, layer: Layer, chip: CrossbarTarget) -> tuple[tuple[Part, ...], str]:
    """The parts of a layer, or why there are none."""
    if layer.unsupported or layer.model is None:
        return (), layer.unsupported or "it pools"
    found: list[Part] = []
    for projection in layer.population.projections:
        branch = network.by_name[projection.node]
        if not isinstance(branch.op, ops.Conv2d | ops.Linear):
            return (), f"`{branch.label}` is no convolution and no linear layer"
        parts = parts_of(projection, chip)
        if not parts:
            return (), f"no part of `{branch.label}` is small enough"
        found += parts
    return tuple(found), ""


def _refusal(layer: Layer, chip: CrossbarTarget, why: str) -> Diagnostic:
    whole = problems.problems_of(layer, chip)[0]
    return Diagnostic(
        code="NM0330",
        message=f"the fan-in of this layer cannot be split into partial sums: {why}",
        where=layer.population.layer,
        limit=whole.limit,
        found=whole.found,
        help=("let the host run this layer", *whole.help[:1]),
    )
