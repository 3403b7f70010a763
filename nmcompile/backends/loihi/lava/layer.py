"""`Layer`: the synapses and the neurons of one layer, with the shifts and delays between them.

`ShiftRight` is the weight exponent that stock `Conv` ignores, `SpikeDelay` a synaptic delay.
"""

# mypy: disable-error-code="misc, no-any-unimported, untyped-decorator"
from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from nmcompile.backends.loihi.lava.window import Window

Shape = tuple[int, ...]


class ShiftRight(AbstractProcess):
    """a_out = a_in >> bits (floor), in the same tick: the weight exponent that `Conv` ignores."""

    def __init__(self, *, shape: Shape, bits: int) -> None:
        super().__init__(bits=bits)
        self.a_in = InPort(shape=shape)
        self.a_out = OutPort(shape=shape)


@implements(proc=ShiftRight, protocol=LoihiProtocol)
@requires(CPU)
class PyShiftRightModel(PyLoihiProcessModel):
    """`ShiftRight` on the CPU."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)

    def run_spk(self) -> None:
        """One tick."""
        self.a_out.send(self.a_in.recv() >> self.proc_params["bits"])


class SpikeDelay(AbstractProcess):
    """Holds spikes back for some ticks: a synaptic delay.

    Takes what its source sends in its `window` only: a stock neuron may spike outside of it, and
    what is held back would reach the next frame.
    """

    def __init__(self, *, shape: Shape, ticks: int, window: Window) -> None:
        super().__init__(shape=shape, ticks=ticks, window=window)
        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)


@implements(proc=SpikeDelay, protocol=LoihiProtocol)
@requires(CPU)
class PySpikeDelayModel(PyLoihiProcessModel):
    """`SpikeDelay` on the CPU."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._held = [np.zeros(proc_params["shape"], np.int32)] * proc_params["ticks"]

    def run_spk(self) -> None:
        """One tick."""
        spikes = self.s_in.recv().astype(np.int32)
        if self.proc_params["window"].at(self.time_step) is None:
            spikes = np.zeros_like(spikes)
        self._held.append(spikes)
        self.s_out.send(self._held.pop(0))


class Direct(AbstractProcess):
    """One synapse of weight one to every neuron: what arrives is its input one tick later."""

    def __init__(self, *, shape: Shape) -> None:
        super().__init__(shape=shape)
        self.s_in = InPort(shape=shape)
        self.a_out = OutPort(shape=shape)


@implements(proc=Direct, protocol=LoihiProtocol)
@requires(CPU)
class PyDirectModel(PyLoihiProcessModel):
    """`Direct` on the CPU."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._last = np.zeros(proc_params["shape"], np.int32)

    def run_spk(self) -> None:
        """One tick."""
        self.a_out.send(self._last)
        self._last = self.s_in.recv().astype(np.int32)


class Layer(AbstractProcess):
    """One layer: synapses (one tick), their sum, an optional right shift, and the neurons.

    Args:
        synapses: stock connection processes; their outputs are added.
        neuron: the population, any process with `a_in` and `s_out`.
        waits: for every synapse process None, or the ticks that its input is held back and the
            window of its source.
        ports: for every synapse process the number of the partial sum that it adds to.
        port_shifts: bits of right shift of every partial sum before these are added.
        shift: bits of right shift between the sum and the neurons.

    Attributes:
        inps: one input port for each synapse process. inp: the first of them.
        out: what the neurons send.
        parts: every process inside, by name.
    """

    def __init__(
        self,
        *synapses: Any,
        neuron: Any,
        waits: tuple[tuple[int, Window] | None, ...] = (),
        ports: tuple[int, ...] = (),
        port_shifts: tuple[int, ...] = (0,),
        shift: int = 0,
    ) -> None:
        super().__init__()
        self.synapses, self.neuron = synapses, neuron
        self.parts: dict[str, Any] = {"neuron": neuron}
        self.inps: list[Any] = []
        self.out = OutPort(shape=neuron.a_in.shape)
        target = self._shifted(neuron.a_in, shift, "shift")
        sums = [self._shifted(target, bits, f"shift_{i}") for i, bits in enumerate(port_shifts)]
        for index, synapse in enumerate(synapses):
            self.parts[f"synapse_{index}"] = synapse
            total, sent = sums[ports[index] if ports else 0], synapse.a_out
            (sent if sent.shape == total.shape else sent.reshape(total.shape)).connect(total)
            inp = InPort(shape=synapse.s_in.shape)
            setattr(self, "inp" if index == 0 else f"inp_{index}", inp)
            self.inps.append(inp)
            wait = waits[index] if waits else None
            inp.connect(self._delayed(synapse.s_in, wait, f"delay_{index}"))
        neuron.s_out.connect(self.out)

    def _shifted(self, target: Any, bits: int, name: str) -> Any:
        """A port whose values reach `target` shifted to the right."""
        if not bits:
            return target
        part = self.parts[name] = ShiftRight(shape=target.shape, bits=bits)
        part.a_out.connect(target)
        return part.a_in

    def _delayed(self, target: Any, wait: tuple[int, Window] | None, name: str) -> Any:
        """A port whose spikes reach `target` later."""
        if wait is None:
            return target
        ticks, window = wait
        part = self.parts[name] = SpikeDelay(shape=target.shape, ticks=ticks, window=window)
        part.s_out.connect(target)
        return part.s_in


@implements(proc=Layer, protocol=LoihiProtocol)
class LayerModel(AbstractSubProcessModel):
    """The parts of a layer."""

    def __init__(self, proc: Any) -> None:
        for name, part in proc.parts.items():
            setattr(self, name, part)
