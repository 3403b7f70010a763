"""What each process of an emitted network needs on a Loihi 2 board; text of its README."""

from __future__ import annotations

from typing import Final

from nmcompile.backends.loihi.lava.specs import LavaPlan

STOCK_SYNAPSES: Final = ("Conv", "Dense", "Sparse", "DelayDense")
BOARD: Final[dict[str, str]] = {
    **dict.fromkeys(STOCK_SYNAPSES, "the extension's model of it; not tried"),
    "LIFReset": "the extension's model of it; not tried; the frame is its `reset_interval`",
    "SigmaDelta": "the extension's model of it; not tried; the host clears it before a frame",
    "Delta": "the extension's model of it; not tried; the host clears it before a frame",
    "Sigma": "the extension's model of it; not tried; the host clears and reads its sum",
    "FixedPointNeuron": "microcode: two saturating additions and a comparison, subtract `reset_by` "
    "where LIF clears v; the window becomes the host's reset before a frame, a schedule of "
    "payloads a counter",
    "WindowedSigmaDelta": "microcode: one addition, the activation, a comparison; values in and "
    "values out is a relay of partial sums",
    "SpikeMaxPool": 'microcode with one counter per input; the rule "or" is a threshold of one',
    "ShiftRight": "the weight exponent of the connection",
    "SpikeDelay": "the synaptic delay of the connection",
    "Direct": "the host writes the image into the biases of the neurons before a frame",
}
"""Process class and what has to happen to it."""


def processes(plan: LavaPlan) -> tuple[str, ...]:
    """All process classes inside the network's layers, in the order of `BOARD`."""
    found = {layer.process for layer in plan.layers}
    for layer in plan.layers:
        found |= {synapse.process for synapse in layer.synapses}
        if layer.has_waits:
            found.add("SpikeDelay")
        if max(layer.port_shifts) or (layer.shift and not layer.dense_shift):
            found.add("ShiftRight")
    return tuple(name for name in BOARD if name in found)


def own_processes(plan: LavaPlan) -> frozenset[str]:
    """Those that are not Lava's."""
    return frozenset(processes(plan)) - {
        *STOCK_SYNAPSES,
        *("LIFReset", "SigmaDelta", "Delta", "Sigma"),
    }
