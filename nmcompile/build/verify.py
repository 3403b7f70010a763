"""Golden against cores: equality, spike for spike, over consecutive frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmcompile.backends.base import Simulator
from nmcompile.build.execute import NetworkInput
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.counters import NetworkCounters
from nmcompile.ir.network import Network
from nmcompile.reference.integer import IntegerRunner

OVERFLOWS = frozenset({"NM0203", "NM0217"})
"""What a run stops at because a number left its width."""


@dataclass(frozen=True)
class Verification:
    """The outcome of one comparison.

    Attributes:
        network: what was compared.
        frames: consecutive frames run on both sides.
        neurons: neurons compared.
        spikes: spikes on the golden side, or the sums other than 0 of neurons that never fire.
        first_mismatch: "" when equal, else where and what.
        counters: the mapped side's counters, one per frame that it finished.
        other_side: what was compared with the golden network.
    """

    network: str
    frames: int
    neurons: int
    spikes: int
    first_mismatch: str
    counters: tuple[NetworkCounters, ...]
    other_side: str = "the mapped cores"

    @property
    def equal(self) -> bool:
        """Whether every spike, output and final membrane agrees."""
        return not self.first_mismatch

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """NM0401 when the sides differ, nothing when they are equal."""
        if self.equal:
            return ()
        mismatch = Diagnostic(
            code="NM0401",
            message=f"{self.other_side} and the golden network compute different things",
            where=self.network,
            limit=f"equality of {self.spikes} spikes over {self.frames} frames",
            found=self.first_mismatch,
            help=(
                "build again; if it happens again, report it with the model",
                "a deployment whose files were edited by hand fails here too",
            ),
        )
        return (mismatch,)


def verify_network(
    golden: Network,
    simulator: Simulator,
    inputs: Sequence[NetworkInput],
) -> Verification:
    """Run both sides on consecutive frames and compare all spikes, outputs and membranes.

    Args:
        golden: the golden network.
        simulator: its mapped cores.
        inputs: stimulus and slots of every frame.
    """
    runner = IntegerRunner(golden)
    spikes = neurons = 0
    counters = []
    mismatch = ""
    for index, given in enumerate(inputs):
        ours = runner.run(given.stimulus, given.slots, record=True)
        try:
            mapped = simulator.run(given.stimulus, given.slots, record=True)
        except NmError as error:
            if not set(error.codes) <= OVERFLOWS:
                raise
            # The golden side has no such overflow.
            mismatch = mismatch or f"frame {index + 1}: {error.diagnostics[0].message}"
            break
        counters.append(mapped.counters)
        trains = ours.spikes.values() or (ours.output,)
        spikes += sum(int(np.count_nonzero(train)) for train in trains)
        neurons = sum(layer.neurons for layer in ours.counters.layers)
        if not mismatch:
            mismatch = _first_mismatch(golden, index, ours.spikes, mapped.spikes, "spikes")
        if not mismatch:
            mismatch = _first_mismatch(golden, index, ours.v_final, mapped.v_final, "membranes")
        if not mismatch and not np.array_equal(ours.output, mapped.output):
            mismatch = f"frame {index + 1}: the read-out differs"
    return Verification(golden.name, len(inputs), neurons, spikes, mismatch, tuple(counters))


def require_equal(result: Verification) -> None:
    """Raise when the mapped cores differ from the golden network.

    Raises:
        NmError: NM0401.
    """
    if not result.equal:
        raise NmError(*result.diagnostics())


def _first_mismatch(
    network: Network,
    frame: int,
    golden: dict[str, Any],
    mapped: dict[str, Any],
    what: str,
) -> str:
    label: Callable[[str], str] = lambda name: network.by_name[name].label  # noqa: E731
    for name, wanted in golden.items():
        found = mapped.get(name)
        if found is None:
            return f"frame {frame + 1}: the cores have no population `{label(name)}`"
        if found.shape != wanted.shape:
            return f"frame {frame + 1}: `{label(name)}` has shape {found.shape} on the cores"
        different = np.argwhere(found != wanted)
        if different.size:
            at = tuple(int(i) for i in different[0])
            return (
                f"frame {frame + 1}: {len(different)} {what} of `{label(name)}` differ, "
                f"first at index {at}: golden {int(wanted[at])}, cores {int(found[at])}"
            )
    return ""
