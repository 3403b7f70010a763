"""Percentile and initial membrane of every layer, picked by the error that they cause.

Greedy, from the first layer to the last: a layer receives the currents that the layers chosen
before it produce, and takes the candidate whose decoded spikes are closest to the float network's
activation. At last the whole choice competes with the recipe's uniform settings.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF
from nmcompile.ir.program import Program
from nmcompile.passes.calibrate import (
    USUAL_PERCENTILE,
    activation_nodes,
    fitting,
    from_activations,
    only_stored,
    record_activations,
)
from nmcompile.passes.context import Calibration, PassContext, Scale
from nmcompile.passes.recipe import Recipe
from nmcompile.passes.to_spiking import to_spiking

if TYPE_CHECKING:
    import torch

PERCENTILES = (97.0, 98.0, 99.0, 99.5, 99.9, 100.0)
V_INITS = (0.0, 0.25, 0.5)
IMAGES = 3
"""Images that the error is measured on; scales use all of them."""
NEURONS = 50_000
"""Neurons of a layer and image that the error is measured on."""

F64 = npt.NDArray[np.float64]


def tuned(program: Program, context: PassContext) -> Recipe:
    """The recipe with percentile and v_init set for every layer.

    Args:
        program: float level.
        context: with calibration images, recipe and T.

    Raises:
        NmError: NM0214 without images; NM0205 when no network takes them; NM0335 where networks
            read each other.
    """
    if program.fed:
        raise NmError(
            Diagnostic(
                code="NM0335",
                message="layers of networks that read each other cannot be tuned one by one",
                where=program.name,
                found=", ".join(sorted(program.fed)),
                help=("leave `tune` out of the recipe",),
            )
        )
    calibration = context.calibration
    if calibration is None or not activation_nodes_of(program):
        return context.recipe
    if calibration.images is None:
        raise NmError(only_stored(context.recipe))
    return _Tuner(program, context, calibration).run()


def activation_nodes_of(program: Program) -> list[Node]:
    """Activations of all networks."""
    return [n for network in program.networks for n in activation_nodes(network)]


class _Tuner:
    def __init__(self, program: Program, context: PassContext, calibration: Calibration) -> None:
        self._program = program
        self._context = context
        self._calibration = calibration
        self._network, images = fitting(program, calibration)
        chosen = np.unique(np.linspace(0, len(images) - 1, IMAGES).round().astype(int))
        self._images = images[chosen]
        _, recorded = record_activations(program, calibration)
        self._wanted = {name: values[chosen] for name, values in recorded.items()}
        self._scales: dict[float | None, dict[str, Scale]] = {
            p: from_activations(self._network, recorded, _uniform(context.recipe, p))
            for p in PERCENTILES
        }
        stored = dict(calibration.scales)
        fits = self._scales[PERCENTILES[0]].keys() <= stored.keys()
        if fits and context.recipe.normalisation == "layer":
            self._scales[None] = stored

    def run(self) -> Recipe:
        """Layer by layer, then against uniform settings and the scales that the model carries."""
        recipe = self._context.recipe
        nodes = activation_nodes(self._network)
        for node in nodes:
            recipe = self._best(node, recipe)
        rivals = [recipe, *(_uniform(self._context.recipe, p) for p in PERCENTILES)]
        if None in self._scales:
            rivals.append(_uniform(self._context.recipe, None))
        errors = [self._output_error(nodes[-1], rival) for rival in rivals]
        winner = rivals[int(np.argmin(errors))]
        if winner is rivals[-1] and None in self._scales:
            return winner
        for node in nodes:
            label = node.label
            percentile = winner.percentile_of(label) or USUAL_PERCENTILE
            winner = winner.with_layer(label, percentile, winner.v_init_of(label))
        return winner.model_copy(update={"percentile": self._context.recipe.percentile})

    def _best(self, node: Node, recipe: Recipe) -> Recipe:
        """The recipe with the best of all candidates for one layer."""
        network = self._spiking(recipe)
        population = _population(network, node)
        current = self._currents(network, population)
        used = np.asarray(self._scale(recipe, node.label))
        best, least = recipe, np.inf
        for percentile in PERCENTILES:
            ratio = np.asarray(self._scales[percentile][node.label]) / used
            for v_init in V_INITS:
                model = _rescaled(population, ratio, v_init)
                error = self._error(node, model, current)
                if error < least:
                    best, least = recipe.with_layer(node.label, percentile, v_init), error
        return best

    def _output_error(self, last: Node, recipe: Recipe) -> float:
        network = self._spiking(recipe)
        population = _population(network, last)
        model = _rescaled(population, np.ones(()), recipe.v_init_of(last.label))
        return self._error(last, model, self._currents(network, population))

    def _spiking(self, recipe: Recipe) -> Network:
        """The network converted with the scales that the recipe's percentiles give."""
        labels = [n.label for n in activation_nodes(self._network)]
        scales = tuple((x, self._scale(recipe, x)) for x in labels)
        settled = Calibration(self._calibration.origin, None, scales, settled=True)
        context = dataclasses.replace(self._context, recipe=recipe, calibration=settled)
        return to_spiking(self._program, context).network(self._network.name)

    def _scale(self, recipe: Recipe, label: str) -> Scale:
        percentile = recipe.percentile_of(label)
        if percentile is None and None in self._scales:
            return self._scales[None][label]
        wanted = percentile or USUAL_PERCENTILE
        return self._scales[min(PERCENTILES, key=lambda p: abs(p - wanted))][label]

    def _currents(self, network: Network, population: Node) -> torch.Tensor:
        """`(T, B, ...)` input of a population, of a sample of its neurons."""
        import torch

        from nmcompile.reference.float import FloatRunner

        (source,) = population.inputs
        # Single precision: what is compared are errors of candidates, not spikes.
        runner = FloatRunner(_up_to(network, source), torch.float32)
        train = runner.run(self._images, trains=(source,)).trains[source]
        return torch.from_numpy(_sampled(train))

    def _error(self, node: Node, model: IF, current: torch.Tensor) -> float:
        """||decoded - activation||^2 / ||activation||^2 of the sampled neurons."""
        from nmcompile.reference.float_populations import State, neuron

        state, op = State(), ops.Neuron(model)
        sums = np.asarray(sum(neuron(op, step, state) for step in current), np.float64)
        decoded = sums * _column(model.threshold, sums.ndim) / self._context.timesteps
        wanted = _sampled(self._wanted[node.name])
        if decoded.shape[1] == 2 * wanted.shape[1]:
            decoded = decoded[:, 0::2] - decoded[:, 1::2]
        norm = float((wanted**2).sum())
        return float(((decoded - wanted) ** 2).sum()) / norm if norm else 0.0


