"""Compile in memory: model to programs at every level, mapped cores, checks and counters."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from nmcompile.backends.base import Backend
from nmcompile.backends.folding import backend_for
from nmcompile.backends.survey import NetworkSurvey, Survey, Surveyor
from nmcompile.build import accuracy, calibration, given_input, stimuli, verify
from nmcompile.build.conversion import refuse_conversion
from nmcompile.build.entry import frame_size, frozen, own_timesteps
from nmcompile.build.execute import NetworkInput, reference_executor
from nmcompile.build.fan_in import fan_in_that_fits
from nmcompile.build.film_frames import film_frames
from nmcompile.build.gates import gates_that_fit
from nmcompile.build.host_work import with_host_ops
from nmcompile.build.matching import correlation_that_fits
from nmcompile.build.on_cores import map_networks
from nmcompile.build.own_recipe import with_own_recipe
from nmcompile.build.partial_sums import CHOICE_FRAMES, FanInSplit, fan_in_split
from nmcompile.build.read_out import ReadOut, read_out_passes, read_outs
from nmcompile.build.supported import require_supported
from nmcompile.build.target_effects import pooling_cost
from nmcompile.diagnostics import NmError
from nmcompile.frontends import LoadedModel
from nmcompile.ir.counters import NetworkCounters
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.mapping.graph import MappedGraph
from nmcompile.passes import pipelines
from nmcompile.passes.calibrate import resolved, scales
from nmcompile.passes.context import Calibration, PassContext, Scale
from nmcompile.passes.manager import Pass, PassManager
from nmcompile.passes.recipe import Pooling, Recipe
from nmcompile.passes.suit_target import suited
from nmcompile.passes.tune import tuned
from nmcompile.target import Target

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What a user may choose about a build.

    Attributes:
        recipe: how the model becomes spiking and integer.
        calibrate: folder of images, "synthetic", or None for the model's own data.
        frames: consecutive frames in the golden-against-cores check.
        verify: run that check (a build without it says so).
        spread: use the cores that the powered chips have left, to shorten the ticks.
        dump_passes: folder for the program's text after every pass, or None.
        input: file with the frames of that check, or None for images or seeded numbers.
        schedule: how layers are folded in time, where cores can; "" lets the backend choose.
    """

    recipe: Recipe = field(default_factory=Recipe)
    calibrate: str | None = None
    frames: int = 2
    verify: bool = True
    spread: bool = True
    dump_passes: Path | None = None
    input: Path | None = None
    schedule: str = ""


@dataclass
class Compiled:
    """Everything a build knows before it is written to disk."""

    target: Target
    options: Options
    model: LoadedModel
    programs: dict[str, Program] = field(default_factory=dict)
    pass_digests: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    scales: dict[str, Scale] = field(default_factory=dict)
    calibration_origin: str = ""
    asked_pooling: Pooling = "running_max"
    pooling_cost: str = ""
    stimulus: str = ""
    frames: tuple[stimuli.Frame, ...] = ()
    inputs: dict[str, list[NetworkInput]] = field(default_factory=dict)
    traffic: dict[str, dict[str, npt.NDArray[Any]]] = field(default_factory=dict)
    layer_errors: tuple[accuracy.LayerError, ...] = ()
    response_error: tuple[float, float] | None = None
    golden_error: tuple[float, float] | None = None
    survey: Survey | None = None
    fan_in: FanInSplit | None = None
    read_outs: tuple[ReadOut, ...] = ()
    graphs: dict[str, MappedGraph] = field(default_factory=dict)
    verifications: tuple[verify.Verification, ...] = ()
    counters: dict[str, tuple[NetworkCounters, ...]] = field(default_factory=dict)

    @property
    def golden(self) -> Program:
        """The golden program."""
        return self.programs["golden"]

    @property
    def chips(self) -> int:
        """Number of chips that hold cores of any network."""
        return len({slot[0] for graph in self.graphs.values() for slot in graph.slots})

    def surveyed(self, network: Network) -> NetworkSurvey | None:
        """What the backend said about a network before it was mapped, if it said anything."""
        found = self.survey.networks if self.survey is not None else ()
        return next((n for n in found if n.network == network.name), None)


