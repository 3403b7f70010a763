"""From the codings of a recipe to payload schedules and input encoders."""

from __future__ import annotations

from collections.abc import Callable

from nmcompile.coding.encoders import burst_input, phase_input, rate_input
from nmcompile.coding.schedule import RATE, Schedule, burst, phase, two_status
from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean
from nmcompile.ir import ops
from nmcompile.ir.network import Node
from nmcompile.ir.program import Program
from nmcompile.passes.recipe import Recipe

PHASE_PERIOD = 8
"""K of phase coding where nothing is said: the bits of a pixel."""


def schedule_of(recipe: Recipe, label: str, timesteps: int, *, output: bool) -> Schedule:
    """The schedule of one layer's population.

    Raises:
        NmError: NM0212 when the coding cannot be built for T timesteps.
    """
    coding = recipe.coding_of(label, output=output)
    build: dict[str, Callable[[], Schedule]] = {
        "rate": lambda: RATE,
        "phase": lambda: phase(coding.period or min(PHASE_PERIOD, timesteps), timesteps),
        "burst": lambda: burst(coding.gamma, coding.burst_length, timesteps),
        "two_status": lambda: two_status(
            coding.period or max(1, timesteps // 2), coding.beta, coding.offset, timesteps
        ),
    }
    try:
        return build[coding.name]()
    except ValueError as error:
        raise _refused(coding.name, label, str(error)) from None


def encoder_of(recipe: Recipe, node: Node, timesteps: int) -> tuple[ops.Encode, float]:
    """How an image enters the network, and the pixel value of one unit.

    Raises:
        NmError: NM0212 when the input is no unsigned integer, or its coding cannot be built.
    """
    name, op = recipe.input_coding or "real", node.op
    if name == "real":
        return ops.Encode(), 1.0
    if not isinstance(op, ops.Input) or op.bits == 0 or op.signed:
        raise _refused(name, node.label, "the input is no unsigned integer")
    try:
        if name == "rate":
            return rate_input(op.bits)
        return {"phase": phase_input, "burst": burst_input}[name](op.bits, timesteps)
    except ValueError as error:
        raise _refused(name, node.label, str(error)) from None


def check_layers(program: Program, recipe: Recipe) -> None:
    """Refuse exceptions for layers that do not exist: a typing error must not go unnoticed.

    Raises:
        NmError: NM0216, one diagnostic for each.
    """
    labels = sorted({n.label for network in program.networks for n in network.nodes})
    wrong = [
        name
        for name in recipe.layers
        if not any(label == name or label.startswith(f"{name}.") for label in labels)
    ]
    if wrong:
        raise NmError(
            *(
                Diagnostic(
                    code="NM0216",
                    message="the recipe names a layer that the model does not have",
                    where=f"layers.{name}",
                    help=(did_you_mean(name, labels, "layers"),),
                )
                for name in wrong
            )
        )


def _refused(name: str, label: str, why: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0212",
            message=f"{name} coding cannot be built: {why}",
            where=label,
            help=("change its parameters or T", 'or use `coding = { name = "rate" }`'),
        )
    )
