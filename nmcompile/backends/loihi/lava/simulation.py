"""Run an emitted network on Lava's CPU runtime: stimulus in, spikes and states out.

Large arrays never pass through `Var.get()`, which sends one message per element (about 30 us):
the source reads its frames from memory, and sinks and neurons write files. Only the states of
stock neurons are fetched, once per frame and layer (`host`).
"""

# mypy: disable-error-code="misc, no-any-unimported, untyped-decorator"
from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Mapping
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
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from nmcompile.backends.loihi.lava.arrays import Ints, golden_order, lava_order
from nmcompile.backends.loihi.lava.host import Host

CRASHED = 3
"""Exit status after an exception inside a Lava process."""


class StimulusSource(AbstractProcess):
    """Sends one array at every tick of a frame.

    Args:
        frames: `(F, 1 or T, W, H, C)` or `(F, 1 or T, N)`; one image or a train per frame.
        window: the ticks to send in; a single image is sent in the first one only, unless
        repeat: it is sent in all of them.
    """

    def __init__(self, *, frames: Ints, window: Any, repeat: bool) -> None:
        super().__init__(frames=frames, window=window, repeat=repeat)
        self.s_out = OutPort(shape=frames.shape[2:])


@implements(proc=StimulusSource, protocol=LoihiProtocol)
@requires(CPU)
class PyStimulusSourceModel(PyLoihiProcessModel):
    """`StimulusSource` on the CPU."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)

    def run_spk(self) -> None:
        """One tick."""
        frames = self.proc_params["frames"]
        now = self.proc_params["window"].at(self.time_step)
        data = np.zeros(frames.shape[2:], np.int32)
        if now is not None and now[0] < len(frames):
            frame, step = now
            if self.proc_params["repeat"]:
                step = 0
            if step < frames.shape[1]:
                data[:] = frames[frame, step]
        self.s_out.send(data)


class SpikeSink(AbstractProcess):
    """Writes what a layer sends in its window, `(F, T, ...)`, to a .npy file at the end."""

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        window: Any,
        frames: int,
        file: Path,
        dtype: Any = np.uint8,
    ) -> None:
        super().__init__(shape=shape, window=window, frames=frames, file=file, dtype=dtype)
        self.s_in = InPort(shape=shape)


@implements(proc=SpikeSink, protocol=LoihiProtocol)
@requires(CPU)
class PySpikeSinkModel(PyLoihiProcessModel):
    """`SpikeSink` on the CPU."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        steps = proc_params["window"].timesteps
        shape = (proc_params["frames"], steps, *proc_params["shape"])
        self._train = np.zeros(shape, proc_params["dtype"])

    def run_spk(self) -> None:
        """One tick."""
        spikes = self.s_in.recv()
        now = self.proc_params["window"].at(self.time_step)
        if now is None or now[0] >= len(self._train):
            return
        self._train[now] = spikes
        if now == (len(self._train) - 1, self.proc_params["window"].timesteps - 1):
            np.save(self.proc_params["file"], self._train)


class NamingRunCfg(Loihi2SimCfg):
    """Fixed-point models on the CPU; remembers which model every process class got."""

    def __init__(self) -> None:
        super().__init__(select_tag="fixed_pt")
        self.chosen: dict[str, str] = {}

    def select(self, process: Any, proc_models: Any) -> Any:
        """The stock choice."""
        model = super().select(process, proc_models)
        name = f"{model.__module__}.{model.__qualname__}"
        self.chosen[type(process).__qualname__] = name
        return model


def simulate(
    network: Any, frames: Ints, slots: Mapping[str, Ints] | None = None
) -> dict[str, Ints]:
    """Run consecutive frames through a network process.

    Args:
        network: an instance of the emitted network.
        frames: `(F, C, H, W)` or `(F, N)` images, `(F, T, C, H, W)` or `(F, T, N)` trains.
        slots: contents of the slot that a network with a template reads, one for each frame.

    Returns:
        `spikes/<population>` `(F, T, C, H, W)`, `u/<population>` and `v/<population>`
        `(F, C, H, W)` int32 (vectors without H, W), and the process models that were used.
    """
    if network.coding is not None:
        frames = network.coding.train(frames, network.timesteps)
    elif network.static_input:
        frames = frames[:, None]
    if frames.shape[2:] != network.golden_input_shape:
        raise SystemExit(f"frames must be {network.golden_input_shape}, not {frames.shape[2:]}")
    _die_loudly()
    host = Host(network, len(frames), slots)
    results: dict[str, Ints] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _connect_probes(network, lava_order(frames), folder)
        config = NamingRunCfg()
        try:
            _run(network, len(frames), config, host)
        finally:
            network.stop()
        _collect(network, len(frames), folder, results)
    results.update({key: np.stack(values) for key, values in host.states.items()})
    models = [f"{process}={model}" for process, model in sorted(config.chosen.items())]
    results["process_models"] = np.array(models)
    return results


def _die_loudly() -> None:
    """Print an exception inside a Lava process where it happens, and end the run.

    Lava itself hangs then, or loses the exception on the way.
    """
    stock = PyLoihiProcessModel._spike
    if hasattr(stock, "loud"):
        return
    main = os.getpid()

    def end(number: int, frame: Any) -> None:
        if os.getpid() == main:
            for child in multiprocessing.active_children():
                child.kill()
        os._exit(CRASHED)

    def spike(model: Any) -> None:
        try:
            stock(model)
        except Exception:
            traceback.print_exc()
            os.kill(main, signal.SIGTERM)
            raise

    spike.loud = True  # type: ignore[attr-defined]
    PyLoihiProcessModel._spike = spike
    signal.signal(signal.SIGTERM, end)


def _connect_probes(network: Any, frames: Ints, folder: Path) -> None:
    window = network.layers[0].window._replace(delay=0)
    source = StimulusSource(frames=frames, window=window, repeat=network.repeat_input)
    source.s_out.connect(network.inp)
    for index, layer in enumerate(network.layers):
        process = getattr(network, layer.process)
        sink = SpikeSink(
            shape=process.out.shape,
            window=layer.window,
            frames=len(frames),
            file=folder / f"{index}.npy",
            dtype=np.int32 if layer.wide else np.uint8,
        )
        process.out.connect(sink.s_in)
        if not layer.stock:
            getattr(process, "neuron", process).write_states_to(folder / str(index))


def _run(network: Any, frames: int, config: NamingRunCfg, host: Host) -> None:
    """Run all ticks, with a pause where the host has work."""
    tick = 0
    host.work(tick)
    for stop in sorted({*host.stops(), frames * network.frame_ticks}):
        network.run(condition=RunSteps(num_steps=stop - tick), run_cfg=config)
        tick = stop
        host.work(tick)


def _collect(network: Any, frames: int, folder: Path, results: dict[str, Ints]) -> None:
    for index, layer in enumerate(network.layers):
        spikes = np.load(folder / f"{index}.npy")
        results[f"spikes/{layer.population}"] = golden_order(spikes, 2)
        if layer.stock:
            continue
        files = [np.load(folder / f"{index}.{frame}.npz") for frame in range(frames)]
        for state in ("u", "v"):
            stacked = np.stack([file[state] for file in files]).astype(np.int32)
            results[f"{state}/{layer.population}"] = golden_order(stacked, 1)