def compile_model(
    model: LoadedModel, target: Target, options: Options, progress: Progress
) -> Compiled:
    """Lower, map, verify and count one model for one target.

    Raises:
        NmError: whatever the passes, the mapper (exit 3) or the verification (exit 5) find.
    """
    build = prepared(model, target, options)
    backend = backend_for(target, options.schedule)
    for name, step in (
        ("lower", lower),
        ("measure", measure),
        ("map", map_networks),
        ("verify", verify_cores),
    ):
        progress(name)
        started = time.perf_counter()
        step(build, backend)
        build.seconds[name] = time.perf_counter() - started
    return build


def prepared(model: LoadedModel, target: Target, options: Options) -> Compiled:
    """Nothing compiled yet; the recipe is the user's over the model's own.

    Raises:
        NmError: NM0115 when the model's own recipe is wrong.
    """
    recipe = with_own_recipe(options.recipe, model)
    return Compiled(target, dataclasses.replace(options, recipe=recipe), model)


def surveyed(build: Compiled, backend: Backend, context: PassContext) -> Program | None:
    """What a backend says about every layer before anything is mapped goes into `build.survey`.

    Returns:
        The integer program with the host's part cut off; None where the mapper alone answers.
    """
    if not isinstance(backend, Surveyor) or build.options.recipe.split_fan_in:
        return None
    program = PassManager(pipelines.PLACED).run(build.programs["integer"], context)
    build.survey = backend.survey(program, build.target)
    return program


def lower(build: Compiled, backend: Backend) -> None:
    """Model -> float -> spiking -> integer -> golden.

    Raises:
        NmError: whatever the passes find, and every layer that the backend says cannot fit.
    """
    context, chosen = to_integer(build, backend)
    surveyed(build, backend, context)
    if build.survey is not None and build.survey.problems:
        raise NmError(*build.survey.problems)
    to_golden(build, backend, context, chosen)


def to_golden(
    build: Compiled, backend: Backend, context: PassContext, chosen: Calibration | None
) -> None:
    """Integer -> golden, and the frames of the checks."""
    program = build.programs["integer"]
    context = correlation_that_fits(program, context, backend, build.target)
    golden = _run(build, pipelines.GOLDEN, program, context)
    golden = fan_in_that_fits(golden, context.rules, backend, build.target)
    count = build.options.frames
    made = _frames(build, chosen, count + CHOICE_FRAMES)
    build.frames = made[:count]
    build.read_outs = read_outs(golden, made[count:] or made)
    golden = _run(build, read_out_passes(build.read_outs), golden, context)
    if build.options.recipe.split_fan_in:
        build.fan_in = fan_in_split(golden, made[count:] or made, backend, build.target)
        golden = _run(build, (build.fan_in.step,), golden, context)
    build.programs["golden"] = golden
    require_supported(build.golden, backend, build.target)


def to_integer(build: Compiled, backend: Backend) -> tuple[PassContext, Calibration | None]:
    """Model -> float -> spiking -> integer; the context of the passes to come."""
    program = with_host_ops(build.model.program)
    context = PassContext(
        timesteps=build.options.recipe.timesteps or own_timesteps(program),
        recipe=build.options.recipe,
        rules=backend.rules(build.target),
    )
    if program.level == "integer":
        _take_integers(build, program, context)
        return context, None
    program = _run(build, pipelines.FLOAT, program, context)
    build.programs["float"] = program
    build.asked_pooling = context.recipe.pooling
    recipe = suited(context.recipe, program, context.rules)
    context = dataclasses.replace(context, recipe=recipe)
    build.options = dataclasses.replace(build.options, recipe=recipe)
    size = frame_size(program)
    chosen = calibration.choose(build.options.calibrate, _stored(build.model), size)
    context = dataclasses.replace(context, calibration=chosen)
    if chosen is not None:
        recipe = tuned(program, context) if context.recipe.tune else context.recipe
        # From here on what was chosen is part of the recipe, and of the manifest.
        context = dataclasses.replace(context, recipe=resolved(recipe, chosen))
        build.options = dataclasses.replace(build.options, recipe=context.recipe)
    build.scales = {k: frozen(v) for k, v in scales(program, context).items()}
    if chosen is not None:
        build.calibration_origin = chosen.origin
        settled = Calibration(chosen.origin, None, tuple(build.scales.items()), settled=True)
        context = dataclasses.replace(context, calibration=settled)
    program = _run(build, pipelines.SPIKING, program, context)
    program = build.programs["integer"] = _run(build, pipelines.INTEGER, program, context)
    return gates_that_fit(program, context, backend, build.target), chosen


