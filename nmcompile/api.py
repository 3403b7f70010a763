"""The library without the command line: compile a model, simulate a deployment.

import nmcompile

deployment = nmcompile.compile("model.pt", target="loihi", out="out")
print(deployment.report.headline)
results = nmcompile.simulate(deployment)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from nmcompile.build.compiled import Options
from nmcompile.build.deployment import Deployment
from nmcompile.build.execute import NetworkInput, RunResult
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.frontends.nir import NirOptions


def compile(
    model: str | Path,
    *,
    target: str,
    out: str | Path,
    options: Options | None = None,
    nir: NirOptions | None = None,
) -> Deployment:
    """Compile a model file for a target into a deployment folder.

    Args:
        model: a checkpoint ``.pt``, a ``torch.export`` ``.pt2``, a ``.nir`` or a ``.net`` file.
        target: name, alias or path of a target file.
        out: the folder to write; it appears only when the build succeeds.
        options: timesteps, calibration, weight bits, verification.
        nir: what a NIR file does not say.

    Raises:
        NmError: bad input, a model that does not fit, or a mapping that computes something else.
    """
    request = BuildRequest(Path(model), target, Path(out), options or Options(), nir)
    return build(request).deployment


def simulate(
    deployment: Deployment | str | Path,
    network: str | None = None,
    stimuli: Sequence[npt.NDArray[Any]] | None = None,
) -> dict[str, list[RunResult]]:
    """Run the mapped cores of a deployment, consecutive frames without a reset in between.

    Args:
        deployment: a deployment or its folder.
        network: only this network of the chip.
        stimuli: one input per frame, shape ``(C, H, W)`` or ``(T, C, H, W)`` spikes as the golden
            network takes it (a network that reads a template gets the first stored one); the
            stored verification frames if None.

    Returns:
        Network name -> output and counters of every frame.

    Raises:
        NmError: NM0523 not a deployment, NM0526 no such network.
    """
    opened = deployment if isinstance(deployment, Deployment) else Deployment.open(deployment)
    stored = opened.stimuli()
    results: dict[str, list[RunResult]] = {}
    for name in opened.chip_networks(network):
        simulator = opened.simulator(name)
        inputs = stored[name]
        if stimuli is not None:
            inputs = [NetworkInput(frame, stored[name][0].slots) for frame in stimuli]
        done = [simulator.run(given.stimulus, given.slots) for given in inputs]
        results[name] = [RunResult(d.output, d.counters) for d in done]
    return results
