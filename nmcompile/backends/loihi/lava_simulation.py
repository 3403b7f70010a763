"""Run an emitted network on Lava's CPU runtime: stimulus in, spikes and states out.

Large arrays never pass through `Var.get()`, which sends one message per element (about 30 us):
the source reads its frames from memory, and sinks and neurons write files. Only the states of
stock neurons are fetched, once per frame and layer.
"""

# mypy: disable-error-code="misc, no-any-unimported, untyped-decorator"
from __future__ import annotations

import tempfile
import traceback
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
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

Ints = npt.NDArray[Any]


class LayerInfo(NamedTuple):
    """What the runner needs to know about a layer.

    Attributes:
        process: attribute of the network that holds its process.
        population: name under which its spikes and states are reported.
        window: the `Window` in which it works.
        stock: whether the neurons are a stock Lava process.
    """

    process: str
    population: str
    window: Any
    stock: bool


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

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=8)

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
    """Writes the spikes of a layer's window, `(F, T, ...)` uint8, to a .npy file at the end."""

    def __init__(self, *, shape: tuple[int, ...], window: Any, frames: int, file: Path) -> None:
        super().__init__(shape=shape, window=window, frames=frames, file=file)
        self.s_in = InPort(shape=shape)


@implements(proc=SpikeSink, protocol=LoihiProtocol)
@requires(CPU)
class PySpikeSinkModel(PyLoihiProcessModel):
    """`SpikeSink` on the CPU."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=8)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        steps = proc_params["window"].timesteps
        self._train = np.zeros((proc_params["frames"], steps, *proc_params["shape"]), np.uint8)

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


def simulate(network: Any, frames: Ints) -> dict[str, Ints]:
    """Run consecutive frames through a network process.

    Args:
        network: an instance of the emitted network.
        frames: `(F, C, H, W)` or `(F, N)` images, `(F, T, C, H, W)` or `(F, T, N)` trains.

    Returns:
        `spikes/<population>` `(F, T, C, H, W)` uint8, `u/<population>` and `v/<population>`
        `(F, C, H, W)` int32 (vectors without H, W), and the process models that were used.
    """
    if network.static_input:
        frames = frames[:, None]
    if frames.shape[2:] != network.golden_input_shape:
        raise SystemExit(f"frames must be {network.golden_input_shape}, not {frames.shape[2:]}")
    _print_errors()
    results: dict[str, Ints] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _connect_probes(network, _lava_order(frames), folder)
        config = NamingRunCfg()
        try:
            _run(network, len(frames), config, results)
            _collect(network, len(frames), folder, results)
        finally:
            network.stop()
    models = [f"{process}={model}" for process, model in sorted(config.chosen.items())]
    results["process_models"] = np.array(models)
    return results


def _print_errors() -> None:
    """Print an exception where it happens: Lava itself hangs or loses it on the way."""
    stock = PyLoihiProcessModel._spike

    def spike(model: Any) -> None:
        try:
            stock(model)
        except Exception:
            traceback.print_exc()
            raise

    PyLoihiProcessModel._spike = spike


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
        )
        process.out.connect(sink.s_in)
        if not layer.stock:
            getattr(process, "neuron", process).write_states_to(folder / str(index))


def _run(network: Any, frames: int, config: NamingRunCfg, results: dict[str, Ints]) -> None:
    """Run all ticks, with a pause where the states of a stock layer are due."""
    due: dict[int, list[LayerInfo]] = {frames * network.frame_ticks: []}
    for layer in network.layers:
        if layer.stock:
            for frame in range(frames):
                last = frame * network.frame_ticks + layer.window.timesteps + layer.window.delay
                due.setdefault(last, []).append(layer)
    states: dict[str, list[Ints]] = {}
    tick = 0
    for stop in sorted(due):
        network.run(condition=RunSteps(num_steps=stop - tick), run_cfg=config)
        tick = stop
        for layer in due[stop]:
            neuron = getattr(network, layer.process).neuron
            for state in ("u", "v"):
                values = np.asarray(getattr(neuron, state).get()).astype(np.int32)
                states.setdefault(f"{state}/{layer.population}", []).append(values)
    results.update({key: _golden_order(np.stack(v), 1) for key, v in states.items()})


def _collect(network: Any, frames: int, folder: Path, results: dict[str, Ints]) -> None:
    for index, layer in enumerate(network.layers):
        spikes = np.load(folder / f"{index}.npy")
        results[f"spikes/{layer.population}"] = _golden_order(spikes, 2)
        if layer.stock:
            continue
        files = [np.load(folder / f"{index}.{frame}.npz") for frame in range(frames)]
        for state in ("u", "v"):
            stacked = np.stack([file[state] for file in files]).astype(np.int32)
            results[f"{state}/{layer.population}"] = _golden_order(stacked, 1)


def _lava_order(frames: Ints) -> Ints:
    """`(F, T, C, H, W)` -> `(F, T, W, H, C)`; vectors stay."""
    return frames.transpose(0, 1, 4, 3, 2) if frames.ndim == 5 else frames


def _golden_order(array: Ints, leading: int) -> Ints:
    """`(..., W, H, C)` -> `(..., C, H, W)` behind `leading` axes; vectors stay."""
    if array.ndim - leading != 3:
        return array
    axes = (*range(leading), *range(array.ndim - 1, leading - 1, -1))
    return np.ascontiguousarray(array.transpose(axes))
