"""Threads of compiled code that wait for each other, without going back to the interpreter."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types

from nmcompile.backends.truenorth.simulator.vector import address
from nmcompile.reference.jit import instruction, njit

SPINS = 2000
"""Looks at the counter before the processor is offered to somebody else."""
_LONG = ir.IntType(64)
_give_way = types.ExternalFunction(
    "SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32()
)


@instruction
def _add_one(_: Any, counter: Any) -> Any:
    """counter[0] += 1, seen by all threads after everything that this one wrote before."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = ir.Constant(_LONG, 0)
        data = address(context, builder, signature.args[0], values[0], first)
        builder.atomic_rmw("add", data, ir.Constant(_LONG, 1), "seq_cst")
        return context.get_dummy_value()

    return types.void(counter), code


@instruction
def _now(_: Any, counter: Any) -> Any:
    """counter[0], and with it what other threads wrote before they added to it."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = ir.Constant(_LONG, 0)
        data = address(context, builder, signature.args[0], values[0], first)
        return builder.load_atomic(data, "seq_cst", align=8)

    return types.int64(counter), code


@njit
def meet(counter: npt.NDArray[np.int64], arrivals: int) -> None:
    """Go on when all threads have come here.

    Args:
        counter: `(1,)`, counts who came to any meeting.
        arrivals: what it reads when everybody has come to this one.
    """
    _add_one(counter)
    looks = 0
    while _now(counter) < arrivals:
        looks += 1
        if looks > SPINS:
            _give_way()
