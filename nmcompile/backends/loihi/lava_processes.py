"""Neurons and pooling that stock Lava lacks, with fixed-point models for its CPU runtime.

`FixedPointNeuron` (soft reset, held current, start value, bias, activity window) and
`SpikeMaxPool`. Arrays on ports are `(W, H, C)` or `(N,)`, as in all of Lava; weights and
parameters come in as `(C_out, C_in, K_y, K_x)` and `(C, H, W)`.
"""

# mypy: disable-error-code="misc, no-any-unimported, untyped-decorator"
from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

Ints = npt.NDArray[Any]
Shape = tuple[int, ...]


def conv_kernel(weight: Ints) -> Ints:
    """`(C_out, C_in/groups, K_y, K_x)` -> Lava's `(C_out, K_x, K_y, C_in/groups)`, flipped.

    Lava convolves, whereas a layer correlates: both spatial axes are reversed.
    """
    return np.ascontiguousarray(weight[:, :, ::-1, ::-1].transpose(0, 3, 2, 1).astype(np.int32))


def dense_weights(weight: Ints, shift: int = 0) -> dict[str, Any]:
    """Weights and exponent of a stock `Dense` that computes `(weight @ x) >> shift` exactly.

    A matrix of mixed sign keeps even values only, so it is stored doubled with one more bit
    of right shift, which takes place after the sum.
    """
    mixed = bool(weight.min() < 0 < weight.max())
    stored = weight.astype(np.int32) * (2 if mixed else 1)
    return {"weights": stored, "weight_exp": -(shift + int(mixed))}


def per_neuron(values: Any, shape: Shape) -> Ints:
    """A scalar, `(C,)` or `(C, H, W)` parameter as int64 of a `(W, H, C)` or `(N,)` population."""
    array = np.asarray(values, np.int64)
    if array.ndim == 3:
        array = array.transpose(2, 1, 0)
    return np.ascontiguousarray(np.broadcast_to(array, shape))


class Window(NamedTuple):
    """The ticks in which a layer works; ticks count from 1, frames and steps from 0.

    A layer `delay` ticks behind the input is active in the ticks `1 + delay ... timesteps +
    delay` of every frame of `frame_ticks` ticks.
    """

    delay: int
    timesteps: int
    frame_ticks: int

    def at(self, tick: int) -> tuple[int, int] | None:
        """Frame and timestep that the layer works on, or None when it rests."""
        since = tick - 1 - self.delay
        if since < 0:
            return None
        frame, step = divmod(since, self.frame_ticks)
        return (frame, step) if step < self.timesteps else None


class FixedPointNeuron(AbstractProcess):
    """Integrate-and-fire neurons with two states, exact on Loihi's 24-bit integers.

    With rsz(x) = sign(x) * (|x| >> 12) and a the input of the tick, in the active window:

        u = wrap(rsz(u * u_keep) + (a << state_shift))
        v = clip(rsz(v * v_keep) + u + bias)
        s = v > fire_above
        v -= reset_by * s      (soft reset)      or      v = 0 where s

    Outside the window nothing is integrated and nothing is sent. The first tick of every frame
    starts from u = 0 and v = v_init. `bias`, `fire_above`, `reset_by` and `v_init` are scalars,
    `(C,)` or `(C, H, W)`, in state units.

    Args:
        shape: `(W, H, C)` or `(N,)`.
        window: when the population works.
        u_keep: kept current in 1/4096; 4096 holds it.
        v_keep: kept membrane in 1/4096.
        soft_reset: subtract `reset_by` instead of returning to zero.
        state_shift: left shift of the input.
        state_bits: width of u and v, 0 for unbounded.
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
    ) -> None:
        super().__init__(
            window=window,
            u_keep=u_keep,
            v_keep=v_keep,
            soft_reset=soft_reset,
            state_shift=state_shift,
            state_bits=state_bits,
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
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=1)
    u: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    v: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    v_init: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    bias: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    fire_above: Ints = LavaPyType(np.ndarray, np.int64, precision=24)
    reset_by: Ints = LavaPyType(np.ndarray, np.int64, precision=24)

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
        self.s_out.send(self._integrate(a.astype(np.int64)).astype(np.int32))
        stem = self.proc_params["states_file"]
        if stem is not None and step == window.timesteps - 1:
            np.savez(f"{stem}.{frame}.npz", u=self.u, v=self.v)

    def _integrate(self, a: Ints) -> Ints:
        settings = self.proc_params
        bits = settings["state_bits"]
        self.u[:] = _keep(self.u, settings["u_keep"]) + (a << settings["state_shift"])
        if bits:
            self.u[:] = _wrap(self.u, 1 << (bits - 1))
        self.v[:] = _keep(self.v, settings["v_keep"]) + self.u + self.bias
        if bits:
            limit = (1 << (bits - 1)) - 1
            self.v[:] = np.clip(self.v, -limit, limit)
        spikes: Ints = self.v > self.fire_above
        if settings["soft_reset"]:
            self.v -= np.where(spikes, self.reset_by, 0)
        else:
            self.v[spikes] = 0
        return spikes


def _keep(x: Ints, keep: int) -> Ints:
    """x * keep / 4096, rounded toward zero as Loihi's decay does."""
    return np.asarray(np.sign(x) * ((np.abs(x) * keep) >> 12))


