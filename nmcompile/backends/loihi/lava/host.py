"""What the host of an emitted network does while it runs: states to reset, templates to write.

Stock SigmaDelta, Delta and Sigma have no reset, and a template is known at run time only. The
host writes both between two ticks, and reads the states of stock neurons, which cannot write them
to a file. `Var.get()` and `Var.set()` move one element per message (about 30 us).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nmcompile.backends.loihi.lava.arrays import Ints, golden_order, per_neuron, template_kernel
from nmcompile.backends.loihi.lava.window import Window

STATES: dict[str, tuple[tuple[str, str], ...]] = {
    "LIFReset": (("u", "u"), ("v", "v")),
    "SigmaDelta": (("u", "sigma"), ("v", "act")),
    "Delta": (("u", "act"), ("v", "act")),
    "Sigma": (("u", "sigma"), ("v", "sigma")),
}
"""The variables of stock neurons that are reported as u and v."""

RESET: dict[str, tuple[str, ...]] = {
    "SigmaDelta": ("sigma", "act", "residue"),
    "Delta": ("act", "residue"),
    "Sigma": ("sigma",),
}
"""The variables of stock neurons that the host sets to zero before a frame."""


class LayerInfo(NamedTuple):
    """What the host needs to know about a layer.

    Attributes:
        process: attribute of the network that holds its process.
        population: name under which its spikes and states are reported.
        window: the `Window` in which it works.
        neuron: the process class of its neurons.
        wide: whether what it sends needs more than a byte.
    """

    process: str
    population: str
    window: Window
    neuron: str
    wide: bool

    @property
    def stock(self) -> bool:
        """Whether its neurons are a stock Lava process."""
        return self.neuron in STATES


class Template(NamedTuple):
    """A slot whose contents the host writes into synapses.

    Attributes:
        slot: its name. shape: of its contents; four axes are a bank, one template per timestep.
        largest: magnitude that one word holds, 0 for any.
    """

    slot: str
    shape: tuple[int, ...]
    largest: int


class Host:
    """The work between ticks for some consecutive frames of a network.

    Args:
        network: an instance of the emitted network.
        frames: how many.
        slots: contents of the slot, one for each frame, under its name.

    Attributes:
        states: `u/<population>` and `v/<population>` of stock neurons, one array per frame.
    """

    def __init__(self, network: Any, frames: int, slots: Mapping[str, Ints] | None = None) -> None:
        self._network = network
        self._due: dict[int, list[Callable[[], None]]] = {}
        self.states: dict[str, list[Ints]] = {}
        template: Template | None = network.template
        if template is not None:
            contents = (slots or {}).get(template.slot)
            if contents is None or contents.shape != (frames, *template.shape):
                wanted = (frames, *template.shape)
                raise SystemExit(f"the slot `{template.slot}` must be {wanted}")
            for frame in range(frames):
                self._plan_template(template, contents[frame], frame)
        for frame in range(frames):
            for layer in network.layers:
                self._plan_states(layer, frame)

    def stops(self) -> list[int]:
        """The ticks after which the host has work, in order; 0 is before the first one."""
        return sorted(self._due)

    def work(self, tick: int) -> None:
        """Do what is due after this tick; the network must be paused (or not started, at 0)."""
        for action in self._due.pop(tick, []):
            action()

    def _plan_states(self, layer: LayerInfo, frame: int) -> None:
        if not layer.stock:
            return
        neuron = getattr(self._network, layer.process).neuron
        window, names = layer.window, RESET.get(layer.neuron, ())
        bias = self._network.biases.get(layer.process)
        if names and (frame > 0 or self._network.noisy):
            self._at(window.before(frame), partial(_reset, neuron, names))
        if bias is not None and frame == 0:
            self._at(window.before(0), partial(_write, neuron, "bias", bias))
        self._at(window.last(frame), partial(self._read, layer, neuron))

    def _plan_template(self, template: Template, contents: Ints, frame: int) -> None:
        """A spike meets its weight in the tick before it reaches the neurons."""
        banked = len(template.shape) == 4
        bank = contents if banked else contents[None]
        for layer in self._network.layers:
            elements = self._network.elements.get(layer.process, {})
            for (index, word), numbers in elements.items():
                synapse = getattr(self._network, layer.process).synapses[index]
                for step, part in enumerate(bank):
                    kernel = template_kernel(numbers, part, word, template.largest)
                    tick = layer.window.before(frame) - 1 + step
                    self._at(tick, partial(_write, synapse, "weight", kernel, started=tick > 0))

    def _at(self, tick: int, action: Callable[[], None]) -> None:
        self._due.setdefault(tick, []).append(action)

    def _read(self, layer: LayerInfo, neuron: Any) -> None:
        for name, variable in STATES[layer.neuron]:
            values = np.asarray(getattr(neuron, variable).get()).astype(np.int32)
            found = self.states.setdefault(f"{name}/{layer.population}", [])
            found.append(golden_order(values, 0))


def _reset(neuron: Any, names: tuple[str, ...]) -> None:
    for name in names:
        _write(neuron, name, 0)


def _write(process: Any, name: str, values: Any, *, started: bool = True) -> None:
    variable = getattr(process, name)
    array = per_neuron(values, variable.shape) if np.ndim(values) < 4 else values
    if not started:
        variable.init = array
        return
    variable.set(array)
    # The answer to a question asked later means that the process has the new values.
    smallest = min(process.vars, key=lambda var: int(np.prod(var.shape)))
    smallest.get()
