"""A finished build's network at another number of timesteps: for accuracy against latency."""

from __future__ import annotations

from nmcompile.backends.registry import backend_of
from nmcompile.build.deployment import Deployment
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import Calibration, PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.passes.recipe import Recipe


def relower(deployment: Deployment, timesteps: int) -> Program:
    """The integer program of a build for another T, with its own recipe and scales.

    Nothing is calibrated anew: a build and its relowered programs differ in T only.

    Args:
        deployment: of a network that the build converted.
        timesteps: T of one inference.

    Raises:
        NmError: NM0540 when the build converted nothing: its network was spiking already.
    """
    scales = deployment.manifest["calibration"]["scales"]
    if not scales:
        raise NmError(
            Diagnostic(
                code="NM0540",
                message="this build cannot be lowered for another T",
                where=deployment.folder.name,
                found="a network that was spiking already: its weights belong to its own T",
                help=("leave the latency curve out",),
            )
        )
    recipe = Recipe.model_validate(deployment.manifest["options"]["recipe"])
    target = deployment.target
    # JSON has no tuples: a layer with one scale per channel comes back as a list.
    given = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in scales.items())
    context = PassContext(
        timesteps=timesteps,
        recipe=recipe.model_copy(update={"timesteps": timesteps}),
        calibration=Calibration("the build's scales", None, given, settled=True),
        rules=backend_of(target).rules(target),
    )
    program = PassManager(pipelines.SPIKING).run(deployment.program("float"), context)
    return PassManager(pipelines.INTEGER).run(program, context)
