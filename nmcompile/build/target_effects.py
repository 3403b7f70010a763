"""What a target's own ways cost, in words for the report: its pooling rule, its state widths."""

from __future__ import annotations

from nmcompile.build import accuracy
from nmcompile.build.stimuli import Frame
from nmcompile.ir import ops
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.ann_networks import stays_ann
from nmcompile.passes.context import Calibration, PassContext, Scale
from nmcompile.passes.manager import PassManager
from nmcompile.passes.recipe import Pooling, Recipe
from nmcompile.passes.state_bounds import state_bounds


def pooling_cost(
    programs: dict[str, Program],
    frames: tuple[Frame, ...],
    recipe: Recipe,
    scales: dict[str, Scale],
    asked: Pooling,
) -> str:
    """The response's correlation with the asked and with the target's pooling rule; "" for none.

    Args:
        programs: by level, "float" and "integer" at least. frames: of the accuracy check.
        recipe: that the target runs. scales: settled ones. asked: the rule of the user's recipe.
    """
    integer = programs["integer"]
    # an ANN takes the largest value, and who pools spikes already said how
    pools = any(
        any(n.of_type(ops.MaxPool2d)) and not stays_ann(programs["float"], n, recipe)
        for n in programs["float"].networks
    )
    if asked == recipe.pooling or not pools or not frames:
        return ""
    context = PassContext(
        timesteps=max(n.timesteps for n in integer.networks),
        recipe=recipe.model_copy(update={"pooling": asked}),
        calibration=Calibration("settled", None, tuple(scales.items()), settled=True),
    )
    passes = (*pipelines.SPIKING, *pipelines.INTEGER)
    other = PassManager(passes).run(programs["float"], context)
    wanted, _ = accuracy.response_error(programs["float"], other, frames)
    found, _ = accuracy.response_error(programs["float"], integer, frames)
    return (
        f"max pooling runs as {recipe.pooling!r}, which the target has, instead of {asked!r}: the "
        f"response's correlation with the float network is {found:.3f} instead of {wanted:.3f}"
    )


def saturation_notes(golden: Program) -> list[str]:
    """Which membranes of the chip's networks no proof keeps from saturating."""
    notes = []
    for network in golden.chip_networks:
        bounds = [b for b in state_bounds(network) if b.saturates]
        if bounds:
            layers = ", ".join(f"{b.layer} ({max(-b.v[0], b.v[1]):,})" for b in bounds)
            notes.append(
                f"in {network.name} the membranes of {layers} could leave the {bounds[0].limit:,} "
                "that their width holds for some input, and would saturate, in the golden network "
                "as on the cores; all synaptic currents are proven to fit"
            )
    return notes
