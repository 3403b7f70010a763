"""DashNet's Table 1: how near interpolated films come to the frames that were left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from figures import Figure, table

from nmcompile.datasets.events.interpolation import INTERPOLATIONS, Grey
from nmcompile.datasets.events.simulator import SimulatorOptions, events_between, grey_of
from nmcompile.datasets.sequence import VideoSequence

COMMAND = "make bench-dvs"
GAPS = (2, 4, 8)
METHODS = ("without", *INTERPOLATIONS)
OPTIONS = SimulatorOptions(interpolated=0)
# DashNet, Table 1: RMSE of frames interpolated between two, 0, 1, 3, 7 of them
PAPER_RMSE = {0: 0.437, 1: 0.356, 3: 0.288, 7: 0.247}


@dataclass(frozen=True)
class Row:
    """Errors over all left-out frames of some sequences.

    Attributes:
        sequence: its name, or all.
        gap: one frame of so many is kept.
        method: without, linear or flow.
        interpolated: pictures made between two kept frames.
        rmse: of a left-out frame, grey levels, mean. rmse_std: its standard deviation.
        psnr_db: mean of the frames' peak signal-to-noise ratios. psnr_std_db: as above.
        event_rmse: of signed event counts per pixel and frame time, against events of all frames.
        event_rms: root mean square of the latter: what `event_rmse` is without any event.
        frames: left-out frames measured.
    """

    sequence: str
    gap: int
    method: str
    interpolated: int
    rmse: float
    rmse_std: float
    psnr_db: float
    psnr_std_db: float
    event_rmse: float
    event_rms: float
    frames: int


def rebuilt(before: Grey, after: Grey, gap: int, method: str, interpolated: int) -> list[Grey]:
    """Pictures 0 .. gap at the full rate; between interpolated ones the last is held."""
    made = [before]
    if interpolated:
        made += INTERPOLATIONS[method](before, after, interpolated)
    each = gap // len(made)
    return [made[k // each] for k in range(gap)] + [after]


def signed_counts(film: list[Grey]) -> npt.NDArray[np.int64]:
    """ON minus OFF events per pixel, from every picture to the next."""
    found = []
    for k in range(len(film) - 1):
        off, on = events_between(film[k], film[k + 1], k * 1000, (k + 1) * 1000, OPTIONS).counts()
        found.append(on - off)
    return np.stack(found)


def variants(gap: int) -> Iterator[tuple[str, int]]:
    """Methods and numbers of interpolated pictures for one gap, as Table 1 has them."""
    yield "without", 0
    for method in INTERPOLATIONS:
        for interpolated in (1, 3, 7):
            if interpolated < gap:
                yield method, interpolated


def measured(sequence: VideoSequence, gap: int, step: int) -> dict[tuple[str, int], Any]:
    """Per variant: RMSE of every left-out frame, squared errors and squares of event counts."""
    greys = [grey_of(frame) for frame in sequence]
    found: dict[tuple[str, int], Any] = {v: ([], [], []) for v in variants(gap)}
    for first in range(0, len(greys) - gap, gap * step):
        truth = greys[first : first + gap + 1]
        events = signed_counts(truth)
        for variant in found:
            film = rebuilt(truth[0], truth[-1], gap, *variant)
            errors, event_errors, event_squares = found[variant]
            errors += [
                float(np.sqrt(np.mean((film[k] - truth[k]) ** 2, dtype=np.float64)))
                for k in range(1, gap)
            ]
            event_errors.append(float(np.mean((signed_counts(film) - events) ** 2)))
            event_squares.append(float(np.mean(events**2)))
    return found


def _row(name: str, gap: int, variant: tuple[str, int], values: Any) -> Row:
    rmse = np.array(values[0])
    psnr = 20.0 * np.log10(255.0 / np.maximum(rmse, 1e-3))
    return Row(
        name, gap, *variant,
        round(float(rmse.mean()), 3), round(float(rmse.std()), 3),
        round(float(psnr.mean()), 2), round(float(psnr.std()), 2),
        round(float(np.sqrt(np.mean(values[1]))), 4), round(float(np.sqrt(np.mean(values[2]))), 4),
        len(rmse),
    )  # fmt: skip


def rows(sequences: list[VideoSequence], quick: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """All gaps, methods and sequences."""
    done: list[Row] = []
    for gap in GAPS:
        together: dict[tuple[str, int], Any] = {v: ([], [], []) for v in variants(gap)}
        for sequence in sequences:
            found = measured(sequence, gap, 8 if quick else 1)
            for variant, values in found.items():
                done.append(_row(sequence.name, gap, variant, values))
                for total, part in zip(together[variant], values, strict=True):
                    total += part
        done += [_row("all", gap, variant, values) for variant, values in together.items()]
    total = [row for row in done if row.sequence == "all"]
    print(_as_the_paper(total))
    print("\nall left-out frames interpolated, by sequence (RMSE, grey levels):\n")
    print(_by_sequence(done))
    return _figures(total), [asdict(row) for row in done]


def _as_the_paper(total: list[Row]) -> str:
    head = ("one frame kept of", "pictures", "RMSE, grey levels", "PSNR, dB", "event RMSE")
    cells = [
        (
            row.gap,
            "without" if not row.interpolated else f"{row.method}, {row.interpolated}",
            f"{row.rmse:.2f} ± {row.rmse_std:.2f}",
            f"{row.psnr_db:.2f} ± {row.psnr_std_db:.2f}",
            f"{row.event_rmse:.3f} of {row.event_rms:.3f}",
        )
        for row in total
    ]
    return table(head, cells)


def _by_sequence(done: list[Row]) -> str:
    full = {(r.sequence, r.gap, r.method): r for r in done if r.interpolated in (0, r.gap - 1)}
    names = list(dict.fromkeys(row.sequence for row in done))
    head = ("sequence", *(f"{method}, 1 of {gap}" for gap in GAPS for method in METHODS))
    return table(
        head,
        (
            (name, *(f"{full[name, gap, method].rmse:.2f}" for gap in GAPS for method in METHODS))
            for name in names
        ),
    )


def _figures(total: list[Row]) -> list[Figure]:
    found = []
    for row in total:
        name = f"1 frame of {row.gap}, {row.method}, {row.interpolated} interpolated"
        for value, unit in (
            (row.rmse, "grey levels RMSE"),
            (row.psnr_db, "dB PSNR"),
            (row.event_rmse, "events per pixel and frame time RMSE"),
        ):
            found.append(Figure(f"{name}: {unit}", value, unit, COMMAND))
    full = {(row.gap, row.method, row.interpolated): row for row in total}
    for interpolated in (1, 3, 7):
        ratio = full[8, "flow", interpolated].rmse / full[8, "without", 0].rmse
        found.append(
            Figure(
                f"1 frame of 8, flow: RMSE with {interpolated} interpolated over that without",
                round(ratio, 3),
                "ratio",
                COMMAND,
                peer="DashNet, Table 1 (PRED18, a trained network)",
                peer_value=round(PAPER_RMSE[interpolated] / PAPER_RMSE[0], 3),
            )
        )
    return found
