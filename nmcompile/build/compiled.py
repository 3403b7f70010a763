"""Compile in memory: model to programs at every level, mapped cores, checks and counters."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.base import Backend
from nmcompile.backends.registry import backend_of
from nmcompile.build import accuracy, calibration, stimuli, verify
from nmcompile.build.execute import reference_executor
from nmcompile.build.host_work import with_host_ops
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends import LoadedModel
from nmcompile.ir.counters import NetworkCounters
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.passes import pipelines
from nmcompile.passes.calibrate import scales
from nmcompile.passes.context import DEFAULT_TIMESTEPS, Calibration, PassContext
from nmcompile.passes.manager import Pass, PassManager
from nmcompile.passes.recipe import Recipe
from nmcompile.target import Target

Progress = Callable[[str], None]
SCALE_DIGITS = 6
"""Significant digits of a frozen activation scale: below the differences between CPUs."""


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
    """

    recipe: Recipe = field(default_factory=Recipe)
    calibrate: str | None = None
    frames: int = 2
    verify: bool = True
    spread: bool = True
    dump_passes: Path | None = None


@dataclass
class Compiled:
    """Everything a build knows before it is written to disk."""

    target: Target
    options: Options
    model: LoadedModel
    programs: dict[str, Program] = field(default_factory=dict)
    pass_digests: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    calibration_origin: str = ""
    stimulus: str = ""
    frames: tuple[stimuli.Frame, ...] = ()
    inputs: dict[str, list[npt.NDArray[Any]]] = field(default_factory=dict)
    traffic: dict[str, dict[str, npt.NDArray[Any]]] = field(default_factory=dict)
    layer_errors: tuple[accuracy.LayerError, ...] = ()
    response_error: tuple[float, float] | None = None
    graphs: dict[str, CoreGraph] = field(default_factory=dict)
    verifications: tuple[verify.Verification, ...] = ()
    counters: dict[str, tuple[NetworkCounters, ...]] = field(default_factory=dict)

    @property
    def golden(self) -> Program:
        """The golden program."""
        return self.programs["golden"]


def compile_model(
    model: LoadedModel, target: Target, options: Options, progress: Progress
) -> Compiled:
    """Lower, map, verify and count one model for one target.

    Raises:
        NmError: whatever the passes, the mapper (exit 3) or the verification (exit 5) find.
    """
    build = Compiled(target, options, model)
    backend = backend_of(target)
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


def lower(build: Compiled, backend: Backend) -> None:
    """Model -> float -> spiking -> integer -> golden."""
    program = with_host_ops(build.model.program)
    context = PassContext(
        timesteps=build.options.recipe.timesteps or _own_timesteps(program),
        recipe=build.options.recipe,
        rules=backend.rules(build.target),
    )
    program = _run(build, pipelines.FLOAT, program, context)
    build.programs["float"] = program
    size = frame_size(program)
    chosen = calibration.choose(build.options.calibrate, _stored(build.model), size)
    context = dataclasses.replace(context, calibration=chosen)
    build.scales = {k: _frozen(v) for k, v in scales(program, context).items()}
    if chosen is not None:
        build.calibration_origin = chosen.origin
        context = dataclasses.replace(
            context, calibration=Calibration(chosen.origin, None, tuple(build.scales.items()))
        )
    program = _run(build, pipelines.SPIKING, program, context)
    build.programs["integer"] = _run(build, pipelines.INTEGER, program, context)
    build.programs["golden"] = _run(build, pipelines.GOLDEN, build.programs["integer"], context)
    build.frames = _frames(build, chosen)


def measure(build: Compiled, _: Backend) -> None:
    """Float against integer, layer by layer; inputs of every golden network."""
    float_program, integer = build.programs["float"], build.programs["integer"]
    build.layer_errors = accuracy.layer_errors(float_program, integer, build.frames, build.scales)
    if build.layer_errors:
        build.response_error = accuracy.response_error(float_program, integer, build.frames)
    executor = reference_executor(build.golden)
    build.inputs = stimuli.recorded_inputs(executor, build.frames)
    build.counters = {name: tuple(counts) for name, counts in executor.counted.items()}
    build.traffic = {
        network.name: spike_counts(network, build.inputs[network.name][0])
        for network in build.golden.chip_networks
    }


