"""Neurons that stock Lava lacks: soft reset, held current, start value, schedules of payloads."""

# mypy: disable-error-code="misc, no-any-unimported, untyped-decorator"
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from nmcompile.backends.loihi.lava.arrays import Ints, Shape, per_neuron
from nmcompile.backends.loihi.lava.window import Window


class FixedPointNeuron(AbstractProcess):
    """Integrate-and-fire neurons with two states, exact on Loihi's 24-bit integers.

    With rsz(x) = sign(x) * (|x| >> 12) and a the input of the tick, in the active window:

        u = wrap(rsz(u * u_keep) + (a << state_shift))
        v = clip(rsz(v * v_keep) + u + bias)
        s = p where p > 0 and v > fire_above + (p - 1) * reset_by, else 0
        v -= reset_by * s      (soft reset)      or      v = 0 where s

    p is 1, or an entry of `payloads`: the next one at every timestep, or with `burst` the next one
    after every spike and the first one after a silence. Outside the window nothing is integrated
    and nothing is sent. The first tick of every frame starts from u = 0 and v = v_init. `bias`,
    `fire_above`, `reset_by` and `v_init` are scalars, `(C,)` or `(C, H, W)`, in state units.

    Args:
        shape: `(W, H, C)` or `(N,)`.
        window: when the population works.
        u_keep: kept current in 1/4096; 4096 holds it.
        v_keep: kept membrane in 1/4096.
        soft_reset: subtract `reset_by` instead of returning to zero.
        state_shift: left shift of the input.
        state_bits: width of u and v, 0 for unbounded.
        payloads, burst: see above.
    """

    def __init__(
        self,
        *,
        shape: Shape,
        window: Window,
        fire_above: Any,
        reset_by: Any = 0,
        bias: Any = 0,
        v_init: Any = 0,
        u_keep: int = 0,
        v_keep: int = 4096,
        soft_reset: bool = True,
        state_shift: int = 6,
        state_bits: int = 24,
        payloads: tuple[int, ...] = (1,),
        burst: bool = False,
    ) -> None:
        super().__init__(
            window=window,
            u_keep=u_keep,
            v_keep=v_keep,
            soft_reset=soft_reset,
            state_shift=state_shift,
            state_bits=state_bits,
            payloads=payloads,
            burst=burst,
            states_file=None,
        )
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = Var(shape=shape, init=0)
        self.v = Var(shape=shape, init=per_neuron(v_init, shape))
        self.v_init = Var(shape=shape, init=per_neuron(v_init, shape))
        self.bias = Var(shape=shape, init=per_neuron(bias, shape))
        self.fire_above = Var(shape=shape, init=per_neuron(fire_above, shape))
        self.reset_by = Var(shape=shape, init=per_neuron(reset_by, shape))

    def write_states_to(self, stem: Path) -> None:
        """After every frame write `stem`.<frame>.npz with u and v (before the first run only)."""
        self.proc_params.overwrite("states_file", stem)


@implements(proc=FixedPointNeuron, protocol=LoihiProtocol)
@requires(CPU)
class PyFixedPointNeuronModel(PyLoihiProcessModel):
    """`FixedPointNeuron` on the CPU, in 64-bit integers that cannot overflow on the way."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=8)
    u: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    v: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    v_init: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    bias: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    fire_above: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    reset_by: Ints = LavaPyType(np.ndarray, np.int64, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._payloads: Ints = np.array(proc_params["payloads"], np.int64)
        self._streak: Any = 0

    def run_spk(self) -> None:
        """One tick."""
        a = self.a_in.recv()
        window: Window = self.proc_params["window"]
        now = window.at(self.time_step)
        if now is None:
            self.s_out.send(np.zeros(self.v.shape, np.int32))
            return
        frame, step = now
        if step == 0:
            self.u[:] = 0
            self.v[:] = self.v_init
            self._streak = np.zeros(self.v.shape, np.int64)
        self._integrate(a.astype(np.int64))
        self.s_out.send(self._fire(step).astype(np.int32))
        stem = self.proc_params["states_file"]
        if stem is not None and step == window.timesteps - 1:
            np.savez(f"{stem}.{frame}.npz", u=self.u, v=self.v)

    def _integrate(self, a: Ints) -> None:
        settings = self.proc_params
        bits = settings["state_bits"]
        self.u[:] = _keep(self.u, settings["u_keep"]) + (a << settings["state_shift"])
        if bits:
            self.u[:] = _wrap(self.u, 1 << (bits - 1))
        self.v[:] = _keep(self.v, settings["v_keep"]) + self.u + self.bias
        if bits:
            limit = (1 << (bits - 1)) - 1
            self.v[:] = np.clip(self.v, -limit, limit)

    def _fire(self, step: int) -> Ints:
        settings, count = self.proc_params, len(self._payloads)
        payload = self._payloads[self._streak if settings["burst"] else step % count]
        fires = (payload > 0) & (self.v > self.fire_above + (payload - 1) * self.reset_by)
        spikes = np.where(fires, payload, 0)
        self._streak = np.where(fires, np.minimum(self._streak + 1, count - 1), 0)
        if settings["soft_reset"]:
            self.v -= self.reset_by * spikes
        else:
            self.v[fires] = 0
        return spikes


def _keep(x: Ints, keep: int) -> Ints:
    """x * keep / 4096, rounded toward zero as Loihi's decay does."""
    return np.asarray(np.sign(x) * ((np.abs(x) * keep) >> 12))


def _wrap(u: Ints, half: int) -> Ints:
    """One wrap into (-half, half]."""
    return np.asarray(np.where(u > half, u - 2 * half, np.where(u <= -half, u + 2 * half, u)))