def _take_integers(build: Compiled, program: Program, context: PassContext) -> None:
    """A file of integers is the program of every level down to "integer", at the T asked for."""
    refuse_conversion(build.options.recipe, build.options.calibrate)
    program = program.map_networks(lambda n: n.replace(timesteps=context.timesteps))
    program = program.assume(f"one inference is {context.timesteps} timesteps")
    build.programs["float"] = build.programs["integer"] = _run(build, (), program, context)


def measure(build: Compiled, _: Backend) -> None:
    """Float against integer, layer by layer; inputs of every golden network."""
    float_program, integer = build.programs["float"], build.programs["integer"]
    build.layer_errors = accuracy.layer_errors(
        float_program, integer, build.frames, build.scales, build.options.recipe
    )
    if build.layer_errors:
        above, found, below = (
            accuracy.responses(program, build.frames)
            for program in (float_program, integer, build.golden)
        )
        build.response_error = accuracy.error_between(above, found)
        build.golden_error = accuracy.error_between(found, below)
        build.pooling_cost = pooling_cost(
            build.programs, build.frames, build.options.recipe, build.scales, build.asked_pooling
        )
    if build.fan_in is not None:
        build.fan_in = build.fan_in.measured(build.golden, build.frames)
    executor = reference_executor(build.golden)
    build.inputs = stimuli.recorded_inputs(executor, build.frames)
    build.read_outs = tuple(r.measured(build.golden, build.inputs) for r in build.read_outs)
    build.counters = {name: tuple(counts) for name, counts in executor.counted.items()}
    build.traffic = {
        network.name: stimuli.spike_counts(network, build.inputs[network.name][0])
        for network in build.golden.chip_networks
    }


def verify_cores(build: Compiled, backend: Backend) -> None:
    """Golden against cores; the cores' counters replace the golden ones.

    Raises:
        NmError: NM0401 when any spike differs.
    """
    results = []
    for network in build.golden.chip_networks:
        simulator = backend.simulator(build.graphs[network.name])
        steps = build.golden.steps_of(network.name)  # each has counters of its own runs
        inputs = build.inputs[network.name][: build.options.frames * len(steps)]
        if build.options.verify:
            result = verify.verify_network(network, simulator, inputs)
            verify.require_equal(result)
            results.append(result)
            counters = result.counters
        else:
            counters = tuple(simulator.run(x.stimulus, x.slots).counters for x in inputs)
        for index, step in enumerate(steps):
            build.counters[step.name] = counters[index :: len(steps)]
    build.verifications = tuple(results)


def _frames(build: Compiled, chosen: Calibration | None, count: int) -> tuple[stimuli.Frame, ...]:
    program = build.programs["float"]
    if build.options.input is not None:
        build.stimulus = build.options.input.name
        return given_input.frames_from(build.options.input, program, count)
    if (filmed := film_frames(program, count)) is not None:
        build.stimulus = "an invented film and its events"
        return filmed
    source = chosen if chosen is not None and chosen.images is not None else _stored(build.model)
    images = None
    if source is not None and source.images is not None:
        from nmcompile.reference.float import channel_order

        images = channel_order(source.images, program.preprocess)
    build.stimulus = "crops of the calibration images"
    if stimuli.is_seeded(program, images):
        build.stimulus = "seeded random input, not real data"
    return stimuli.frames(program, images, count, build.model.span)


def _run(
    build: Compiled, passes: tuple[Pass, ...], program: Program, context: PassContext
) -> Program:
    manager = PassManager(passes, build.options.dump_passes, first_index=len(build.pass_digests))
    result = manager.run(program, context)
    build.pass_digests.update(manager.digests)
    build.seconds.update(manager.seconds)
    return result


def _stored(model: LoadedModel) -> Calibration | None:
    """The calibration that the model file carries."""
    if model.calibration is None and not model.scales:
        return None
    origin = "checkpoint scales" if model.scales else "checkpoint images"
    return Calibration(origin, model.calibration, model.scales)