def map_networks(build: Compiled, backend: Backend) -> None:
    """Golden networks -> cores, placed with the traffic of the measured frames (if any).

    First each with the fewest cores, which says how many chips are needed. The cores that
    those chips have left then shorten the ticks of the networks that run every frame, and the
    other networks are placed beside them: all are resident at once.
    """
    fewest: dict[str, CoreGraph] = {}
    found: list[Diagnostic] = []
    for network in build.golden.chip_networks:
        try:
            fewest[network.name] = _mapped(build, backend, network)
        except NmError as error:
            found += error.diagnostics
    if found:
        raise NmError(*found)
    budgets = _spare_cores(build, fewest) if build.options.spread else {}
    if not budgets and len(fewest) == 1:
        build.graphs = fewest
        return
    order = sorted(build.golden.chip_networks, key=lambda n: n.name not in budgets)
    for network in order:
        beside = tuple(build.graphs.values())
        cores = budgets.get(network.name)
        build.graphs[network.name] = _mapped(build, backend, network, cores, beside)


def _mapped(
    build: Compiled,
    backend: Backend,
    network: Network,
    cores: int | None = None,
    beside: tuple[CoreGraph, ...] = (),
) -> CoreGraph:
    traffic = build.traffic.get(network.name)
    return backend.map(network, build.target, traffic, cores=cores, beside=beside)


def _spare_cores(build: Compiled, fewest: dict[str, CoreGraph]) -> dict[str, int]:
    """Cores for each network that runs every frame, so that the powered chips are full."""
    per_chip = int(build.target.chip.cores.value or 0)
    used = sum(graph.cores for graph in fewest.values())
    chips = max([-(-used // per_chip), *(g.chips for g in fewest.values())]) if per_chip else 0
    spare = chips * per_chip - used
    hot = {
        name: graph.cores
        for name, graph in fewest.items()
        if any(s.trigger == "every_frame" for s in build.golden.steps_of(name))
    }
    if spare <= 0 or not build.inputs:
        return {}
    return {name: n + spare * n // sum(hot.values()) for name, n in hot.items()}


def verify_cores(build: Compiled, backend: Backend) -> None:
    """Golden against cores; the cores' counters replace the golden ones.

    Raises:
        NmError: NM0401 when any spike differs.
    """
    results = []
    for network in build.golden.chip_networks:
        simulator = backend.simulator(build.graphs[network.name])
        inputs = build.inputs[network.name][: build.options.frames]
        if build.options.verify:
            result = verify.verify_network(network, simulator, inputs)
            verify.require_equal(result)
            results.append(result)
            counters = result.counters
        else:
            counters = tuple(simulator.run(x).counters for x in inputs)
        for step in build.golden.steps_of(network.name):
            build.counters[step.name] = counters
    build.verifications = tuple(results)


def spike_counts(network: Network, stimulus: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Population (and input) name -> spikes per neuron over one inference, golden level."""
    from nmcompile.reference.integer import IntegerRunner

    counts: dict[str, npt.NDArray[Any]] = dict(
        IntegerRunner(network).run(stimulus, record=True).counts
    )
    entry = network.types[network.input.name]
    spikes = stimulus != 0
    counts[network.input.name] = spikes.sum(axis=0) if entry.kind == "spikes" else spikes
    return {name: np.asarray(c, np.int64) for name, c in counts.items()}


def _frames(build: Compiled, chosen: Calibration | None) -> tuple[stimuli.Frame, ...]:
    from nmcompile.reference.float import channel_order

    program = build.programs["float"]
    source = chosen if chosen is not None and chosen.images is not None else _stored(build.model)
    images = None
    if source is not None and source.images is not None:
        images = channel_order(source.images, program.preprocess)
    build.stimulus = "crops of the calibration images"
    if stimuli.is_seeded(program, images):
        build.stimulus = "seeded random input, not real data"
    return stimuli.frames(program, images, build.options.frames)


def _run(
    build: Compiled, passes: tuple[Pass, ...], program: Program, context: PassContext
) -> Program:
    manager = PassManager(passes, build.options.dump_passes, first_index=len(build.pass_digests))
    result = manager.run(program, context)
    build.pass_digests.update(manager.digests)
    build.seconds.update(manager.seconds)
    return result


def frame_size(program: Program) -> tuple[int, int]:
    """(height, width) of what the every_frame steps take."""
    triggers = {s.network for s in program.schedule if s.trigger == "every_frame"}
    network = next(n for n in program.networks if n.name in triggers)
    shape = network.types[network.input.name].shape
    return (shape[1], shape[2]) if len(shape) == 3 else (1, shape[0])


def _stored(model: LoadedModel) -> Calibration | None:
    """The calibration that the model file carries."""
    if model.calibration is None and not model.scales:
        return None
    origin = "checkpoint scales" if model.scales else "checkpoint images"
    return Calibration(origin, model.calibration, model.scales)


def _own_timesteps(program: Program) -> int:
    """T that the file states (spiking graphs), else the default of a conversion."""
    stated = max(n.timesteps for n in program.networks)
    return stated if stated > 1 else DEFAULT_TIMESTEPS


def _frozen(scale: float) -> float:
    return float(f"{scale:.{SCALE_DIGITS}g}")
