"""Random networks of which stock Lava processes compute everything, spike for spike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from support.nets import Rng

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron, NeuronModel, SigmaDelta

Ints = npt.NDArray[Any]


def stock_network(rng: Rng) -> Network:
    """One to four layers of any synapses and neurons that Lava has, perhaps with delays."""
    kind, bits, signed = INPUTS[rng.integers(len(INPUTS))]
    shape = (int(rng.choice([2, 4])), int(rng.integers(3, 9)), int(rng.integers(3, 10)))
    if rng.random() < 0.3:
        shape = (int(rng.integers(3, 40)),)  # type: ignore[assignment]
    nodes = [Node("input", ops.Input(kind, shape, bits, signed))]
    if kind == "values":
        nodes.append(Node("code", ops.Encode("constant"), ("input",)))
    # How large a message of the source is, and how often there is one: sets thresholds.
    size = 2.0 ** (bits - 1) * (0.3 if kind == "spikes" else 1.0)
    for index in range(int(rng.integers(1, 5))):
        size = _layer(rng, nodes, index, size)
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    return Network("stock", tuple(nodes), int(rng.integers(3, 9)))


INPUTS: tuple[tuple[Any, int, bool], ...] = (
    ("spikes", 1, False),
    ("spikes", 1, False),
    ("spikes", 5, True),
    ("spikes", 4, False),
    ("values", 8, False),
)


def _layer(rng: Rng, nodes: list[Node], index: int, size: float) -> float:
    """Synapses, perhaps a branch and a shift, and neurons; returns how large messages are."""
    source = nodes[-1].name
    edge = Network("probe", tuple(nodes)).types[source]
    make = _synapses(rng, edge.shape)
    weights = [make(), make()] if rng.random() < 0.3 else [make()]
    if isinstance(weights[0], ops.Linear):
        if len(edge.shape) == 3:
            source = _add(nodes, f"flat{index}", ops.Flatten(), source)
        if edge.kind == "spikes" and rng.random() < 0.4:
            ends = _delayed(rng, nodes, index, weights[0], source)
        else:
            ends = [_add(nodes, f"w{index}_{i}", w, source) for i, w in enumerate(weights)]
    else:
        ends = [_add(nodes, f"w{index}_{i}", w, source) for i, w in enumerate(weights)]
    if len(ends) > 1 and not any("late" in end for end in ends) and rng.random() < 0.5:
        ends[1] = _add(nodes, f"b{index}_s", ops.Shift(int(rng.integers(1, 3))), ends[1])
    current = ends[0] if len(ends) == 1 else _add(nodes, f"a{index}", ops.Add(), *ends)
    spread = size * float(np.sqrt(np.mean([_power(w, edge.shape) for w in weights])))
    if rng.random() < 0.3:
        bits = int(rng.integers(1, 4))
        current, spread = _add(nodes, f"s{index}", ops.Shift(bits), current), spread / 2**bits
    channels = Network("probe", tuple(nodes)).types[current].shape[0]
    model, size = _model(rng, channels, max(1.0, spread))
    nodes.append(Node(f"n{index}", ops.Neuron(model), (current,), f"layer{index}"))
    return size


def _add(nodes: list[Node], name: str, op: ops.Op, *inputs: str) -> str:
    nodes.append(Node(name, op, inputs, name))
    return name


def _synapses(rng: Rng, shape: tuple[int, ...]) -> Any:
    """A maker of synapses, equal in all but the weights."""
    if len(shape) == 1 or rng.random() < 0.35:
        out, inputs = int(rng.integers(1, 24)), int(np.prod(shape))
        density = float(rng.choice([1.0, 1.0, 0.2]))
        sign = int(rng.integers(3))
        return lambda: _linear(
            _signed(rng, (out, inputs), sign) * (rng.random((out, inputs)) < density)
        )
    kernel = tuple(min(extent, int(rng.integers(1, 4))) for extent in shape[1:])
    groups = int(rng.choice([1, 2])) if shape[0] % 2 == 0 else 1
    out = groups * int(rng.integers(1, 4))
    options: dict[str, Any] = {
        "stride": (int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        "padding": (int(rng.integers(0, 2)), int(rng.integers(0, 2))),
        "groups": groups,
    }
    if all(extent >= 2 * k for extent, k in zip(shape[1:], kernel, strict=True)):
        options["dilation"] = (int(rng.integers(1, 3)), 1)
    weights = (out, shape[0] // groups, *kernel)
    zero = Array(np.zeros(out, np.int32))
    return lambda: ops.Conv2d(
        Array(rng.integers(-128, 128, weights).astype(np.int8)), zero, **options
    )


def _signed(rng: Rng, shape: tuple[int, ...], sign: int) -> Ints:
    """Weights of both signs, or of one: Lava treats them differently."""
    low, high = ((-128, 128), (0, 128), (-128, 1))[sign]
    return rng.integers(low, high, shape)


def _linear(weight: Ints) -> ops.Linear:
    return ops.Linear(Array(weight.astype(np.int8)), Array(np.zeros(len(weight), np.int32)))


def _delayed(rng: Rng, nodes: list[Node], index: int, op: ops.Linear, source: str) -> list[str]:
    """A matrix of delays: every synapse waits for 0, 2 or 5 ticks."""
    ticks = rng.choice([0, 2, 5], op.weight.shape)
    ends = []
    for delay in (0, 2, 5):
        late = _add(nodes, f"late{index}_{delay}", ops.Delay(delay), source) if delay else source
        part = _linear(op.weight.data * (ticks == delay))
        ends.append(_add(nodes, f"w{index}_late{delay}", part, late))
    return ends


def _power(op: ops.Conv2d | ops.Linear, shape: tuple[int, ...]) -> float:
    weight = op.weight.data.astype(float).reshape(len(op.weight.data), -1)
    return float(np.square(weight).sum(axis=1).mean())


def _model(rng: Rng, channels: int, spread: float) -> tuple[NeuronModel, float]:
    """Neurons for inputs of about `spread`, and how large their messages are on average."""
    if rng.random() < 0.4:
        return _sigma_delta(rng, channels, spread)
    level = int(np.clip(spread * rng.uniform(0.3, 2.0), 1, 131_000))
    exponent = int(rng.integers(0, 8))
    bias = rng.integers(-level, level + 1, channels) // 8 * 64
    bias = np.clip(bias >> exponent, -4096, 4095) << exponent
    zero = Array(np.int32(0))
    model = IntegerNeuron(
        model="CubaLIF",
        u_keep=int(rng.choice([0, 0, 1000, 4095])),
        v_keep=int(rng.choice([4096, 3900, 2000, 1])),
        state_shift=int(rng.choice([6, 6, 6, 6, 7, 9])),
        state_bits=24,
        bias=Array(bias.astype(np.int32)) if rng.random() < 0.5 else zero,
        fire_above=Array(np.int32(level << 6)),
        reset="zero",
        reset_by=zero,
        v_init=zero,
    )
    return model, 0.5


def _sigma_delta(rng: Rng, channels: int, spread: float) -> tuple[NeuronModel, float]:
    """Lava's SigmaDelta, Delta or Sigma."""
    spike_exp, state_exp = SCALES[rng.integers(len(SCALES))]
    exponent = spike_exp + state_exp
    traffic: Any = TRAFFIC[rng.integers(len(TRAFFIC))]
    whole = traffic == ("changes", "changes")
    level = min(1 << 20, int(spread / 2**exponent * rng.uniform(0, 0.5)))
    bias = (rng.integers(-level - 1, level + 2, channels) << exponent) if whole else np.zeros(1)
    model = SigmaDelta(
        *traffic,
        activation="relu" if whole and rng.random() < 0.6 else "none",
        threshold=Array(np.int32(level << exponent)),
        bias=Array(bias.astype(np.int32) if whole else np.int32(0)),
        spike_exp=spike_exp if traffic != ("changes", "values") else 0,
        state_exp=state_exp if traffic != ("changes", "values") else 0,
        message_bits=16,
    )
    grown = 2.0**spike_exp if traffic[0] == "values" else 2.0**-state_exp
    return model, spread * grown


SCALES = (0, 0), (2, 0), (0, 6), (1, 3)
TRAFFIC = (
    ("changes", "changes"),
    ("changes", "changes"),
    ("values", "changes"),
    ("changes", "values"),
)
