"""NIR's neurons, which are differential equations, as the IR's timesteps of length dt.

Forward Euler, as Norse, snnTorch, Rockpool and Lava's importers do (the NIR paper used
dt = 1e-4 s for all of them). With x[t] the input of the step:

    LIF        tau v' = v_leak - v + r I
               v[t] = (1 - dt/tau) v[t-1] + dt/tau (v_leak + r x[t])
    CubaLIF    tau_syn i' = -i + w_in S;  tau_mem v' = v_leak - v + r i
               i[t] = (1 - dt/tau_syn) i[t-1] + dt/tau_syn w_in x[t]
               v[t] = (1 - dt/tau_mem) v[t-1] + dt/tau_mem (v_leak + r i[t])
    IF         v' = r I, spikes are unit charges
               v[t] = v[t-1] + r x[t]
    Threshold  s[t] = x[t] > threshold

A spike needs v > v_threshold strictly. The IR resets to 0, so all potentials are taken relative
to v_reset; the membrane starts at v_reset, which NIR leaves open. NIR leaves open whether the
current of CubaLIF acts in the step it arrives (as here, in Norse and in snnTorch) or one later.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.ir.arrays import Array
from nmcompile.ir.neurons import LIF, CubaLIF, Reset

Real = npt.NDArray[np.float64]

UNIT_CHARGE_TOLERANCE: Final = 1e-3


class UndiscretisableError(Exception):
    """The neuron has no form in timesteps of this length: limit, value, ways out."""

    def __init__(self, limit: str, found: str, *help_: str) -> None:
        super().__init__(found)
        self.limit = limit
        self.found = found
        self.help = help_


def integrate_and_fire(node: Any, dt_s: float, reset: Reset) -> LIF:
    """IF. Writers disagree on the unit of r: 1 (a spike adds 1) or 1/dt (its integral is 1)."""
    r = _real(node.r)
    if np.allclose(r * dt_s, 1.0, rtol=UNIT_CHARGE_TOLERANCE):
        r = np.ones_like(r)
    threshold = _threshold(node)
    return LIF(_compact(np.ones_like(r)), _compact(r), _compact(threshold), reset)


def leaky(node: Any, dt_s: float, reset: Reset) -> LIF:
    """LIF."""
    step = _step(dt_s, node.tau, "tau")
    drive = step * (_real(node.v_leak) - _real(node.v_reset))
    if np.ptp(drive) > 0:
        limit = "one v_leak, v_reset and tau per population"
        raise UndiscretisableError(limit, f"leak currents {drive.min():.3g} to {drive.max():.3g}")
    return LIF(
        v_keep=_compact(1.0 - step),
        gain=_compact(step * _real(node.r)),
        threshold=_compact(_threshold(node)),
        reset=reset,
        drive=float(drive.flat[0]) if drive.size else 0.0,
    )


def current_based(node: Any, dt_s: float, reset: Reset) -> CubaLIF:
    """CubaLIF."""
    synapse, membrane = _step(dt_s, node.tau_syn, "tau_syn"), _step(dt_s, node.tau_mem, "tau_mem")
    leak = _real(node.v_leak) - _real(node.v_reset)
    if leak.any():
        found = f"a difference up to {np.abs(leak).max():.3g}"
        raise UndiscretisableError("v_leak = v_reset in CubaLIF", found)
    return CubaLIF(
        u_keep=_compact(1.0 - synapse),
        v_keep=_compact(1.0 - membrane),
        gain=_compact(membrane * _real(node.r) * synapse * _real(node.w_in)),
        threshold=_compact(_threshold(node)),
        reset=reset,
    )


def threshold_only(node: Any, reset: Reset) -> LIF:
    """Threshold: a neuron that forgets everything."""
    zero, one = Array(np.zeros((), np.float64)), Array(np.ones((), np.float64))
    return LIF(zero, one, _compact(_real(node.threshold)), reset)


def _step(dt_s: float, tau: Any, name: str) -> Real:
    values = _real(tau)
    if values.size and (values.min() <= 0 or dt_s > values.min()):
        limit = f"0 < dt <= {name}"
        found = f"dt = {dt_s:g} s, {name} = {values.min():g} s"
        raise UndiscretisableError(limit, found, "give a shorter timestep (dt)")
    return dt_s / values


def _threshold(node: Any) -> Real:
    threshold = _real(node.v_threshold) - _real(node.v_reset)
    if threshold.size and threshold.min() <= 0:
        found = f"v_threshold - v_reset = {threshold.min():g}"
        raise UndiscretisableError("v_threshold > v_reset", found)
    return threshold


def _real(value: Any) -> Real:
    values = np.asarray(value, np.float64)
    if not np.isfinite(values).all():
        raise UndiscretisableError("finite parameters", "an infinite or undefined value")
    return values


def _compact(values: Real) -> Array:
    """One number where all are equal, one per channel where channels are, else all."""
    if values.size and (values == values.flat[0]).all():
        return Array(values.flat[0])
    channels = values.reshape(values.shape[0], -1)
    if values.ndim > 1 and (channels == channels[:, :1]).all():
        return Array(channels[:, 0])
    return Array(values)
