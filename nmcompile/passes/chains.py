"""Programs whose networks read each other, run on images: what every layer then says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.ir.program import Program
from nmcompile.passes.calibrate import activation_nodes

Real = npt.NDArray[np.float64]


def recorded_chain(
    program: Program, images: npt.NDArray[np.uint8]
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    """Network -> node -> activations `(N, ...)` of the program on every image.

    The middle of an image is both the exemplar and the search crop.

    Args:
        program: float level, preprocessing folded.
        images: `(N, C, H, W)` in the networks' channel order.
    """
    from nmcompile.reference.float import FloatRunner

    names = {n.name: tuple(a.name for a in activation_nodes(n)) for n in program.networks}
    runners = {n.name: FloatRunner(n) for n in program.networks}
    found: dict[str, dict[str, list[Real]]] = {n: {a: [] for a in names[n]} for n in names}
    for image in images:
        outputs: dict[str, Real] = {}
        slots: dict[str, Real] = {}
        for step in program.schedule:
            if step.network is None:
                continue
            network = program.network(step.network)
            shape = network.types[network.input.name].shape
            stimulus = outputs[step.reads] if step.reads in outputs else central(image, shape)
            runner, record = runners[network.name], names[network.name]
            trace = runner.run(stimulus[None], slots, record=record)
            outputs[step.name] = trace.output[0]
            if step.writes:
                slots[step.writes] = trace.output[0]
            for name in record:
                found[network.name][name].append(trace.recorded[name][0])
    return {
        network: {name: np.stack(runs) for name, runs in nodes.items()}
        for network, nodes in found.items()
    }


def central(image: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """The central window of `image`, tiled when the image is smaller or has fewer channels."""
    reps = [shape[0] // image.shape[0]] + [
        -(-want // have) for want, have in zip(shape[1:], image.shape[1:], strict=True)
    ]
    tiled = np.tile(image, reps)
    y, x = ((have - want) // 2 for want, have in zip(shape[1:], tiled.shape[1:], strict=True))
    cut: npt.NDArray[Any] = tiled[:, y : y + shape[1], x : x + shape[2]]
    return np.ascontiguousarray(cut)
