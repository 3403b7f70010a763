"""Cores against time: what every schedule of a network takes, and which one is taken unasked.

Nothing here writes a table; a row costs the weights of its distinct boxes at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from nmcompile.backends.base import LayerRow
from nmcompile.backends.tianjic.mapping.layer import Layer
from nmcompile.backends.tianjic.mapping.planning import planned, readable, room_of
from nmcompile.backends.tianjic.mapping.schedule import Schedule, fold, phases_of
from nmcompile.backends.tianjic.mapping.tiling import Tiler
from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.populations import Stages
from nmcompile.target import FCoreTarget

UNFOLDED: Final = Schedule("unfolded")
SEMI_FOLDED: Final = Schedule("semi-folded")
FOLDED: Final = Schedule("folded")


def curve(network: Network, target: FCoreTarget) -> tuple[LayerRow, ...]:
    """Cores, chips, phases, latency and frames per second of schedules, from unfolded to folded.

    A row whose cores are None is a schedule that cannot be mapped. Of the schedules with a number
    of phases only those are listed that save cores.

    Args:
        network: golden level. target: the chip.

    Raises:
        NmError: NM0301, NM0346 for layers that no schedule can map.
    """
    split = readable(network, target)
    tiler = Tiler(room_of(target))
    rows: list[LayerRow] = []
    fewest: int | None = None
    for schedule in schedules(split):
        row = _row(split, target, schedule, tiler)
        cores = row["cores"]
        saves = isinstance(cores, int) and (fewest is None or cores < fewest)
        if saves or schedule.phases is None:
            rows.append(row)
        if isinstance(cores, int):
            fewest = cores if fewest is None else min(cores, fewest)
    return tuple(rows)


def schedules(split: Stages) -> Iterator[Schedule]:
    """Schedules from the fewest phases to the most."""
    shapes = [p.shape for p in split.populations]
    rows, most = (phases_of(schedule, shapes) for schedule in (SEMI_FOLDED, FOLDED))
    yield UNFOLDED
    fewer = sorted({-(-rows // 2**k) for k in range(1, rows.bit_length())} - {1, rows})
    yield from (Schedule("semi-folded", phases) for phases in fewer)
    if rows > 1:
        yield SEMI_FOLDED
    if most > rows:
        yield Schedule("folded", rows)
        more = {2**k * rows for k in range(1, (most // rows).bit_length())} - {most}
        yield from (Schedule("folded", phases) for phases in sorted(more) if phases < most)
        yield FOLDED


def chosen(
    split: Stages, target: FCoreTarget, taken: int, tiler: Tiler, slowest: int = 0
) -> Schedule:
    """The schedule of the fewest phases that fits one chip, else the semi-folded one.

    Beside other networks it fits what their last chip leaves, or that and one more chip, whichever
    is less of chips times phases from frame to frame: all chips wait for the slowest network. Where
    even the semi-folded one is too large for the largest system, it is the first that fits the
    system.

    Args:
        split: the network. target: the chip. taken: cores that other networks hold.
        tiler: of the network. slowest: most phases from frame to frame of other networks.
    """
    each = target.chip.cores.value
    left, system = each - taken % each, each * target.chip.chips_max.value - taken
    tried = tuple(schedules(split))

    @cache
    def fit(schedule: Schedule) -> _Fit | None:
        try:
            plan = planned(split, target, schedule, tiler)
        except NmError:
            return None
        return _Fit(schedule, plan.cores, split.timesteps * plan.times.interval)

    rooms = (left, min(left + each, system)) if taken else (each,)
    found = [f for free in rooms if (f := _first_within(split, target, free, tried, fit))]
    if found:
        return min(
            found, key=lambda f: -(-(taken + f.cores) // each) * max(slowest, f.phases)
        ).schedule
    rows = any(p.shape[1] > 1 for p in split.populations)
    usual = SEMI_FOLDED if rows else UNFOLDED
    fits = _first_within(split, target, system, (usual, *tried), fit)
    return usual if fits is None else fits.schedule


@dataclass(frozen=True)
class _Fit:
    """A schedule that fits, its cores and its phases from frame to frame."""

    schedule: Schedule
    cores: int
    phases: int


def _first_within(
    split: Stages,
    target: FCoreTarget,
    cores: int,
    tried: tuple[Schedule, ...],
    fit: Callable[[Schedule], _Fit | None],
) -> _Fit | None:
    for schedule in tried:
        if fewest_cores(split, target, schedule) > cores:
            continue
        found = fit(schedule)
        if found is not None and found.cores <= cores:
            return found
    return None


def fewest_cores(split: Stages, target: FCoreTarget, schedule: Schedule) -> int:
    """No mapping takes less: neurons, and weights of whole layers, of one step."""
    phases = phases_of(schedule, [p.shape for p in split.populations])
    each = target.core.neurons.value
    total = 0
    for population in split.populations:
        step = Layer(population, fold(schedule, phases, population.shape)).fold
        total += -(-step.rows * step.columns * population.shape[0] // each)
    return total


def frames_per_second(phases: int, target: FCoreTarget) -> float | None:
    """Frames that follow each other after so many phases; None where no phase is stated."""
    phase_s = target.time.phase.quantity().value
    if phase_s is None:
        return None
    return 1.0 / (phases * phase_s)


def _row(split: Stages, target: FCoreTarget, schedule: Schedule, tiler: Tiler) -> LayerRow:
    try:
        plan = planned(split, target, schedule, tiler)
    except NmError:
        empty = ("cores", "chips", "phases", "latency_phases", "fps")
        return {"schedule": str(schedule), **dict.fromkeys(empty)}
    phases = split.timesteps * plan.times.interval
    fps = frames_per_second(phases, target)
    return {
        "schedule": str(schedule),
        "cores": plan.cores,
        "chips": -(-plan.cores // target.chip.cores.value),
        "phases": phases,
        "latency_phases": plan.times.ticks,
        "fps": None if fps is None else f"{fps:.1f}",
    }
