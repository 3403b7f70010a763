"""Activation scales: how large each layer's output gets on calibration images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.passes.context import Calibration, PassContext
from nmcompile.passes.recipe import Recipe


def activation_nodes(network: Network) -> tuple[Node, ...]:
    """Nodes whose output becomes spikes: ReLUs, and the signed output of the last layer."""
    return tuple(n for n in network.nodes if is_activation(network, n))


def is_activation(network: Network, node: Node) -> bool:
    """Whether a population of spiking neurons will stand here."""
    if isinstance(node.op, ops.Activation):
        return True
    ends = (ops.Output, ops.Correlate)
    return isinstance(node.op, (*ops.LINEAR_OPS, ops.Add)) and any(
        isinstance(reader.op, ends) for reader in network.consumers[node.name]
    )


def scales(program: Program, context: PassContext) -> dict[str, float]:
    """Layer label -> the activation that a spike at every timestep stands for.

    Uses the given scales, else the percentile of the non-zero |activations| on the images,
    over the network whose input has the images' size (Rueckauer 2017, section 2.2).

    Raises:
        NmError: NM0205 without calibration data, or when no network takes images of that size.
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
    if wanted <= given.keys():
        return {label: given[label] for label in sorted(wanted)}
    return measure(program, calibration, context.recipe)


def measure(program: Program, calibration: Calibration, recipe: Recipe) -> dict[str, float]:
    """Percentile scales from the calibration images; see `scales`."""
    from nmcompile.reference.float import FloatRunner, channel_order, empty_slots

    if calibration.images is None:
        raise NmError(_no_fit(program, "no images"))
    images = channel_order(calibration.images, program.preprocess)
    for network in program.networks:
        nodes = activation_nodes(network)
        if not nodes or network.types[network.input.name].shape != images.shape[1:]:
            continue
        names = tuple(n.name for n in nodes)
        trace = FloatRunner(network).run(images, empty_slots(network), record=names)
        return {
            n.label: _scale(trace.recorded[n.name], recipe.percentile_of(n.label)) for n in nodes
        }
    raise NmError(_no_fit(program, f"images of shape {images.shape[1:]}"))


def _scale(activation: npt.NDArray[Any], percentile: float) -> float:
    magnitude = np.abs(activation)
    nonzero = magnitude[magnitude > 0]
    # A silent layer needs some threshold: any positive one keeps it silent.
    return float(np.percentile(nonzero, percentile)) if nonzero.size else 1.0


def _no_fit(program: Program, found: str) -> Diagnostic:
    sizes = sorted({str(n.types[n.input.name].shape) for n in program.networks})
    return Diagnostic(
        code="NM0205",
        message="the calibration images fit no network",
        where=program.name,
        limit=" or ".join(sizes),
        found=found,
    )