def _rescaled(population: Node, ratio: F64, v_init: float) -> IF:
    """The population's model with its scale multiplied."""
    model = population.op.model if isinstance(population.op, ops.Neuron) else None
    if not isinstance(model, IF):
        raise TypeError(population.name)
    threshold = Array(model.threshold.data * ratio)
    return dataclasses.replace(model, threshold=threshold, v_init=v_init)


def _sampled(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(..., C, H, W)` at every k-th position, so that a map has at most `NEURONS` neurons."""
    if values.ndim < 4:
        return values
    step = max(1, int(np.ceil(np.sqrt(np.prod(values.shape[-3:]) / NEURONS))))
    return np.ascontiguousarray(values[..., ::step, ::step])


def _uniform(recipe: Recipe, percentile: float | None) -> Recipe:
    """The recipe with one percentile for all layers; None leaves the choice to the model."""
    layers = {k: v.model_copy(update={"percentile": None}) for k, v in recipe.layers.items()}
    return recipe.model_copy(update={"percentile": percentile, "layers": layers})


def _population(network: Network, node: Node) -> Node:
    """The population that stands for an activation, or for a signed last layer."""
    own = network.by_name[node.name]
    return own if isinstance(own.op, ops.Neuron) else network.by_name[f"{node.name}_if"]


def _column(threshold: Array, ndim: int) -> F64:
    data = threshold.data.astype(np.float64)
    return data.reshape(-1, *[1] * (ndim - 2)) if data.ndim else data


def _up_to(network: Network, name: str) -> Network:
    """The part that `name` depends on."""
    needed = {name}
    for node in reversed(network.nodes):
        if node.name in needed:
            needed |= set(node.inputs)
    nodes = tuple(n for n in network.nodes if n.name in needed)
    return network.replace(nodes=(*nodes, Node("tuned", ops.Output(), (name,))))
