"""A program: several networks, the slots between them, and a schedule."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from nmcompile.ir.network import Network

Level = Literal["float", "spiking", "integer", "golden"]
Trigger = Literal["on_init", "every_frame"]
Place = Literal["chip", "host"]
HostCounts = tuple[tuple[str, int], ...]


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
