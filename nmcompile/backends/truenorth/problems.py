"""Diagnostics of layers that TrueNorth cores cannot hold, with the ways out."""

from __future__ import annotations

from nmcompile.backends.truenorth.layer import Layer
from nmcompile.backends.truenorth.parts import parts_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.mapping.populations import Projection
from nmcompile.target import CrossbarTarget

TERNARY_AXONS = 2


def problems_of(layer: Layer, chip: CrossbarTarget) -> list[Diagnostic]:
    """At most one diagnostic; one layer over several limits names them together."""
    numbers = _numbers(layer, chip)
    if layer.gate is not None and _gate_problem(layer, chip):
        return [_no_gate(layer, chip)]
    if layer.axons is None or layer.axons > chip.core.axons.value:
        return [_too_many_axons(layer, chip, numbers)]
    if not numbers:
        return []
    return [
        Diagnostic(
            code="NM0313",
            message="no TrueNorth neuron computes this layer",
            where=layer.population.layer,
            limit="; ".join(limit for limit, _ in numbers),
            found="; ".join(found for _, found in numbers),
            help=(
                "use integrate-and-fire neurons that subtract their threshold or reset to zero",
                "use fewer weight bits, fewer timesteps or another percentile for this layer",
            ),
        )
    ]


def _gate_problem(layer: Layer, chip: CrossbarTarget) -> str:
    """Why the gate of a layer does not fit beside its inputs; "" when it does."""
    gate, allowed = layer.gate, chip.core.axons.value
    if gate is None or gate.problem:
        return "" if gate is None else gate.problem
    text = f"{gate.all_axons} axons for a gate worth {gate.needed:,}"
    if layer.encoding is None or layer.axons is None:
        low, high = layer.weight_range
        types = chip.core.axon_types.value - layer.gate_types
        return f"{text}, no encoding of weights {low}..{high} on {types} types"
    total = layer.axons + gate.all_axons
    if total <= allowed:
        return ""
    each = f"{layer.inputs} inputs x {layer.encoding.axons} axons"
    return f"{each} + {text} = {total} axons, {total - allowed} too many"


def _no_gate(layer: Layer, chip: CrossbarTarget) -> Diagnostic:
    return Diagnostic(
        code="NM0331",
        message="no gate on cores makes this layer accumulate before it fires",
        where=layer.population.layer,
        limit=f"{chip.core.axons.value} axons ({chip.cite('core.axons')}) of "
        f"{chip.core.axon_types.value} types ({chip.cite('core.axon_types')})",
        found=_gate_problem(layer, chip),
        help=(
            "accumulate for fewer timesteps, or use fewer inputs per neuron",
            "use fewer weight bits in this layer: the gate is worth as many of its weights",
            'or use `coding = { name = "rate" }`',
        ),
    )


def _too_many_axons(
    layer: Layer, chip: CrossbarTarget, numbers: list[tuple[str, str]]
) -> Diagnostic:
    allowed = chip.core.axons.value
    low, high = layer.weight_range
    if layer.encoding is None or layer.axons is None:
        found = f"no encoding of weights {low}..{high}"
    else:
        each = layer.encoding.axons
        found = (
            f"{layer.inputs} inputs x {each} axons ({layer.encoding.name}, weights {low}..{high})"
            f" = {layer.axons} axons, {layer.axons - allowed} too many"
        )
    also = tuple(f"then also {f} (limit: {limit})" for limit, f in numbers)
    return Diagnostic(
        code="NM0311",
        message="one neuron of this layer needs more axons than a core has",
        where=layer.population.layer,
        limit=f"{allowed} axons ({chip.cite('core.axons')})",
        found=found,
        help=(*_ways_out(layer, chip), *also),
    )


