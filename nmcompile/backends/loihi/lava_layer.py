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
    """Holds spikes back for some ticks: a synaptic delay, so that two paths arrive together."""

    def __init__(self, *, shape: Shape, ticks: int) -> None:
        super().__init__(shape=shape, ticks=ticks)
        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)


@implements(proc=SpikeDelay, protocol=LoihiProtocol)
@requires(CPU)
class PySpikeDelayModel(PyLoihiProcessModel):
    """`SpikeDelay` on the CPU."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=8)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=8)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._held = [np.zeros(proc_params["shape"], np.int32)] * proc_params["ticks"]

    def run_spk(self) -> None:
        """One tick."""
        self.s_out.send(self._held.pop(0))
        self._held.append(self.s_in.recv().astype(np.int32))


class Layer(AbstractProcess):
    """One layer: synapses (one tick), their sum, an optional right shift, and the neurons.

    Args:
        synapses: stock `Conv` or `Dense` processes; their outputs are added.
        neuron: the population, any process with `a_in` and `s_out`.
        waits: ticks that the input of every synapse process is held back.
        shifts: bits of right shift of every synapse process before the sum.
        shift: bits of right shift between the sum and the neurons.

    Attributes:
        inps: one input port for each synapse process. inp: the first of them.
        out: the spikes.
        parts: every process inside, by name.
    """

    def __init__(
        self,
        *synapses: Any,
        neuron: Any,
        waits: tuple[int, ...] = (),
        shifts: tuple[int, ...] = (),
        shift: int = 0,
    ) -> None:
        super().__init__()
        self.synapses, self.neuron = synapses, neuron
        self.parts: dict[str, Any] = {"neuron": neuron}
        self.inps: list[Any] = []
        self.out = OutPort(shape=neuron.a_in.shape)
        target = self._shifted(neuron.a_in, shift, "shift")
        for index, synapse in enumerate(synapses):
            self.parts[f"synapse_{index}"] = synapse
            branch = shifts[index] if shifts else 0
            synapse.a_out.connect(self._shifted(target, branch, f"shift_{index}"))
            inp = InPort(shape=synapse.s_in.shape)
            setattr(self, "inp" if index == 0 else f"inp_{index}", inp)
            self.inps.append(inp)
            wait = waits[index] if waits else 0
            inp.connect(self._delayed(synapse.s_in, wait, f"delay_{index}"))
        neuron.s_out.connect(self.out)

    def _shifted(self, target: Any, bits: int, name: str) -> Any:
        """A port whose values reach `target` shifted to the right."""
        if not bits:
            return target
        part = self.parts[name] = ShiftRight(shape=target.shape, bits=bits)
        part.a_out.connect(target)
        return part.a_in

    def _delayed(self, target: Any, ticks: int, name: str) -> Any:
        """A port whose spikes reach `target` later."""
        if not ticks:
            return target
        part = self.parts[name] = SpikeDelay(shape=target.shape, ticks=ticks)
        part.s_out.connect(target)
        return part.s_in


@implements(proc=Layer, protocol=LoihiProtocol)
class LayerModel(AbstractSubProcessModel):
    """The parts of a layer."""

    def __init__(self, proc: Any) -> None:
        for name, part in proc.parts.items():
            setattr(self, name, part)
