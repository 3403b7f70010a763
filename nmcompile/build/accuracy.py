"""Float to integer, judged layer by layer: how far spike rates are from activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import reference_executor
from nmcompile.build.stimuli import Frame
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IF, LIF, PAYLOAD_MAX, CubaLIF
from nmcompile.ir.program import Program
from nmcompile.passes.calibrate import activation_nodes, leaves_network
from nmcompile.passes.codings import schedule_of
from nmcompile.passes.context import Scale
from nmcompile.passes.recipe import Recipe
from nmcompile.reference.integer import IntegerRunner


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
    for network in float_program.networks:
        nodes = activation_nodes(network)
        stimuli = _inputs_of(float_program, network, made)
        integer = integer_program.network(network.name)
        if nodes and stimuli:
            errors += _network_errors(network, integer, stimuli, scale_of, recipe)
        elif stimuli and float_program.windowed:
            errors += _spiking_errors(network, integer, stimuli)
    return tuple(errors)


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


def _spiking_errors(
    network: Network, integer: Network, stimuli: list[npt.NDArray[Any]]
) -> list[LayerError]:
    """Neurons that spike in the model already: their counts, float against integer."""
    from nmcompile.reference.float import FloatRunner, empty_slots

    nodes = tuple(
        n
        for n in network.of_type(ops.Neuron)
        if isinstance(n.op, ops.Neuron) and isinstance(n.op.model, IF | LIF | CubaLIF)
    )
    names = tuple(n.name for n in nodes)
    batch = np.stack(stimuli, axis=1)
    wanted = FloatRunner(network).run(batch, empty_slots(network), record=names).recorded
    runner, slots = IntegerRunner(integer), empty_slots(integer)
    trains = [runner.run(s, slots, record=True).spikes for s in stimuli]
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
    stimuli: list[npt.NDArray[Any]],
    scale_of: dict[str, Scale],
    recipe: Recipe,
) -> list[LayerError]:
    from nmcompile.reference.float import FloatRunner, empty_slots

    nodes = activation_nodes(network)
    wanted_nodes = tuple(n.name for n in nodes)
    floats = FloatRunner(network).run(np.stack(stimuli), empty_slots(network), record=wanted_nodes)
    runner, slots = IntegerRunner(integer), empty_slots(integer)
    trains = [runner.run(s, slots, record=True).spikes for s in stimuli]
    errors = []
    for node in nodes:
        name = node.name if node.name in trains[0] else f"{node.name}_if"
        if name not in trains[0]:
            continue
        label, output = node.label, leaves_network(network, node)
        scale = np.asarray(scale_of[label])
        unit = scale / PAYLOAD_MAX
        if not recipe.stays_ann(network.name):
            unit = scale * schedule_of(recipe, label, integer.timesteps, output=output).unit
        spikes = np.stack([t[name].sum(axis=0, dtype=np.float64) for t in trains])
        fired = sum(int(np.count_nonzero(t[name])) for t in trains)
        wanted = floats.recorded[node.name]
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