def _ways_out(layer: Layer, chip: CrossbarTarget) -> list[str]:
    """What would make the layer fit, in figures of this layer."""
    allowed = chip.core.axons.value
    each = None if layer.encoding is None else layer.encoding.axons
    projection = max(layer.population.projections, key=lambda p: p.weight.data[0].size)
    taps = projection.weight.data[0, 0].size
    found = []
    if each is None or each > TERNARY_AXONS:
        axons = layer.inputs * TERNARY_AXONS
        verdict = "fits" if axons <= allowed else f"alone is not enough: {axons} axons"
        found.append(
            f"train with ternary weights per output channel ({TERNARY_AXONS} axons an input),"
            f" which {verdict}"
        )
    for axons in sorted({TERNARY_AXONS, each or TERNARY_AXONS}):
        groups = _groups(layer, projection, axons, allowed)
        if groups > 1:
            inputs = layer.inputs // groups
            found.append(
                f"train it in {groups * projection.groups} groups: {inputs} inputs x {axons}"
                f" axons = {inputs * axons}"
            )
    if taps > 1 and projection.channels_in * TERNARY_AXONS <= allowed:
        found.append(f"train it with 1 x 1 kernels: {projection.channels_in} inputs")
    found.append("let the host run this layer")
    parts = [parts_of(p, chip) for p in layer.population.projections]
    if all(parts):
        count = sum(len(p) for p in parts)
        found.append(
            f"`--split-fan-in` maps it in {count} parts whose sums travel as rates: an"
            " approximation, which the build measures"
        )
    return found


def _groups(layer: Layer, projection: Projection, axons: int, allowed: int) -> int:
    """Fewest further groups with which the inputs fit at `axons` axons each; 0 if none do."""
    for groups in range(1, projection.channels_in + 1):
        divides = projection.channels_in % groups == projection.channels_out % groups == 0
        if divides and layer.inputs // groups * axons <= allowed:
            return groups
    return 0


def _numbers(layer: Layer, chip: CrossbarTarget) -> list[tuple[str, str]]:
    """(limit, what was found) of everything about the neurons that does not fit."""
    found = []
    if layer.unsupported:
        found.append(("the neuron of cassidy2013", layer.unsupported))
    delays = chip.formats.delay_ticks_max.value - chip.formats.delay_ticks_min.value
    for path, used, allowed, what in (
        ("formats.membrane_clip", layer.membrane, chip.formats.membrane_clip.value, "|membrane|"),
        ("formats.floor_bits", -layer.membranes[0], floor_max(chip), "membrane below zero"),
        ("formats.threshold_bits", layer.threshold, threshold_max(chip), "threshold"),
        ("formats.leak_bits", layer.leak, leak_max(chip), "bias"),
        ("formats.delay_ticks_max", layer.delay, delays, "skip path delay"),
    ):
        if used > allowed:
            found.append((f"{allowed} ({chip.cite(path)})", f"{what} up to {used}"))
    return found


def threshold_max(chip: CrossbarTarget) -> int:
    """Largest threshold."""
    return int(2**chip.formats.threshold_bits.value - 1)


def floor_max(chip: CrossbarTarget) -> int:
    """Deepest level at which a negative membrane can be held."""
    return int(2**chip.formats.floor_bits.value - 1)


def leak_max(chip: CrossbarTarget) -> int:
    """Largest constant that a neuron adds at every tick."""
    return int(2 ** (chip.formats.leak_bits.value - 1) - 1)


def too_many_targets(layer: Layer, chip: CrossbarTarget) -> Diagnostic:
    """A neuron must reach more axons than one level of relays has copies."""
    neurons = chip.core.neurons.value
    return Diagnostic(
        code="NM0305",
        message="one neuron must reach more axons than its core and relay cores have copies",
        where=layer.population.layer,
        limit=f"{neurons} x {neurons} copies ({chip.cite('core.neurons')})",
        help=(
            "use fewer output channels in the layers that read it, or larger strides",
            "insert a layer that repeats it",
        ),
    )


def too_many_cores(
    cores: int, chip: CrossbarTarget, where: str = "all networks together"
) -> Diagnostic:
    """All networks together, or one, are larger than the largest system."""
    allowed = chip.chip.cores.value * chip.chip.chips_max.value
    return Diagnostic(
        code="NM0315",
        message="the networks need more cores than the largest system has",
        where=where,
        limit=f"{allowed} cores ({chip.cite('chip.chips_max')})",
        found=f"at least {cores}",
        help=("reduce the channels or the size of the crops", "use fewer axons per input"),
    )
