"""A program: several networks, the slots between them, and a schedule."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from nmcompile.ir.network import Network
from nmcompile.ir.omitted import OMITTED

Level = Literal["float", "spiking", "integer", "golden"]
Trigger = Literal["on_init", "every_frame", "on_event"]
"""When a step runs: on the first frame, on every frame of a camera, on every window of events."""
Place = Literal["chip", "host"]
HostCounts = tuple[tuple[str, int], ...]
USUAL_FRAME_RATE_HZ = 30.0
"""Of a camera, where nothing is said."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a frame becomes the network's input: x = (pixel / 255 * range - mean) / std.

    Attributes:
        channel_order: "RGB", "BGR" or "gray".
        range: value of a white pixel before mean and std (255 or 1).
        mean: per channel, in units of `range`.
        std: per channel, in units of `range`.
    """

    channel_order: Literal["RGB", "BGR", "gray"] = "RGB"
    range: float = 255.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    @property
    def is_identity(self) -> bool:
        """Whether the network takes uint8 pixels as they are."""
        return self.range == 255.0 and set(self.mean) <= {0.0} and set(self.std) <= {1.0}


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the schedule: a network or a named host operation.

    Attributes:
        name: unique in the program.
        trigger: when it runs.
        place: where it runs; the mapper takes the networks with place "chip".
        network: the network to run, or None for a host operation.
        repeat: runs per trigger (three scales of one frame, for example).
        writes: slot that receives the network's output.
        reads: step whose output is this network's input ("" for the outside world).
        host_ops: for a host operation, its counted elementary operations per run.
        reason: why it is not on the chip, in one sentence (place "host" only).
        every: with trigger "every_frame", it runs at every so-many-th frame.
        window_s: with trigger "on_event", length of the stretch of events that it reads, seconds.
        period_s: likewise, from one run to the next, seconds; shorter than the window where
            windows overlap.
    """

    name: str
    trigger: Trigger
    place: Place
    network: str | None = None
    repeat: int = 1
    writes: str = ""
    reads: str = ""
    host_ops: HostCounts = ()
    reason: str = ""
    every: int = field(default=1, metadata=OMITTED)
    window_s: float = field(default=0.0, metadata=OMITTED)
    period_s: float = field(default=0.0, metadata=OMITTED)

    @property
    def when(self) -> str:
        """The trigger with its numbers: `every(3)`, `on_event(16.7 ms, each 4.17 ms)`."""
        if self.trigger == "on_event":
            return f"on_event({self.window_s * 1e3:.3g} ms, each {self.period_s * 1e3:.3g} ms)"
        return f"every({self.every})" if self.every > 1 else self.trigger

    def runs_per_second(self, frame_rate_hz: float) -> float:
        """Its runs where frames come at `frame_rate_hz`, without `repeat`; 0 for on_init."""
        if self.trigger == "on_event":
            return 1.0 / self.period_s
        return frame_rate_hz / self.every if self.trigger == "every_frame" else 0.0


@dataclass(frozen=True)
class Program:
    """What one model does: networks plus schedule.

    Attributes:
        name: the model's name.
        level: how far it is lowered.
        networks: all networks, each name once.
        schedule: ordered steps.
        preprocess: frame to network input; identity once folded into the first layer.
        tracker: name of the tracker loop that drives it, "" for a plain network.
        settings: JSON object of the tracker's hyperparameters, as sorted (key, value) pairs.
        assumptions: things taken for granted on the way, in words.
    """

    name: str
    level: Level
    networks: tuple[Network, ...]
    schedule: tuple[Step, ...]
    preprocess: Preprocess = field(default_factory=Preprocess)
    tracker: str = ""
    settings: tuple[tuple[str, object], ...] = ()
    assumptions: tuple[str, ...] = ()

    def network(self, name: str) -> Network:
        """The network called `name`."""
        return next(n for n in self.networks if n.name == name)

    def step(self, name: str) -> Step:
        """The step called `name`."""
        return next(s for s in self.schedule if s.name == name)

    def steps_of(self, network: str) -> tuple[Step, ...]:
        """The steps that run `network`."""
        return tuple(s for s in self.schedule if s.network == network)

    def often(self, network: str) -> int:
        """How often a network runs: 0 on every window, 1 on every frame, 2 on the first one."""
        order = ("on_event", "every_frame", "on_init")
        return min(order.index(s.trigger) for s in self.steps_of(network))

    @property
    def windowed(self) -> bool:
        """Whether steps run on windows of events, so that an output is one window."""
        return any(s.trigger == "on_event" for s in self.schedule)

    @property
    def windows_per_frame(self) -> float | None:
        """Windows of events from frame to frame, each of which gives an output.

        None without such windows.
        """
        if not self.windowed:
            return None
        rates = {s.runs_per_second(1.0) for s in self.schedule if s.trigger == "on_event"}
        return max(rates) / self.frame_rate_hz

    @property
    def frame_rate_hz(self) -> float:
        """Of the camera: the tracker's setting of this name, else `USUAL_FRAME_RATE_HZ`."""
        return float(str(dict(self.settings).get("frame_rate_hz", USUAL_FRAME_RATE_HZ)))

    def runs_per_output(self, frame_rate_hz: float) -> dict[str, float]:
        """For every step but those of on_init, its runs per output, `repeat` counted.

        An output is what the most frequent trigger gives: one event window of a hybrid program,
        one frame of any other.

        Args:
            frame_rate_hz: frames per second.
        """
        rates = {s.name: s.runs_per_second(frame_rate_hz) for s in self.schedule}
        fastest = max(rates.values())
        return {s.name: rates[s.name] / fastest * s.repeat for s in self.schedule if rates[s.name]}

    @property
    def fed(self) -> frozenset[str]:
        """Names of the networks that read what another network says, and not the outside."""
        networks = {s.name for s in self.schedule if s.network is not None}
        return frozenset(s.network for s in self.schedule if s.network and s.reads in networks)

    @property
    def chip_networks(self) -> tuple[Network, ...]:
        """The networks that the schedule runs on the chip."""
        chip = {s.network for s in self.schedule if s.place == "chip"}
        return tuple(n for n in self.networks if n.name in chip)

    def map_networks(self, change: Callable[[Network], Network]) -> Program:
        """A copy with every network changed."""
        return dataclasses.replace(self, networks=tuple(change(n) for n in self.networks))

    def assume(self, *sentences: str) -> Program:
        """A copy with further assumptions (each sentence once)."""
        new = tuple(s for s in sentences if s not in self.assumptions)
        return dataclasses.replace(self, assumptions=self.assumptions + new)

    @cached_property
    def digest(self) -> str:
        """sha256 of the program's text form, in which arrays stand as full digests (hex)."""
        from nmcompile.ir.serialise import program_to_json

        text, _ = program_to_json(self)
        return hashlib.sha256(text.encode()).hexdigest()
