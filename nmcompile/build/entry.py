"""What goes into a conversion: size of a frame, timesteps, activation scales."""

from __future__ import annotations

from nmcompile.ir import ops
from nmcompile.ir.program import Program
from nmcompile.passes.context import DEFAULT_TIMESTEPS, Scale

SCALE_DIGITS = 6
"""Significant digits of a frozen activation scale: below the differences between CPUs."""


def frame_size(program: Program) -> tuple[int, int]:
    """(height, width) of what the every_frame steps take, else those of every window."""
    repeated = sorted(
        (s for s in program.schedule if s.trigger != "on_init" and s.network),
        key=lambda s: s.trigger,
    )
    network = program.network(repeated[0].network or "")
    shape = network.types[network.input.name].shape
    return (shape[1], shape[2]) if len(shape) == 3 else (1, shape[0])


def own_timesteps(program: Program) -> int:
    """T that the file states (spiking graphs), else the default of a conversion."""
    stated = max(n.timesteps for n in program.networks)
    spikes = any(any(n.of_type(ops.Neuron)) for n in program.networks)
    return stated if stated > 1 or spikes else DEFAULT_TIMESTEPS


def frozen(scale: Scale) -> Scale:
    """A scale as it is stored: the same on every machine."""
    if isinstance(scale, tuple):
        return tuple(float(f"{s:.{SCALE_DIGITS}g}") for s in scale)
    return float(f"{scale:.{SCALE_DIGITS}g}")
