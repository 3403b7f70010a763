"""How a bias begins with the window of its population, although a leak runs at every tick.

A population of depth d is d ticks old when its first input arrives. Its leak may run from the
start where the membrane begins d leaks earlier and meets neither threshold nor floor on the way.
Elsewhere the bias is the weight of an axon of its own, which the host drives in the window only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.layer import Layer
from nmcompile.backends.truenorth.problems import floor_max
from nmcompile.diagnostics import Diagnostic
from nmcompile.target import CrossbarTarget

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Start:
    """Membranes and biases of one population; arrays `(C, H, W)`, or `(C, 1, 1)` where alike.

    Attributes:
        v_init: membranes before the first tick of a frame.
        leak: added at every tick.
        gated: added in the window, through an axon.
    """

    v_init: I64
    leak: I64
    gated: I64

    @property
    def needs_axon(self) -> bool:
        """Whether some bias comes through an axon."""
        return bool(self.gated.any())


def start_of(layer: Layer, depth: int, chip: CrossbarTarget) -> Start:
    """See the module; pooling neurons have no bias. A closed gate holds membranes down.

    Args:
        layer: its neurons. depth: d_p. chip: for the floor and the clip.
    """
    population, model = layer.population, layer.population.model
    if model is None:
        zero = np.zeros((population.shape[0], 1, 1), np.int64)
        return Start(zero, zero, zero)
    bias, v_init, above = (
        per_neuron(a.data, population.shape) for a in (model.bias, model.v_init, model.fire_above)
    )
    bias, v_init, above = np.broadcast_arrays(bias, v_init, above)
    v_init = v_init - _lowered(layer)
    begin = v_init - depth * bias
    first = begin + bias
    quiet = (np.abs(begin) <= chip.formats.membrane_clip.value) & (first <= above)
    quiet &= np.minimum(first, begin) >= -floor_max(chip)
    if depth == 0:
        quiet = np.ones_like(quiet)
    quiet |= bias == 0
    zero = np.zeros_like(bias)
    return Start(
        np.where(quiet, begin, v_init), np.where(quiet, bias, zero), np.where(quiet, zero, bias)
    )


def fires_early(layer: Layer, depth: int) -> bool:
    """Whether some membrane begins above its threshold, and would fire before its window."""
    population, model = layer.population, layer.population.model
    if model is None or depth == 0:
        return False
    v_init, above = np.broadcast_arrays(
        per_neuron(model.v_init.data, population.shape),
        per_neuron(model.fire_above.data, population.shape),
    )
    return bool((v_init - _lowered(layer) > above).any())


def _lowered(layer: Layer) -> I64:
    """`(C, 1, 1)` what membranes are lower by before the first tick."""
    if layer.gate is None:
        return np.zeros((1, 1, 1), np.int64)
    return layer.gate.lowered.reshape(-1, 1, 1)


def per_neuron(values: npt.NDArray[np.generic], shape: tuple[int, int, int]) -> I64:
    """A scalar, `(C,)`, `(N,)` or `(C, H, W)` parameter as `(C, H, W)` or `(C, 1, 1)`."""
    wide = np.asarray(values, np.int64)
    if wide.ndim < 2:
        return np.broadcast_to(wide.reshape(-1, 1, 1), (shape[0], 1, 1))
    return wide.reshape(shape)


def no_room(layer: Layer, chip: CrossbarTarget) -> Diagnostic:
    """NM0319: the bias of a layer can neither run early nor come through an axon."""
    encoding = layer.encoding
    model = layer.population.model
    each = "no encoding" if encoding is None else f"{layer.inputs} inputs x {encoding.axons} axons"
    bias = 0 if model is None else int(np.abs(model.bias.data).max())
    types = layer.types
    if layer.gate_axons:
        each += f" and {layer.gate_axons} axons of a gate"
    return Diagnostic(
        code="NM0319",
        message="the bias of this layer cannot wait for its first input",
        where=layer.population.layer,
        limit=f"{chip.core.axons.value} axons ({chip.cite('core.axons')}) of "
        f"{chip.core.axon_types.value} types ({chip.cite('core.axon_types')})",
        found=f"bias up to {bias}: in {layer.population.depth} ticks or more before the first input"
        " some neuron fires or hits the floor;"
        f" an axon for it does not fit beside {each} of {types} types",
        help=(
            "train with smaller biases, or none, in this layer",
            "leave one axon and one type free: fewer inputs per neuron or fewer weight bits",
            "let the host run the layers before it, so that fewer ticks go by",
        ),
    )


def above_threshold(layer: Layer, depth: int, chip: CrossbarTarget) -> Diagnostic:
    """NM0319: a membrane begins above its threshold in a layer that must wait."""
    return Diagnostic(
        code="NM0319",
        message="a membrane of this layer begins above its threshold",
        where=layer.population.layer,
        limit=f"no membrane above its threshold before the first input ({chip.name}: neurons run"
        " at every tick)",
        found=f"{depth} ticks before the first input",
        help=("start the membranes below the threshold",),
    )
