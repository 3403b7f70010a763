"""What a recipe leaves to the target, or the target does not allow, stated before conversion.

The integer program, and with it every accuracy figure, then has the coding and the pooling rule
that run on the cores.
"""

from __future__ import annotations

from nmcompile.ir import ops
from nmcompile.ir.program import Program
from nmcompile.passes.context import TargetRules
from nmcompile.passes.recipe import Pooling, Recipe


def suited(recipe: Recipe, program: Program, rules: TargetRules | None) -> Recipe:
    """The recipe with its input coding stated and a pooling rule that the target has.

    Args:
        recipe: of the user. program: float level. rules: of the target; None changes nothing.
    """
    if rules is None:
        return recipe
    coding = recipe.input_coding or _input_coding(program, rules)
    return recipe.model_copy(update={"input_coding": coding, "pooling": _pooling(recipe, rules)})


def _input_coding(program: Program, rules: TargetRules) -> str:
    """Pixel neurons where pixel values cannot enter and every image is one of unsigned integers.

    A network that was trained with spiking neurons takes pixel values at every timestep.
    """
    entries = [n for n in program.networks if n.name not in program.fed]
    inputs = [(n, n.input.op) for n in entries if isinstance(n.input.op, ops.Input)]
    images = [(n, i) for n, i in inputs if i.kind == "values"]
    if any(any(n.of_type(ops.Neuron)) for n, _ in images):
        return "real"
    unsigned = all(i.bits > 0 and not i.signed for _, i in images)
    return "rate" if rules.pixel_neurons and not rules.graded_input and unsigned else "real"


def _pooling(recipe: Recipe, rules: TargetRules) -> Pooling:
    counts = recipe.pooling in ("running_max", "gate")
    return "or" if counts and rules.max_pool == "or" else recipe.pooling
