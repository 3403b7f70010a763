"""What a build runs its networks on: calibration images, a file, or seeded random input."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import (
    NetworkInput,
    NetworkRunner,
    ProgramExecutor,
    RunResult,
    Slots,
    slots_of,
)
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program, Trigger
from nmcompile.ir.types import EdgeType
from nmcompile.passes.chains import central

SEED = 20200317
SPIKE_RATE = 0.1
"""Spikes per neuron and timestep of a seeded stimulus (kind `assumed`)."""

MESSAGES = (-64, 65)
"""Range of a seeded message (the end is open): one unit of a message with 6 fractional bits."""


@dataclass(frozen=True)
class Frame:
    """One frame's inputs: what the on_init, every_frame and on_event steps receive.

    `(C, H, W)` of values, `(T, C, H, W)` of spikes.
    """

    init: npt.NDArray[Any] | None
    frame: npt.NDArray[Any] | None
    window: npt.NDArray[Any] | None = None

    def of(self, trigger: Trigger) -> npt.NDArray[Any] | None:
        """What the steps of a trigger receive."""
        given = {"on_init": self.init, "every_frame": self.frame, "on_event": self.window}
        return given[trigger]


def frames(
    program: Program,
    images: npt.NDArray[np.uint8] | None,
    count: int,
    span: tuple[int, int] | None = None,
) -> tuple[Frame, ...]:
    """`count` frames for `program`, cut from `images` or seeded.

    Args:
        program: float level with folded preprocessing, or lower.
        images: uint8 `(N, C, H, W)` in the network's channel order, or None.
        count: number of frames.
        span: lowest and highest number of a seeded input, where the model says so.
    """
    rng = np.random.default_rng(SEED)
    made = []
    for index in range(count):
        image = None if images is None else images[index % len(images)]
        made.append(
            Frame(
                _stimulus(program, "on_init", image, rng, span),
                _stimulus(program, "every_frame", image, rng, span),
                _stimulus(program, "on_event", image, rng, span),
            )
        )
    return tuple(made)


def is_seeded(program: Program, images: npt.NDArray[np.uint8] | None) -> bool:
    """Whether `frames` would have to invent the stimulus."""
    return images is None or any(
        isinstance(n.input.op, ops.Input)
        and n.input.op.kind == "spikes"
        and not takes_pixels(n.input.op)
        for n in entry_networks(program)
    )


def takes_pixels(op: ops.Input) -> bool:
    """Whether an input is an image, or a train with an image in every timestep."""
    return len(op.shape) == 3 and op.bits == 8 and not op.signed


def recorded_inputs(
    executor: ProgramExecutor, made: tuple[Frame, ...]
) -> dict[str, list[NetworkInput]]:
    """Network name -> what each network receives while `executor` runs `made`.

    The executor counts as usual.
    """
    seen: dict[str, list[NetworkInput]] = {}
    reads = {n.name: slots_of(n) for n in executor.program.networks}

    def recording(name: str, runner: NetworkRunner) -> NetworkRunner:
        def run(stimulus: npt.NDArray[Any], slots: Slots) -> RunResult:
            given = {slot: np.array(slots[slot]) for slot in reads[name]}
            seen.setdefault(name, []).append(NetworkInput(np.asarray(stimulus), given))
            return runner(stimulus, slots)

        return run

    wrapped = {name: recording(name, runner) for name, runner in executor.runners.items()}
    watched = dataclasses.replace(executor, runners=wrapped)
    for frame in made:
        if frame.init is not None:
            watched.init(frame.init)
        if frame.frame is not None:
            watched.frame(frame.frame[None])
        if frame.window is not None:
            watched.window(frame.window)
    return seen


def spike_counts(network: Network, given: NetworkInput) -> dict[str, npt.NDArray[Any]]:
    """Population (and input) name -> spikes per neuron over one inference, golden level."""
    from nmcompile.reference.integer import IntegerRunner

    trace = IntegerRunner(network).run(given.stimulus, given.slots, record=True)
    counts: dict[str, npt.NDArray[Any]] = {
        name: np.count_nonzero(train, axis=0) for name, train in trace.spikes.items()
    }
    entry = network.types[network.input.name]
    spikes = given.stimulus != 0
    counts[network.input.name] = spikes.sum(axis=0) if entry.kind == "spikes" else spikes
    return {name: np.asarray(c, np.int64) for name, c in counts.items()}


def entry_networks(program: Program) -> tuple[Network, ...]:
    """Networks that read the outside world."""
    fed_by_network = {s.name for s in program.schedule if s.network is not None}
    names = {s.network for s in program.schedule if s.network and s.reads not in fed_by_network}
    return tuple(n for n in program.networks if n.name in names)


def _stimulus(
    program: Program,
    trigger: Trigger,
    image: npt.NDArray[np.uint8] | None,
    rng: np.random.Generator,
    span: tuple[int, int] | None,
) -> npt.NDArray[Any] | None:
    names = {s.network for s in program.schedule if s.trigger == trigger}
    network = next((n for n in entry_networks(program) if n.name in names), None)
    if network is None:
        return None
    op = network.input.op
    if not isinstance(op, ops.Input):
        raise TypeError("a network starts with an Input")
    if op.kind == "spikes" and image is not None and takes_pixels(op):
        still: npt.NDArray[Any] = np.stack([central(image, op.shape)] * network.timesteps)
        return still
    if op.kind == "spikes":
        return _train(op, network.timesteps, rng, span)
    if image is not None:
        return central(image, op.shape)
    if span is not None:
        return rng.integers(span[0], span[1] + 1, op.shape, np.int32)
    return rng.integers(0, 256, op.shape).astype(np.uint8)


def _train(
    op: ops.Input, timesteps: int, rng: np.random.Generator, span: tuple[int, int] | None
) -> npt.NDArray[Any]:
    """Seeded spikes; with a span a video, in which some of the numbers change in every step."""
    shape = (timesteps, *op.shape)
    fires = rng.random(shape) < SPIKE_RATE
    if not EdgeType("spikes", op.shape, op.bits, op.signed).wide:
        return fires.astype(np.uint8)
    if span is None:
        return np.where(fires, rng.integers(*MESSAGES, shape, np.int32), 0).astype(np.int32)
    video = rng.integers(span[0], span[1] + 1, shape, np.int32)
    for step in range(1, timesteps):
        video[step] = np.where(fires[step], video[step], video[step - 1])
    return video
