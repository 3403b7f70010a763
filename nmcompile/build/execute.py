"""Execute a program frame by frame at any level: float, integer, golden or mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.counters import NetworkCounters
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program, Step, Trigger
from nmcompile.reference.integer import IntegerRunner

Slots = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class NetworkInput:
    """What one inference of a network reads: its stimulus, and the slots as they then were."""

    stimulus: npt.NDArray[Any]
    slots: Slots = field(default_factory=dict)


@dataclass(frozen=True)
class RunResult:
    """One inference: the network's output and, where the level counts, what it cost.

    Attributes:
        stored: slot -> what the network itself wrote into it (`Store`).
    """

    output: npt.NDArray[Any]
    counters: NetworkCounters | None
    stored: Slots = field(default_factory=dict)


def slots_of(network: Network) -> tuple[str, ...]:
    """Names of the slots that a network reads."""
    return tuple(n.op.slot for n in network.nodes if isinstance(n.op, ops.Slot))


class NetworkRunner(Protocol):
    """Runs one network on one stimulus `(C, H, W)` with the given slots."""

    def __call__(self, stimulus: npt.NDArray[Any], slots: Slots) -> RunResult:
        """One inference."""


def float_runner(network: Network) -> NetworkRunner:
    """A float runner, without counters; double precision where rounding could decide a spike."""
    import torch

    from nmcompile.reference.float import FloatRunner

    spiking = any(network.of_type(ops.Neuron))
    runner = FloatRunner(network, torch.float64 if spiking else torch.float32)
    spikes_in = network.types[network.input.name].kind == "spikes"
    spikes_out = network.types[network.output.name].kind == "spikes"

    def run(stimulus: npt.NDArray[Any], slots: Slots) -> RunResult:
        batch = stimulus[:, None] if spikes_in else stimulus[None]
        trace = runner.run(batch, slots)
        stored = {slot: value[0] for slot, value in trace.stored.items()}
        return RunResult(trace.output[:, 0] if spikes_out else trace.output[0], None, stored)

    return run


def behind_chip(program: Program, network: Network) -> bool:
    """Whether a processor runs a network on what another one says: it multiplies zeros as well."""
    beside = all(step.place == "host" for step in program.steps_of(network.name))
    return beside and network.name in program.fed


def integer_runner(network: Network, *, dense: bool = False) -> NetworkRunner:
    """A runner of the reference interpreter; `dense` counts products with zero (`behind_chip`)."""
    runner = IntegerRunner(network, dense=dense)

    def run(stimulus: npt.NDArray[Any], slots: Slots) -> RunResult:
        trace = runner.run(stimulus, slots)
        return RunResult(trace.output, trace.counters, trace.stored)

    return run


@dataclass
class ProgramExecutor:
    """Drives a program: `init` once, then `frame` for every frame and `window` for every window.

    Attributes:
        program: any level.
        runners: one per network that the schedule runs.
        slots: contents written so far.
        counted: step name -> counters of all its runs, in order.
        seen: number of the last input of every trigger, from 0.
    """

    program: Program
    runners: Mapping[str, NetworkRunner]
    slots: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    counted: dict[str, list[NetworkCounters]] = field(default_factory=dict)
    seen: dict[Trigger, int] = field(default_factory=dict)

    def init(self, image: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Run the on_init steps on one input `(C, H, W)`; returns the last network's output."""
        return self._run("on_init", image, 0)

    def frame(self, images: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Run the every_frame steps on each input of a batch `(S, C, H, W)`: one frame.

        Steps that run at every so-many-th frame leave out the others, beginning with the second.
        """
        number = self._next("every_frame")
        outputs = [self._run("every_frame", image, number) for image in images]
        return [o for o in outputs if o is not None]

    def window(self, events: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Run the on_event steps on one window of events; the last network's output."""
        return self._run("on_event", events, self._next("on_event"))

    def _next(self, trigger: Trigger) -> int:
        """Number of this input, from 0."""
        self.seen[trigger] = self.seen.get(trigger, -1) + 1
        return self.seen[trigger]

    def _run(
        self, trigger: Trigger, image: npt.NDArray[Any], number: int
    ) -> npt.NDArray[Any] | None:
        outputs: dict[str, npt.NDArray[Any]] = {}
        result = None
        for step in self.program.schedule:
            if step.trigger != trigger or step.network is None or number % step.every:
                continue
            source = outputs.get(step.reads, image)
            result = self._step(step, source)
            outputs[step.name] = result
        return result

    def _step(self, step: Step, source: npt.NDArray[Any]) -> npt.NDArray[Any]:
        done = self.runners[step.network or ""](source, self.slots)
        if done.counters is not None:
            self.counted.setdefault(step.name, []).append(done.counters)
        if step.writes:
            self.slots[step.writes] = np.asarray(done.output)
        self.slots.update(done.stored)
        return done.output


def reference_executor(program: Program) -> ProgramExecutor:
    """An executor on the interpreter of the program's own level."""
    if program.level in ("float", "spiking"):
        return ProgramExecutor(program, {n.name: float_runner(n) for n in program.networks})
    runners = {n.name: integer_runner(n, dense=behind_chip(program, n)) for n in program.networks}
    return ProgramExecutor(program, runners)
