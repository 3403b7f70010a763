"""What is folded in time: how many outputs a layer computes in one phase.

The phases of a timestep are the one number that trades cores for time. A layer whose map has more
rows than that computes several rows at once; one that has fewer waits between its rows, or, in a
folded schedule, takes its columns one after the other, too. One phase unfolds the whole network.
Source of the three schedules: Deng et al., "SemiMap", IEEE TCAD 39, 2020 (abstract): rows folded
in time, columns unfolded, wide maps in slices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.populations import Shape3

Kind = Literal["unfolded", "semi-folded", "folded"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a network is folded in time.

    Attributes:
        kind: "unfolded": every output has a neuron of its own. "semi-folded": rows follow each
            other, columns are unfolded. "folded": rows and columns follow each other.
        phases: of one timestep; None takes as many as the largest map has rows (or elements).
    """

    kind: Kind
    phases: int | None = None

    def __str__(self) -> str:
        return self.kind if self.phases is None else f"{self.kind}:{self.phases}"


@dataclass(frozen=True, slots=True)
class Fold:
    """One layer in time: `ny` x `nx` steps of `rows` x `columns` outputs each.

    Attributes:
        rows, columns: outputs of all channels in one step. ny, nx: steps. period: phases from one
            ky to the next.
    """

    rows: int
    columns: int
    ny: int
    nx: int
    period: int


def schedule_named(text: str) -> Schedule:
    """A schedule as a user writes it: its kind, or its kind and phases ("semi-folded:26").

    Raises:
        NmError: NM0348 for any other text.
    """
    for kind in get_args(Kind):
        number = text.removeprefix(f"{kind}:")
        if text == kind:
            return Schedule(kind)
        folds = kind != "unfolded" and number != text
        if folds and number.isascii() and number.isdigit() and int(number) > 0:
            return Schedule(kind, int(number))
    raise NmError(
        Diagnostic(
            code="NM0348",
            message="there is no such schedule",
            limit="unfolded, semi-folded, folded; semi-folded:N or folded:N with N phases",
            found=text,
            help=("`nmcompile check` lists what each of them takes",),
        )
    )


def phases_of(schedule: Schedule, shapes: Iterable[Shape3]) -> int:
    """Phases of a timestep, from the shapes of all populations."""
    if schedule.kind == "unfolded":
        return 1
    rows = max(height for _, height, _ in shapes)
    if schedule.kind == "semi-folded":
        return min(rows, schedule.phases or rows)
    most = max(height * width for _, height, width in shapes)
    return min(most, schedule.phases or most)


def fold(schedule: Schedule, phases: int, shape: Shape3) -> Fold:
    """One layer (or the input) in `phases` phases of a timestep."""
    _, height, width = shape
    rows = -(-height // phases)
    ny = -(-height // rows)
    period = phases // ny
    columns = -(-width // period) if schedule.kind == "folded" else width
    return Fold(rows, columns, ny, -(-width // columns), period)
