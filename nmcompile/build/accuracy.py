"""Float to integer, judged layer by layer: how far spike rates are from activations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import NetworkInput, reference_executor
from nmcompile.build.stimuli import Frame, recorded_inputs
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IF, LIF, NILIF, PAYLOAD_MAX, CubaLIF
from nmcompile.ir.program import Program
from nmcompile.passes.ann_networks import stays_ann
from nmcompile.passes.calibrate import activation_nodes, leaves_network
from nmcompile.passes.codings import schedule_of
from nmcompile.passes.context import Scale
from nmcompile.passes.membrane_units import has_membranes
from nmcompile.passes.numbers import ZERO
from nmcompile.passes.recipe import Recipe
from nmcompile.reference.integer import IntegerRunner
from nmcompile.reference.slots import empty_slots


@dataclass(frozen=True)
class LayerError:
    """One layer, float activations against spike counts, over all frames of the check.

    Attributes:
        network: its network.
        layer: the user's layer name.
        correlation: Pearson, over all neurons and frames; NaN-free (0 when one side is flat).
        relative_error: ||decoded spikes - activation|| / ||activation||.
        rate: mean spikes per neuron and timestep.
        scale: the activation that a spike at every timestep stands for in rate coding; the mean
            over the channels where each has its own.
        percentile: that became the scale; None where the scale was stored in the model.
        v_init: membrane at the start of a frame, in thresholds.
    """

    network: str
    layer: str
    correlation: float
    relative_error: float
    rate: float
    scale: float
    percentile: float | None
    v_init: float


def layer_errors(
    float_program: Program,
    integer_program: Program,
    made: tuple[Frame, ...],
    scale_of: dict[str, Scale],
    recipe: Recipe,
) -> tuple[LayerError, ...]:
    """Compare every activation of the float networks with the integer network's spikes.

    Args:
        float_program: float level, preprocessing folded.
        integer_program: the same networks at the integer level.
        made: frames to run.
        scale_of: activation scale by layer label.
        recipe: that the integer networks were made with.
    """
    errors: list[LayerError] = []
    shown = float_program.windowed or bool(float_program.fed)
    for network, above, below in _inputs(float_program, integer_program, made):
        integer = integer_program.network(network.name)
        if has_membranes(network):
            errors += _counting_errors(network, integer, above, below)
        elif activation_nodes(network):
            ann = stays_ann(float_program, network, recipe)
            errors += _network_errors(network, integer, above, below, scale_of, recipe, ann=ann)
        elif shown:
            errors += _spiking_errors(network, integer, above)
    return tuple(errors)


def _inputs(
    upper: Program, lower: Program, made: tuple[Frame, ...]
) -> Iterator[tuple[Network, list[NetworkInput], list[NetworkInput]]]:
    """What every network of two levels reads on all frames; nothing is left out where it runs.

    Where networks read each other, or memories, what they say is recorded on both levels; elsewhere
    slots are empty, and what is read from outside is the same.
    """
    if upper.fed or any(map(has_membranes, upper.networks)):
        above, below = (recorded_inputs(reference_executor(p), made) for p in (upper, lower))
        for network in upper.networks:
            if network.name in above:
                yield network, above[network.name], below[network.name]
        return
    for network in upper.networks:
        if given := _inputs_of(upper, network, made):
            # A lower level may read another form of a slot: a bank of templates.
            slots = empty_slots(network), empty_slots(lower.network(network.name))
            both = [[NetworkInput(x, contents) for x in given] for contents in slots]
            yield network, both[0], both[1]


def response_error(upper: Program, lower: Program, made: tuple[Frame, ...]) -> tuple[float, float]:
    """(correlation, relative error) of the final output of two levels over all frames."""
    return error_between(responses(upper, made), responses(lower, made))


def responses(program: Program, made: tuple[Frame, ...]) -> list[npt.NDArray[np.float64]]:
    """The program's final output on every frame, flat."""
    executor = reference_executor(program)
    results = []
    for frame in made:
        if frame.init is not None:
            executor.init(frame.init)
        found = [] if frame.frame is None else executor.frame(frame.frame[None])
        if frame.window is not None and (out := executor.window(frame.window)) is not None:
            found.append(out)
        if found:  # some steps leave out frames
            results.append(np.concatenate([f.astype(np.float64).ravel() for f in found]))
    return results


def error_between(
    upper: list[npt.NDArray[np.float64]], lower: list[npt.NDArray[np.float64]]
) -> tuple[float, float]:
    """(correlation, relative error) of two lists of responses, means over the frames."""
    pairs = list(zip(upper, lower, strict=True))
    return (
        float(np.mean([correlation(a, b) for a, b in pairs])),
        float(np.mean([relative_error(a, b) for a, b in pairs])),
    )


