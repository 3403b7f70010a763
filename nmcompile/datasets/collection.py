"""A benchmark: many annotated sequences in one folder, named as `KIND:DIR`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.layouts import READERS, Entry
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.diagnostics.suggest import did_you_mean

__all__ = ["Collection", "Entry", "open_collection"]


@dataclass(frozen=True)
class Collection:
    """Annotated sequences of one benchmark.

    Attributes:
        kind: otb, vot, got10k or uav.
        name: the folder's name.
        entries: by name, in the benchmark's order.
    """

    kind: str
    name: str
    entries: tuple[Entry, ...]

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that some sequence has, sorted."""
        return tuple(sorted({a for entry in self.entries for a in entry.attributes}))

    def shortened(self, frames: int | None) -> Collection:
        """The same with the first frames of every annotated part; all frames for None."""
        if frames is None:
            return self
        return Collection(self.kind, self.name, tuple(e.first(frames) for e in self.entries))

    def only(self, names: tuple[str, ...]) -> Collection:
        """The part with these sequences; all when `names` is empty.

        Raises:
            NmError: NM0537 when there is no such sequence.
        """
        if not names:
            return self
        known = [entry.name for entry in self.entries]
        for name in names:
            if name not in known:
                raise NmError(
                    Diagnostic(
                        code="NM0537",
                        message=f"the dataset has no sequence `{name}`",
                        where=f"{self.kind}:{self.name}",
                        help=(did_you_mean(name, known, "sequences"),),
                    )
                )
        return Collection(
            self.kind, self.name, tuple(e for e in self.entries if e.name in set(names))
        )


def open_collection(text: str) -> Collection:
    """Open a benchmark's folder; boxes are read now, frames when asked for.

    Args:
        text: `KIND:DIR`, with kind otb, vot, got10k or uav.

    Raises:
        NmError: NM0532 (no such kind), NM0533 (no folder or no sequence in it), NM0534 to NM0536
            (what a reader refuses), and what `open_sequence` raises.
    """
    kind, colon, folder = text.partition(":")
    if not colon or kind not in READERS:
        raise NmError(
            Diagnostic(
                code="NM0532",
                message="there is no such kind of dataset" if colon else "the dataset has no kind",
                where="--dataset",
                limit="KIND:DIR, with kind " + ", ".join(READERS),
                found=text,
                help=(did_you_mean(kind, READERS, "kinds"),) if colon else (f"try otb:{text}",),
            )
        )
    path = Path(folder).absolute()  # a worker elsewhere has another current folder
    entries = READERS[kind](path) if path.is_dir() else ()
    scored = tuple(e for e in entries if _has_boxes(e.boxes))
    if not scored:
        raise NmError(
            Diagnostic(
                code="NM0533",
                message=f"there is no annotated sequence of kind {kind} here",
                where=folder,
                found="no such folder" if not path.is_dir() else f"{len(entries)} sequences",
                help=(
                    "give the folder that holds the folders of the sequences",
                    "`nmcompile explain NM0533` shows the layout of every kind",
                ),
            )
        )
    return Collection(kind, path.resolve().name, scored)


def _has_boxes(boxes: npt.NDArray[np.float64]) -> bool:
    return bool(np.isfinite(boxes).all(axis=1).any())
