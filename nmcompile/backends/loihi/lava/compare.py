"""What Lava computed beside what we computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError

Ints = npt.NDArray[Any]


class Recorded(Protocol):
    """One frame of ours: spikes `(T, ...)` and final membranes per population."""

    @property
    def spikes(self) -> Mapping[str, Ints]:
        """Aligned to golden timesteps."""

    @property
    def v_final(self) -> Mapping[str, Ints]:
        """After the last timestep."""


@dataclass(frozen=True)
class LavaResult:
    """What Lava computed, aligned to golden timesteps.

    Attributes:
        spikes: population -> `(F, T, C, H, W)` or `(F, T, N)`: uint8, or int32 where they are
            wide; of a sum that is read out, the sum so far.
        u_final: population -> `(F, C, H, W)` or `(F, N)` int32, after its last active tick.
        v_final: likewise, membranes.
        process_models: `Process=module.Model` of every process class that ran.
        wall_s: duration of the subprocess, for the user's eyes only.
        warnings: what was odd about the run.
    """

    spikes: dict[str, Ints]
    u_final: dict[str, Ints]
    v_final: dict[str, Ints]
    process_models: tuple[str, ...]
    wall_s: float
    warnings: tuple[Diagnostic, ...] = ()


def result_of(
    stored: Mapping[str, Ints], wall_s: float = 0.0, warnings: tuple[Diagnostic, ...] = ()
) -> LavaResult:
    """The arrays of an emitted package's result file."""
    parts: dict[str, dict[str, Ints]] = {"spikes": {}, "u": {}, "v": {}}
    for key, values in stored.items():
        kind, _, name = key.partition("/")
        if kind in parts:
            parts[kind][name] = values
    models = tuple(str(m) for m in stored["process_models"])
    return LavaResult(parts["spikes"], parts["u"], parts["v"], models, wall_s, warnings)


def compare(ours: Sequence[Recorded], lava: LavaResult) -> tuple[str, ...]:
    """Every difference in spikes and final states, in words; empty when equal.

    Args:
        ours: one recorded inference per frame, in order. Final currents (`u_final`) and a
            read-out of membranes (`membranes`) are compared where it has them.
        lava: the same frames on Lava.
    """
    found: list[str] = []
    for index, frame in enumerate(ours):
        for what, wanted, others in (
            ("spikes", frame.spikes, lava.spikes),
            ("final membranes", frame.v_final, lava.v_final),
            ("final currents", getattr(frame, "u_final", {}), lava.u_final),
        ):
            for name, values in wanted.items():
                difference = _difference(values, others.get(name), index)
                if difference:
                    found.append(f"frame {index + 1}, {what} of `{name}`: {difference}")
    return tuple(found)


def compare_sums(wanted: Sequence[Ints], population: str, lava: LavaResult) -> tuple[str, ...]:
    """Differences in sums that are read out after a frame, one array for each.

    Args:
        wanted: `(1, H, W)`, one per frame, channels added. population: which one sums.
        lava: the same frames on Lava.
    """
    differences = (
        (index, _difference(values, _added(lava.v_final.get(population)), index))
        for index, values in enumerate(wanted)
    )
    return tuple(
        f"frame {index + 1}, read-out of `{population}`: {text}"
        for index, text in differences
        if text
    )


def _added(sums: Ints | None) -> Ints | None:
    return None if sums is None else sums.sum(axis=1, keepdims=True, dtype=sums.dtype)


def require_equal(network: str, mismatches: Sequence[str]) -> None:
    """Raise when Lava computed something else.

    Raises:
        NmError: NM0402.
    """
    if not mismatches:
        return
    raise NmError(
        Diagnostic(
            code="NM0402",
            message="Lava does not compute what this deployment computes",
            where=network,
            limit="equality of all spikes and final membranes",
            found=mismatches[0],
            notes=tuple(mismatches[1:8]),
            help=("emit the deployment again; a package that was edited by hand fails here too",),
        )
    )


def _difference(wanted: Ints, found: Ints | None, frame: int) -> str:
    if found is None or frame >= len(found):
        return "missing in Lava"
    if found[frame].shape != wanted.shape:
        return f"shape {found[frame].shape}, ours {wanted.shape}"
    different = np.argwhere(found[frame] != wanted)
    if not different.size:
        return ""
    at = tuple(int(i) for i in different[0])
    ours, lavas = int(wanted[at]), int(found[frame][at])
    return f"{len(different)} differ, first at {at}: ours {ours}, lava {lavas}"
