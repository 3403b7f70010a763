"""Max pooling of spike trains as a Lava process; stock Lava has none."""

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
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from nmcompile.backends.loihi.lava.arrays import Ints, Shape
from nmcompile.backends.loihi.lava.window import Window


class SpikeMaxPool(AbstractProcess):
    """Max pooling of spike trains, one tick behind its input.

    With n_i the sum of what input i spiked so far in the frame: rule "running_max" sends the rise
    of the largest n_i in the window, "gate" the spike of the first input (in y, x order) whose n_i
    is largest, "or" the largest spike. A partial window at the end counts.

    Args:
        shape: `(W, H, C)` of the input.
        out_shape: `(W, H, C)` of the output.
        window: when the spikes arrive; counts start anew in every frame.
        kernel: (x, y). stride: (x, y).
        rule: "running_max", "gate" or "or".
        wait: ticks that the spikes are held back before they count as arrived.
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
        wait: int = 0,
    ) -> None:
        super().__init__(
            shape=shape,
            out_shape=out_shape,
            window=window,
            kernel=kernel,
            stride=stride,
            rule=rule,
            wait=wait,
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

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=8)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=8)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._ready: Ints = np.zeros(proc_params["out_shape"], np.int32)
        self._counts: Ints = np.zeros(proc_params["shape"], np.int64)
        self._best: Ints = np.zeros(proc_params["out_shape"], np.int64)
        self._held: list[Ints] = [np.zeros(proc_params["shape"], np.int64)] * proc_params["wait"]

    def run_spk(self) -> None:
        """One tick: send what the last tick's input caused, then take the new input."""
        self.out.send(self._ready)
        self._held.append(self.inp.recv().astype(np.int64))
        spikes = self._held.pop(0)
        now = self.proc_params["window"].at(self.time_step)
        if now is None:
            self._ready = np.zeros_like(self._ready)
            return
        if now[1] == 0:
            self._counts[:] = 0
            self._best[:] = 0
        self._ready = self._pooled(spikes).astype(np.int32)
        stem = self.proc_params["states_file"]
        if stem is not None and now[1] == self.proc_params["window"].timesteps - 1:
            np.savez(f"{stem}.{now[0]}.npz", u=np.zeros_like(self._best), v=self._best)

    def _pooled(self, spikes: Ints) -> Ints:
        rule = self.proc_params["rule"]
        now = self._windows(spikes)
        if rule == "or":
            return np.asarray(now.max(axis=-1))
        self._counts += spikes
        counts = self._windows(self._counts)
        before, self._best = self._best, counts.max(axis=-1)
        if rule == "running_max":
            return np.asarray(self._best - before)
        first = counts.argmax(axis=-1)
        return np.take_along_axis(now, first[..., None], axis=-1)[..., 0]

    def _windows(self, x: Ints) -> Ints:
        """Every window of `(W, H, C)` non-negative values, flat in (y, x) order, as a last axis."""
        kernel, stride = self.proc_params["kernel"], self.proc_params["stride"]
        out = self.proc_params["out_shape"]
        spare = [max(0, (out[a] - 1) * stride[a] + kernel[a] - x.shape[a]) for a in (0, 1)]
        padded = np.pad(x, ((0, spare[0]), (0, spare[1]), (0, 0)))
        view: Any = np.lib.stride_tricks.sliding_window_view
        windows = view(padded, kernel, axis=(0, 1))
        strided = windows[:: stride[0], :: stride[1]][: out[0], : out[1]]
        return np.ascontiguousarray(strided.swapaxes(3, 4)).reshape(*out, -1)