def correlation(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Pearson correlation of two flat arrays, 0 when either is constant."""
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def relative_error(wanted: npt.NDArray[Any], found: npt.NDArray[Any]) -> float:
    """||found - wanted|| / ||wanted||."""
    norm = float(np.linalg.norm(wanted))
    return float(np.linalg.norm(found - wanted)) / norm if norm else 0.0


def _inputs_of(
    program: Program, network: Network, made: tuple[Frame, ...]
) -> list[npt.NDArray[Any]]:
    triggers = {s.trigger for s in program.steps_of(network.name)}
    repeated = triggers - {"on_init"} or triggers
    given = [frame.of(trigger) for trigger in sorted(repeated) for frame in made]
    return [stimulus for stimulus in given if stimulus is not None]


def _counting_errors(
    network: Network, integer: Network, above: list[NetworkInput], below: list[NetworkInput]
) -> list[LayerError]:
    """NI-LIF neurons: their counts over all steps, float against integer."""
    from nmcompile.reference.float import FloatRunner

    levels = {
        n.name: n.op.model.levels
        for n in network.of_type(ops.Neuron)
        if isinstance(n.op, ops.Neuron) and isinstance(n.op.model, NILIF)
    }
    float_runner, runner = FloatRunner(network), IntegerRunner(integer)
    train = network.types[network.input.name].kind == "spikes"
    floats, trains = [], []
    for upper, lower in zip(above, below, strict=True):
        batch = upper.stimulus[:, None] if train else upper.stimulus[None]
        floats.append(float_runner.run(batch, upper.slots, record=tuple(levels)).recorded)
        trains.append(runner.run(lower.stimulus, lower.slots, record=True).spikes)
    errors = []
    for name, most in levels.items():
        wanted = np.concatenate([f[name].ravel() for f in floats]) * most
        found = np.concatenate([t[name].sum(axis=0, dtype=np.float64).ravel() for t in trains])
        rate = float(np.mean([np.count_nonzero(t[name]) / t[name].size for t in trains]))
        both = correlation(wanted, found), relative_error(wanted, found)
        label = network.by_name[name].label
        errors.append(LayerError(network.name, label, *both, rate, 1.0 / most, None, 0.0))
    return errors


def _spiking_errors(
    network: Network, integer: Network, given: list[NetworkInput]
) -> list[LayerError]:
    """Neurons that spike in the model already: their counts, float against integer."""
    from nmcompile.reference.float import FloatRunner

    nodes = tuple(
        n
        for n in network.of_type(ops.Neuron)
        if isinstance(n.op, ops.Neuron) and isinstance(n.op.model, IF | LIF | CubaLIF)
    )
    names = tuple(n.name for n in nodes)
    timed = network.types[network.input.name].kind == "spikes"
    batch = np.stack([x.stimulus for x in given], axis=1 if timed else 0)
    wanted = FloatRunner(network).run(batch, given[0].slots, record=names).recorded
    runner = IntegerRunner(integer)
    trains = [runner.run(x.stimulus, x.slots, record=True).spikes for x in given]
    errors = []
    for node in nodes:
        found = np.stack([t[node.name].sum(axis=0, dtype=np.float64) for t in trains]).ravel()
        counts = wanted[node.name].ravel()
        rate = float(found.sum()) / (found.size * integer.timesteps)
        both = correlation(counts, found), relative_error(counts, found)
        errors.append(LayerError(network.name, node.label, *both, rate, 1.0, None, 0.0))
    return errors


def _network_errors(
    network: Network,
    integer: Network,
    above: list[NetworkInput],
    below: list[NetworkInput],
    scale_of: dict[str, Scale],
    recipe: Recipe,
    *,
    ann: bool,
) -> list[LayerError]:
    from nmcompile.reference.float import FloatRunner

    nodes = activation_nodes(network)
    wanted_nodes = tuple(n.name for n in nodes)
    floats = FloatRunner(network)
    runs = [floats.run(x.stimulus[None], x.slots, record=wanted_nodes).recorded for x in above]
    runner = IntegerRunner(integer)
    trains = [runner.run(x.stimulus, x.slots, record=True).spikes for x in below]
    errors = []
    for node in nodes:
        names = (node.name, f"{node.name}_if", f"{node.name}_offset")
        name = next((n for n in names if n in trains[0]), None)
        if name is None:
            continue
        label, output = node.label, leaves_network(network, node)
        scale = np.asarray(scale_of[label])
        zero = ZERO if name == f"{node.name}_offset" else 0
        unit = scale / (zero or PAYLOAD_MAX)
        if not ann:
            unit = scale * schedule_of(recipe, label, integer.timesteps, output=output).unit
        spikes = np.stack([t[name].sum(axis=0, dtype=np.float64) for t in trains]) - zero
        fired = sum(int(np.count_nonzero(t[name])) for t in trains)
        wanted = np.concatenate([run[node.name] for run in runs])
        rate = fired / (spikes.size * integer.timesteps)
        if spikes.shape[1] == 2 * wanted.shape[1]:
            spikes = spikes[:, 0::2] - spikes[:, 1::2]
        found = spikes / integer.timesteps * unit.reshape(-1, *[1] * (spikes.ndim - 2))
        errors.append(
            LayerError(
                network.name,
                label,
                correlation(wanted.ravel(), found.ravel()),
                relative_error(wanted.ravel(), found.ravel()),
                rate,
                float(scale.mean()),
                recipe.percentile_of(label),
                recipe.v_init_of(label),
            )
        )
    return errors