def _wrap(u: Ints, half: int) -> Ints:
    """One wrap into (-half, half]."""
    return np.asarray(np.where(u > half, u - 2 * half, np.where(u <= -half, u + 2 * half, u)))


class SpikeMaxPool(AbstractProcess):
    """Max pooling of spike trains, one tick behind its input.

    Rule "running_max" fires when the largest spike count in the window rises, "or" when any
    input in the window fires. A partial window at the end counts.

    Args:
        shape: `(W, H, C)` of the input.
        out_shape: `(W, H, C)` of the output.
        window: when the source of the spikes works; counts start anew in every frame.
        kernel: (x, y). stride: (x, y).
        rule: "running_max" or "or".
    """

    def __init__(
        self,
        *,
        shape: Shape,
        out_shape: Shape,
        window: Window,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        rule: str,
    ) -> None:
        super().__init__(
            shape=shape,
            out_shape=out_shape,
            window=window,
            kernel=kernel,
            stride=stride,
            rule=rule,
            states_file=None,
        )
        self.inp = InPort(shape=shape)
        self.out = OutPort(shape=out_shape)

    def write_states_to(self, stem: Path) -> None:
        """After every frame write `stem`.<frame>.npz: v is the running maximum, u is zero."""
        self.proc_params.overwrite("states_file", stem)


@implements(proc=SpikeMaxPool, protocol=LoihiProtocol)
@requires(CPU)
class PySpikeMaxPoolModel(PyLoihiProcessModel):
    """`SpikeMaxPool` on the CPU."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=1)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=1)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._ready: Ints = np.zeros(proc_params["out_shape"], np.int32)
        self._counts: Ints = np.zeros(proc_params["shape"], np.int64)
        self._best: Ints = np.zeros(proc_params["out_shape"], np.int64)

    def run_spk(self) -> None:
        """One tick: send what the last tick's input caused, then take the new input."""
        self.out.send(self._ready)
        spikes = self.inp.recv().astype(np.int64)
        now = self.proc_params["window"].at(self.time_step)
        if now is None:
            self._ready = np.zeros_like(self._ready)
            return
        if now[1] == 0:
            self._counts[:] = 0
            self._best[:] = 0
        if self.proc_params["rule"] == "or":
            self._ready = self._largest(spikes).astype(np.int32)
        else:
            self._counts += spikes
            best = self._largest(self._counts)
            self._ready = (best > self._best).astype(np.int32)
            self._best = best
        stem = self.proc_params["states_file"]
        if stem is not None and now[1] == self.proc_params["window"].timesteps - 1:
            np.savez(f"{stem}.{now[0]}.npz", u=np.zeros_like(self._best), v=self._best)

    def _largest(self, x: Ints) -> Ints:
        """Maximum over every window of `(W, H, C)` non-negative values."""
        kernel, stride = self.proc_params["kernel"], self.proc_params["stride"]
        out = self.proc_params["out_shape"]
        spare = [max(0, (out[a] - 1) * stride[a] + kernel[a] - x.shape[a]) for a in (0, 1)]
        padded = np.pad(x, ((0, spare[0]), (0, spare[1]), (0, 0)))
        view: Any = np.lib.stride_tricks.sliding_window_view
        windows = view(padded, kernel, axis=(0, 1))
        strided = windows[:: stride[0], :: stride[1]][: out[0], : out[1]]
        return np.asarray(strided.max(axis=(3, 4)))
