"""Run a finished deployment again on its stored stimuli and compare with the golden network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nmcompile.build.calibration import folder_images
from nmcompile.build.deployment import Deployment
from nmcompile.build.entry import frame_size
from nmcompile.build.execute import NetworkInput, reference_executor, slots_of
from nmcompile.build.given_input import frames_from
from nmcompile.build.stimuli import frames as make_frames
from nmcompile.build.stimuli import recorded_inputs
from nmcompile.build.verify import Verification, verify_network
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.reference.integer import IntegerRunner

if TYPE_CHECKING:
    from nmcompile.backends.loihi.lava.compare import LavaResult

Inputs = list[NetworkInput]


def stimuli_of(
    deployment: Deployment, images: Path | None, frames: int, given: Path | None = None
) -> dict[str, Inputs]:
    """Inputs of every chip network: the stored ones, crops of the images in a folder, or a file.

    Args:
        deployment: a build.
        images: a folder of images, resized to the frame input; None for the stored stimuli.
        frames: at most this many consecutive frames.
        given: a `.npy` file with the input (see `given_input`), or None.

    Raises:
        NmError: NM0001 for both, NM0145 when the file does not suit, NM0525 when the folder has
            no readable images.
    """
    if given is not None:
        if images is not None:
            raise NmError(
                Diagnostic(
                    code="NM0001",
                    message="give either images or a file with the input",
                    where="--images, --input",
                )
            )
        made = frames_from(given, deployment.program("float"), frames)
        return recorded_inputs(reference_executor(deployment.golden), made)
    if images is None:
        return {name: stored[:frames] for name, stored in deployment.stimuli().items()}
    from nmcompile.reference.float import channel_order

    program = deployment.program("float")
    pixels = folder_images(images, frame_size(program))
    made = make_frames(program, channel_order(pixels, program.preprocess), frames)
    return recorded_inputs(reference_executor(deployment.golden), made)


def write_outputs(deployment: Deployment, stimuli: dict[str, Inputs], path: Path) -> None:
    """The golden outputs of every network, `(frames, ...)`, as a `.npz` file."""
    found = {}
    for name, inputs in stimuli.items():
        runner = IntegerRunner(deployment.golden.network(name))
        found[name] = np.stack([runner.run(i.stimulus, i.slots).output for i in inputs])
    with path.open("wb") as file:
        np.savez(file, **found)


def rerun_cores(deployment: Deployment, network: str, inputs: Inputs) -> Verification:
    """Golden network against the mapped cores of the folder."""
    golden = deployment.golden.network(network)
    return verify_network(golden, deployment.simulator(network), inputs)


def rerun_lava(
    deployment: Deployment, network: str, inputs: Inputs, time_limit_s: float
) -> tuple[Verification, LavaResult]:
    """Golden network against the emitted Lava package, run by Lava in a subprocess.

    Returns:
        The comparison, and what Lava computed with the warnings about it.

    Raises:
        NmError: NM0706 when the folder has no Lava package for the network; NM07xx when Lava
            is missing, hangs or crashes.
    """
    from nmcompile.backends.loihi.lava.compare import compare, compare_sums
    from nmcompile.backends.loihi.lava.runner import run_lava
    from nmcompile.backends.loihi.lava.specs import package_name

    package = deployment.folder / "emit" / "lava" / package_name(network)
    if not (package / "__init__.py").is_file():
        raise NmError(
            Diagnostic(
                code="NM0706",
                message="the deployment has no Lava package for this network",
                where=network,
                help=("only targets of the Loihi backend emit one; see emit/ in the folder",),
            )
        )
    golden = deployment.golden.network(network)
    runner = IntegerRunner(golden)
    ours = [runner.run(i.stimulus, i.slots, record=True) for i in inputs]
    slots = [{name: i.slots[name] for name in slots_of(golden)} for i in inputs]
    result = run_lava(package, [i.stimulus for i in inputs], slots, time_limit_s=time_limit_s)
    mismatches = compare(ours, result)
    summed = golden.by_name[golden.output.inputs[0]]
    if isinstance(summed.op, ops.Accumulate):
        mismatches += compare_sums([trace.output for trace in ours], summed.name, result)
    verification = Verification(
        network=network,
        frames=len(inputs),
        neurons=sum(layer.neurons for layer in ours[0].counters.layers),
        spikes=sum(int(np.count_nonzero(s)) for trace in ours for s in trace.spikes.values()),
        first_mismatch=mismatches[0] if mismatches else "",
        counters=tuple(trace.counters for trace in ours),
        other_side="Lava",
    )
    return verification, result
