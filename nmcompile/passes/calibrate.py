"""Activation scales: how large each layer's output gets on calibration images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.passes.context import Calibration, PassContext, Scale
from nmcompile.passes.recipe import Recipe

USUAL_PERCENTILE = 99.9
"""What becomes the scale where neither recipe nor model says (Rueckauer 2017)."""


def activation_nodes(network: Network) -> tuple[Node, ...]:
    """Nodes whose output becomes spikes: ReLUs, and the signed output of the last layer."""
    return tuple(n for n in network.nodes if is_activation(network, n))


def is_activation(network: Network, node: Node) -> bool:
    """Whether a population of spiking neurons will stand here."""
    if isinstance(node.op, ops.Activation):
        return True
    if isinstance(node.op, ops.Correlate):
        # its sums are what the next layer reads
        return any(isinstance(r.op, ops.LINEAR_OPS) for r in network.consumers[node.name])
    ends = (ops.Output, ops.Correlate)
    return isinstance(node.op, (*ops.LINEAR_OPS, ops.Add)) and any(
        isinstance(reader.op, ends) for reader in network.consumers[node.name]
    )


def leaves_network(network: Network, node: Node) -> bool:
    """Whether the spikes of this node's population are matched or read out."""
    passing = (ops.MaxPool2d, ops.AvgPool2d, ops.SumPool2d, ops.Flatten, ops.Activation)
    for reader in network.consumers[node.name]:
        if isinstance(reader.op, ops.Output | ops.Correlate):
            return True
        if isinstance(reader.op, passing) and leaves_network(network, reader):
            return True
    return False


def scales(program: Program, context: PassContext) -> dict[str, Scale]:
    """Layer label -> the activation that a spike at every timestep stands for.

    Uses the given scales, else the percentile of the non-zero |activations| on the images,
    over the network whose input has the images' size (Rueckauer 2017, section 2.2). With
    channel normalisation a layer has one for each channel, unless its spikes leave the network:
    counts that are matched or read out need one unit.

    Raises:
        NmError: NM0205 without calibration data, or when no network takes images of that size;
            NM0214 when the recipe asks for other scales than the stored ones.
    """
    calibration = context.calibration
    wanted = {n.label for net in program.networks for n in activation_nodes(net)}
    if not wanted:
        return {}
    if calibration is None:
        raise NmError(
            Diagnostic(
                code="NM0205",
                message="the network has activations but no calibration data",
                where=program.name,
                found=f"{len(wanted)} layers without a scale",
                help=(
                    "give a folder of images with `--calibrate DIR`",
                    "or store `calibration` in the checkpoint",
                    "or try `--calibrate synthetic` (marked in the report)",
                ),
            )
        )
    given = dict(calibration.scales)
    complete = wanted <= given.keys()
    if complete and (calibration.settled or not _asks_for_more(context.recipe)):
        return {label: given[label] for label in sorted(wanted)}
    if complete and calibration.images is None:
        raise NmError(only_stored(context.recipe))
    return measure(program, calibration, context.recipe)


def resolved(recipe: Recipe, calibration: Calibration) -> Recipe:
    """The recipe with the percentile stated, unless the scales that the model carries serve."""
    if recipe.percentile is not None or (calibration.scales and not _asks_for_more(recipe)):
        return recipe
    return recipe.model_copy(update={"percentile": USUAL_PERCENTILE})


def measure(program: Program, calibration: Calibration, recipe: Recipe) -> dict[str, Scale]:
    """Percentile scales from the calibration images; see `scales`."""
    if not program.fed:
        return from_activations(*record_activations(program, calibration), recipe)
    if calibration.images is None:
        raise NmError(_no_fit(program, "no images"))
    from nmcompile.passes.chains import recorded_chain
    from nmcompile.reference.float import channel_order

    recorded = recorded_chain(program, channel_order(calibration.images, program.preprocess))
    found: dict[str, Scale] = {}
    for network in program.networks:
        # Layers that two networks share have the scale of the one that runs on every frame.
        found |= from_activations(network, recorded.get(network.name, {}), recipe)
    return found


