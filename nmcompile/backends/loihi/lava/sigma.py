"""Sigma-delta neurons where stock SigmaDelta, Delta and Sigma do not fit exactly."""

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


class WindowedSigmaDelta(AbstractProcess):
    """Sigma-delta neurons that start from zero in every frame and rest outside their window.

    With exp = spike_exp + state_exp:

        sigma += a  (receives changes)      or      sigma = a << exp  (receives values)
        y = max(sigma + bias, 0)  (relu)    or      y = sigma + bias
        d = y - last y + residue;  s = d where |d| >= threshold, else 0;  residue = d - s
        out = s >> state_exp  (sends changes)      or      out = y  (sends values)

    Values in and values out is a relay of a signed partial sum.

    Args:
        shape: `(W, H, C)` or `(N,)`.
        window: when the population works.
        threshold, bias: scalar, `(C,)` or `(C, H, W)`, in state units (already << exp).
        receives_changes, sends_changes, relu, spike_exp, state_exp: see above.
    """

    def __init__(
        self,
        *,
        shape: Shape,
        window: Window,
        threshold: Any = 0,
        bias: Any = 0,
        receives_changes: bool,
        sends_changes: bool,
        relu: bool,
        spike_exp: int,
        state_exp: int,
    ) -> None:
        super().__init__(
            window=window,
            receives_changes=receives_changes,
            sends_changes=sends_changes,
            relu=relu,
            spike_exp=spike_exp,
            state_exp=state_exp,
            states_file=None,
        )
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.sigma = Var(shape=shape, init=0)
        self.act = Var(shape=shape, init=0)
        self.residue = Var(shape=shape, init=0)
        self.threshold = Var(shape=shape, init=per_neuron(threshold, shape))
        self.bias = Var(shape=shape, init=per_neuron(bias, shape))

    def write_states_to(self, stem: Path) -> None:
        """After every frame write `stem`.<frame>.npz: sigma as u, y as v (before the first run)."""
        self.proc_params.overwrite("states_file", stem)


@implements(proc=WindowedSigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
class PyWindowedSigmaDeltaModel(PyLoihiProcessModel):
    """`WindowedSigmaDelta` on the CPU."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    sigma: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    act: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    residue: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    threshold: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    bias: Ints = LavaPyType(np.ndarray, np.int64, precision=24)

    def run_spk(self) -> None:
        """One tick."""
        a = self.a_in.recv()
        window: Window = self.proc_params["window"]
        now = window.at(self.time_step)
        if now is None:
            self.s_out.send(np.zeros(self.act.shape, np.int32))
            return
        frame, step = now
        if step == 0:
            for state in (self.sigma, self.act, self.residue):
                state[:] = 0
        self.s_out.send(self._step(a.astype(np.int64)).astype(np.int32))
        stem = self.proc_params["states_file"]
        if stem is not None and step == window.timesteps - 1:
            np.savez(f"{stem}.{frame}.npz", u=self.sigma, v=self.act)

    def _step(self, a: Ints) -> Ints:
        settings = self.proc_params
        if settings["receives_changes"]:
            self.sigma += a
        else:
            self.sigma[:] = a << (settings["spike_exp"] + settings["state_exp"])
        y = self.sigma + self.bias
        if settings["relu"]:
            y = np.maximum(y, 0)
        change = y - self.act + self.residue
        self.act[:] = y
        if not settings["sends_changes"]:
            return y
        sent = np.where(np.abs(change) >= self.threshold, change, 0)
        self.residue[:] = change - sent
        return np.asarray(sent >> settings["state_exp"])
