"""What no schedule can map: reasons, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.forms import forms_of
from nmcompile.backends.tianjic.mapping.parameters import parameter_rows
from nmcompile.backends.tianjic.mapping.stamp import StampCore
from nmcompile.backends.tianjic.mapping.tiling import Tiled
from nmcompile.backends.tianjic.mapping.weight_blocks import has_weights
from nmcompile.diagnostics import Diagnostic
from nmcompile.mapping.populations import Population, Stages
from nmcompile.target import FCoreTarget

I64 = npt.NDArray[np.int64]
MODES = ("spikes", "coded", "constant")
"""How the host may send the input."""
KINDS = ("neuron", "relu8", "pool_or")
"""What neurons of cores compute."""


def refusals(split: Stages, chip: FCoreTarget) -> tuple[Diagnostic, ...]:
    """Everything that fits no core, whatever the schedule."""
    return tuple(_refusals(split, chip))


def _refusals(split: Stages, chip: FCoreTarget) -> Iterator[Diagnostic]:
    stimulus, bits = split.input, chip.formats.activation_bits.value
    if stimulus.mode not in MODES:
        yield _refused(stimulus.name, "no neuron keeps the input of the first timestep", chip)
    if stimulus.signed or stimulus.bits > bits:
        yield _refused(stimulus.name, f"an input has up to {bits} bits without sign", chip)
    if len(split.slot_shape) == 4:
        yield _refused(split.output, "the weights cannot change from timestep to timestep", chip)
    for population in split.populations:
        for why in _reasons(population):
            yield _refused(population.layer, why, chip)
        low, high = _weights(population)
        most = 2 ** (chip.formats.weight_bits.value - 1)
        if low < -most or high >= most:
            yield Diagnostic(
                code="NM0346",
                message="a weight is wider than the weights of a core",
                where=population.layer,
                limit=f"{-most} ... {most - 1} ({chip.cite('formats.weight_bits')})",
                found=f"{low} ... {high}",
                help=("quantise the network with fewer weight bits",),
            )


def _reasons(population: Population) -> Iterator[str]:
    model = population.model
    if population.kind not in KINDS or population.pixels:
        yield f"no neuron of it is a {population.kind}"
    if population.input_shift or any(population.port_shifts):
        yield "it cannot shift the sum"
    if any(p.lag for p in population.projections):
        yield "an axon delays nothing"
    if any(p.planes for p in population.projections):
        yield "a weight holds a whole element of a template"
    if model is not None and (model.u_keep or model.state_shift or model.payloads != (1,)):
        yield "a neuron integrates the sum as it is and sends a spike"


def folded_parameters(tiled: Tiled) -> Diagnostic | None:
    """Neurons of different parameters cannot take turns on one neuron of a core."""
    fold, population = tiled.layer.fold, tiled.layer.population
    if (fold.ny, fold.nx, tiled.turns) == (1, 1, 1) or parameter_rows(population).shape[1:3] == (
        1,
        1,
    ):
        return None
    return Diagnostic(
        code="NM0349",
        message="the neurons of a channel have different parameters and cannot be folded in time",
        where=population.layer,
        limit="one bias, threshold and start per channel",
        help=("use the unfolded schedule", "give all neurons of a channel the same parameters"),
    )


def too_many_weights(tiled: Tiled, chip: FCoreTarget) -> Diagnostic | None:
    """Weights that differ, where a core stores nothing but indices into a table."""
    forms = forms_of(chip)
    if forms.values:
        return None
    stamps = {id(stamp): stamp for _, stamp in tiled.boxes}.values()
    cores = [core for stamp in stamps for core in stamp.cores if has_weights(core)]
    most = max((len(np.unique(core.weight)) for core in cores), default=0)
    found = str(most)
    if any(core.element is not None for core in cores):
        found = "a template, which is written while the network runs"
    elif most <= forms.room:
        return None
    return Diagnostic(
        code="NM0344",
        message="the weights of a core have more values than its table of weights",
        where=tiled.layer.population.layer,
        limit=f"{forms.room} ({chip.cite('core.weight_indices')})",
        found=found,
        help=(
            f"set `weight_levels = {forms.room}` in the recipe, for all layers or for this one",
            'choose a target whose cores store weights themselves (`weight_forms = ["values"]`)',
        ),
    )


def wide_partial_sum(tiled: Tiled, split: Stages, chip: FCoreTarget) -> Diagnostic | None:
    """A partial sum that may leave its width, found on the weights of every part."""
    bits = chip.formats.partial_sum_bits.value
    if tiled.levels == 0 or _whole_sums(tiled, split, chip) < 2 ** (bits - 1):
        return None
    largest = largest_partial_sum(tiled, split, chip)
    if largest < 2 ** (bits - 1):
        return None
    return Diagnostic(
        code="NM0347",
        message="a partial sum may leave the width in which cores send it",
        where=tiled.layer.population.layer,
        limit=f"{2 ** (bits - 1) - 1} ({chip.cite('formats.partial_sum_bits')})",
        found=str(largest),
        help=("use fewer weight bits or fewer inputs",),
    )


def largest_partial_sum(tiled: Tiled, split: Stages, chip: FCoreTarget) -> int:
    """Largest magnitude that a partial sum of a layer can have; 0 without partial sums."""
    if tiled.levels == 0:
        return 0
    inputs, stored = _inputs(tiled, split), _stored(split, chip)
    largest = 0
    for stamp in {id(stamp): stamp for _, stamp in tiled.boxes}.values():
        bounds: list[tuple[I64, I64]] = []
        for core in stamp.cores:
            value = inputs[stamp.block.projection[core.inputs]]
            low, high = _range(core, value, stored, bounds, tiled.layer.maximum)
            bounds.append((low, high))
            if not core.final:
                largest = max(largest, int(-low.min(initial=0)), int(high.max(initial=0)))
    return largest


def _whole_sums(tiled: Tiled, split: Stages, chip: FCoreTarget) -> int:
    """What no partial sum of a layer exceeds: all inputs at their largest, whatever the signs."""
    most, stored = 0, _stored(split, chip)
    inputs = _inputs(tiled, split).tolist()
    for projection, value in zip(tiled.layer.population.projections, inputs, strict=True):
        size = np.abs(projection.weight.data.astype(np.int64))
        if projection.elements is not None:
            size += stored * (projection.elements.data != 0)
        most += value * int(size.reshape(len(size), -1).sum(axis=1).max(initial=0))
    return most


def _inputs(tiled: Tiled, split: Stages) -> I64:
    """`(projections,)` largest value that each reads."""
    bits = {split.input.name: split.input.bits, **{p.name: p.bits for p in split.populations}}
    projections = tiled.layer.population.projections
    return np.array([2 ** bits[p.source] - 1 for p in projections], np.int64)


def _stored(split: Stages, chip: FCoreTarget) -> int:
    """Largest magnitude of a weight that holds an element of the template."""
    return split.slot_largest or 2 ** (chip.formats.weight_bits.value - 1) - 1


def _range(
    core: StampCore,
    inputs: I64,
    stored: int,
    before: Sequence[tuple[I64, I64]],
    maximum: bool,
) -> tuple[I64, I64]:
    """Smallest and largest sum of every neuron of a core."""
    weight = core.weight.astype(np.int64)
    low, high = np.zeros_like(inputs), inputs
    if len(core.senders):
        part, neuron = core.senders.T
        place = np.cumsum([0, *(len(sums) for sums, _ in before)])[part] + neuron
        low, high = (np.concatenate(sums)[place] for sums in zip(*before, strict=True))
    if maximum:
        most = (weight * high[:, None]).max(axis=0, initial=0)
        return np.zeros_like(most), most
    if len(core.senders):
        return low @ weight, high @ weight
    positive, negative = np.maximum(weight, 0), np.minimum(weight, 0)
    if core.element is not None:
        held = np.where(core.element != 0, stored, 0)
        positive, negative = np.maximum(positive, held), np.minimum(negative, -held)
    return high @ negative, high @ positive


def _weights(population: Population) -> tuple[int, int]:
    every = [p.weight.data for p in population.projections if p.weight.data.size]
    low = min((int(w.min()) for w in every), default=0)
    return low, max((int(w.max()) for w in every), default=0)


def _refused(where: str, why: str, chip: FCoreTarget) -> Diagnostic:
    return Diagnostic(
        code="NM0301",
        message=f"no core of {chip.name} computes this layer: {why}",
        where=where,
        help=("let the host run this part of the network",),
    )


def too_many_cores(cores: int, chip: FCoreTarget, where: str) -> Diagnostic:
    """A network is larger than the largest system."""
    allowed = chip.chip.cores.value * chip.chip.chips_max.value
    return Diagnostic(
        code="NM0315",
        message="the networks need more cores than the largest system has",
        where=where,
        limit=f"{allowed} cores ({chip.cite('chip.chips_max')})",
        found=f"at least {cores}",
        help=(
            "fold more of the network in time, see `nmcompile check`",
            "reduce the channels or the size of the crops",
        ),
    )