def from_activations(
    network: Network, recorded: dict[str, npt.NDArray[np.float64]], recipe: Recipe
) -> dict[str, Scale]:
    """Scales of one network from its activations by node name."""
    found: dict[str, Scale] = {}
    for node in activation_nodes(network):
        activation = recorded[node.name]
        percentile = recipe.percentile_of(node.label) or USUAL_PERCENTILE
        if recipe.normalisation == "channel" and not leaves_network(network, node):
            found[node.label] = channel_scales(activation, percentile)
        else:
            found[node.label] = layer_scale(activation, percentile)
    return found


def record_activations(
    program: Program, calibration: Calibration
) -> tuple[Network, dict[str, npt.NDArray[np.float64]]]:
    """The network that takes the images, and its activations on them by node name.

    Raises:
        NmError: NM0205 when there are no images, or no network takes them.
    """
    from nmcompile.reference.float import FloatRunner
    from nmcompile.reference.slots import empty_slots

    network, images = fitting(program, calibration)
    names = tuple(n.name for n in activation_nodes(network))
    return network, FloatRunner(network).run(images, empty_slots(network), record=names).recorded


def fitting(program: Program, calibration: Calibration) -> tuple[Network, npt.NDArray[np.uint8]]:
    """The network with activations that takes the calibration images, and these as its input.

    A network of several images side by side, such as a view and its attended part, gets the same
    image for each of them.

    Raises:
        NmError: NM0205 when there is none.
    """
    from nmcompile.reference.float import channel_order

    if calibration.images is None:
        raise NmError(_no_fit(program, "no images"))
    images = channel_order(calibration.images, program.preprocess)
    channels = images.shape[1]
    for network in program.networks:
        edge = network.types[network.input.name]
        if (
            activation_nodes(network)
            and edge.kind == "values"
            and edge.shape[1:] == images.shape[2:]
            and edge.shape[0] % channels == 0
        ):
            return network, np.tile(images, (1, edge.shape[0] // channels, 1, 1))
    raise NmError(_no_fit(program, f"images of shape {images.shape[1:]}"))


def layer_scale(activation: npt.NDArray[Any], percentile: float) -> float:
    """Percentile of the non-zero magnitudes; 1 for a silent layer."""
    magnitude = np.abs(activation)
    nonzero = magnitude[magnitude > 0]
    # A silent layer needs some threshold: any positive one keeps it silent.
    return float(np.percentile(nonzero, percentile)) if nonzero.size else 1.0


def channel_scales(activation: npt.NDArray[Any], percentile: float) -> tuple[float, ...]:
    """`layer_scale` of every channel of `(B, C, ...)`; a silent channel takes the layer's."""
    whole = layer_scale(activation, percentile)
    parts = np.moveaxis(activation, 1, 0)
    return tuple(layer_scale(p, percentile) if p.any() else whole for p in parts)


def _asks_for_more(recipe: Recipe) -> bool:
    """Whether the recipe wants other scales than the stored ones."""
    said = (recipe.percentile, *(layer.percentile for layer in recipe.layers.values()))
    return recipe.normalisation == "channel" or any(p is not None for p in said)


def only_stored(recipe: Recipe) -> Diagnostic:
    """The recipe asks for measurements, the model carries results only."""
    return Diagnostic(
        code="NM0214",
        message="the model carries one activation scale per layer and no images to measure others",
        where="calibration",
        found=f"normalisation = {recipe.normalisation!r}, percentile = {recipe.percentile}",
        help=("give a folder of images with `--calibrate DIR`",),
    )


def _no_fit(program: Program, found: str) -> Diagnostic:
    sizes = sorted({str(n.types[n.input.name].shape) for n in program.networks})
    return Diagnostic(
        code="NM0205",
        message="the calibration images fit no network",
        where=program.name,
        limit=" or ".join(sizes),
        found=found,
    )
