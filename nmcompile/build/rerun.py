"""Run a finished deployment again on its stored stimuli and compare with the golden network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmcompile.build.calibration import folder_images
from nmcompile.build.compiled import frame_size
from nmcompile.build.deployment import Deployment
from nmcompile.build.execute import NetworkInput, reference_executor
from nmcompile.build.stimuli import frames as make_frames
from nmcompile.build.stimuli import recorded_inputs
from nmcompile.build.verify import Verification, verify_network
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.reference.float import channel_order
from nmcompile.reference.integer import IntegerRunner

Inputs = list[NetworkInput]


def stimuli_of(deployment: Deployment, images: Path | None, frames: int) -> dict[str, Inputs]:
    """Inputs of every chip network: the stored ones, or crops of the images in a folder.

    Args:
        deployment: a build.
        images: a folder of images, resized to the frame input; None for the stored stimuli.
        frames: at most this many consecutive frames.

    Raises:
        NmError: NM0525 when the folder has no readable images.
    """
    if images is None:
        return {name: stored[:frames] for name, stored in deployment.stimuli().items()}
    program = deployment.program("float")
    pixels = folder_images(images, frame_size(program))
    made = make_frames(program, channel_order(pixels, program.preprocess), frames)
    return recorded_inputs(reference_executor(deployment.golden), made)


def rerun_cores(deployment: Deployment, network: str, inputs: Inputs) -> Verification:
    """Golden network against the mapped cores of the folder."""
    golden = deployment.golden.network(network)
    return verify_network(golden, deployment.simulator(network), inputs)


def rerun_lava(
    deployment: Deployment, network: str, inputs: Inputs, time_limit_s: float
) -> tuple[Verification, tuple[str, ...]]:
    """Golden network against the emitted Lava package, run by Lava in a subprocess.

    Returns:
        The comparison, and the process models that Lava ran.

    Raises:
        NmError: NM0706 when the folder has no Lava package for the network; NM07xx when Lava
            is missing, hangs or crashes.
    """
    from nmcompile.backends.loihi.lava_runner import compare, run_lava
    from nmcompile.backends.loihi.lava_specs import package_name

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
    runner = IntegerRunner(deployment.golden.network(network))
    ours = [runner.run(i.stimulus, i.slots, record=True) for i in inputs]
    result = run_lava(package, [i.stimulus for i in inputs], time_limit_s=time_limit_s)
    mismatches = compare(ours, result)
    verification = Verification(
        network=network,
        frames=len(inputs),
        # What matches a template at run time is not in the package: see its README.
        neurons=sum(s[0].size for s in ours[0].spikes.values()),
        spikes=sum(int(np.count_nonzero(s)) for trace in ours for s in trace.spikes.values()),
        first_mismatch=mismatches[0] if mismatches else "",
        counters=tuple(trace.counters for trace in ours),
        other_side="Lava",
    )
    return verification, result.process_models
