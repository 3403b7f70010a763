"""Emitted Lava modules compute, spike for spike, what plain integer arithmetic says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.mapping import skip_networks
from support.nets import spiking_networks, stimulus_for
from support.scalar import Scalar

from nmcompile.backends.loihi.lava.compare import LavaResult, compare
from nmcompile.backends.loihi.lava.emit import emit_lava
from nmcompile.backends.loihi.lava.runner import run_lava
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.passes.split_fan_in import split_fan_in

pytest.importorskip("lava")
pytestmark = pytest.mark.lava

Rng = np.random.Generator


def neuron(model: Any = "IF", **changes: Any) -> ops.Neuron:
    """A population in Loihi's state units; IF with soft reset unless changed."""
    values: dict[str, Any] = {
        "u_keep": 0,
        "v_keep": 4096,
        "state_shift": 6,
        "state_bits": 24,
        "bias": 0,
        "fire_above": 20 << 6,
        "reset": "subtract",
        "reset_by": 21 << 6,
        "v_init": 0,
    } | changes
    for name in ("bias", "fire_above", "reset_by", "v_init"):
        values[name] = Array(np.asarray(values[name], np.int32))
    return ops.Neuron(IntegerNeuron(model=model, **values))


def conv(rng: Rng, shape: tuple[int, ...], **options: Any) -> ops.Conv2d:
    """A convolution with the full range of 8-bit weights."""
    weight = rng.integers(-128, 128, shape).astype(np.int8)
    return ops.Conv2d(Array(weight), Array(np.zeros(shape[0], np.int32)), **options)


def linear(weight: npt.NDArray[Any]) -> ops.Linear:
    """A linear layer without bias."""
    return ops.Linear(Array(weight.astype(np.int8)), Array(np.zeros(len(weight), np.int32)))


def chain(name: str, timesteps: int, *steps: tuple[str, ops.Op] | Node) -> Network:
    """Nodes, each reading the one before unless it says otherwise, and an output."""
    nodes: list[Node] = []
    for step in steps:
        inputs = (nodes[-1].name,) if nodes else ()
        nodes.append(step if isinstance(step, Node) else Node(step[0], step[1], inputs))
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    return Network(name, tuple(nodes), timesteps)


def check(network: Network, frames: list[Any], folder: Path) -> tuple[LavaResult, list[Scalar]]:
    """Run both sides on consecutive frames; spikes, v and u must agree."""
    lava = run_lava(emit_lava(network, folder), frames, time_limit_s=60)
    golden = [Scalar(network, frame) for frame in frames]
    assert compare(golden, lava) == ()
    return lava, golden


def test_stock_processes(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    zero = {"reset": "zero", "reset_by": 0}
    network = chain(
        "stock",
        8,
        ("input", ops.Input("spikes", (3, 7, 10), 1)),
        ("c1", conv(rng, (4, 3, 3, 2), stride=(2, 1), padding=(1, 0))),
        ("lif", neuron("LIF", v_keep=3500, fire_above=300 << 6, **zero)),
        ("c2", conv(rng, (6, 2, 2, 3), stride=(1, 2), padding=(0, 1), groups=2)),
        ("cuba", neuron("CubaLIF", u_keep=2000, v_keep=3900, fire_above=200 << 6, **zero)),
        ("s2", ops.Flatten()),
        ("fc", linear(rng.integers(-128, 128, (5, 90)))),
        ("s3", ops.Shift(2)),
        ("dense", neuron("CubaLIF", u_keep=4095, v_keep=1, fire_above=50 << 6, **zero)),
    )
    frames = [(rng.random((8, 3, 7, 10)) < 0.3).astype(np.uint8) for _ in range(2)]
    lava, golden = check(network, frames, tmp_path)
    assert "FixedPointNeuron" not in " ".join(lava.process_models)
    assert "LIFReset=lava.proc.lif.models.PyLifResetModelBitAcc" in lava.process_models
    assert all(0 < train.mean() < 1 for train in golden[1].spikes.values())


def test_own_processes(tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    network = chain(
        "own",
        7,
        ("input", ops.Input("values", (2, 8, 11), 8)),
        ("code", ops.Encode("impulse")),
        ("c1", conv(rng, (4, 1, 3, 2), stride=(1, 2), padding=(0, 1), groups=2)),
        ("s1", ops.Shift(4)),
        (
            "held",
            neuron(
                u_keep=4096,
                bias=rng.integers(-300, 300, 4) << 6,
                fire_above=rng.integers(900, 1500, 4) << 6,
                reset_by=rng.integers(900, 1500, 4) << 6,
                v_init=rng.integers(0, 900, (4, 6, 6)) << 6,
            ),
        ),
        ("pool", ops.SpikeMaxPool2d((3, 2), (2, 2), ceil=True)),
        ("a", conv(rng, (3, 4, 2, 3), padding=(0, 1))),
        Node("b", conv(rng, (3, 4, 2, 3), padding=(0, 1)), ("pool",)),
        ("b_s", ops.Shift(1)),
        Node("sum", ops.Add(), ("a", "b_s")),
        ("both", neuron(bias=5, fire_above=120 << 6, reset_by=121 << 6)),
        ("flat", ops.Flatten()),
        ("fc", linear(rng.integers(-128, 128, (5, 18)))),
        ("s2", ops.Shift(1)),
        ("leaky", neuron("CubaLIF", u_keep=1000, v_keep=3900, bias=64, v_init=7)),
    )
    frames = [rng.integers(0, 256, (2, 8, 11)).astype(np.uint8) for _ in range(2)]
    _, golden = check(network, frames, tmp_path)
    assert all(0 < train.mean() < 1 for train in golden[1].spikes.values())


def test_pixel_neurons(tmp_path: Path) -> None:
    """An image that is the bias of neurons, whose spikes drive a convolution."""
    rng = np.random.default_rng(14)
    network = chain(
        "pixels",
        9,
        ("input", ops.Input("values", (2, 7, 6), 8)),
        ("image", ops.Encode("constant")),
        ("half", ops.Shift(1)),
        ("pixels", neuron(fire_above=126 << 6, reset_by=127 << 6, v_init=63 << 6)),
        ("c", conv(rng, (4, 2, 2, 3), stride=(2, 1))),
        ("n", neuron(fire_above=99 << 6, reset_by=100 << 6)),
    )
    frames = [rng.integers(0, 256, (2, 7, 6)).astype(np.uint8) for _ in range(2)]
    lava, golden = check(network, frames, tmp_path)
    assert "Direct=pixels.layer.PyDirectModel" in lava.process_models
    assert all(0 < train.mean() < 1 for train in golden[1].spikes.values())


def test_partial_sums(tmp_path: Path) -> None:
    """The sums of a layer in blocks of a map, and in channel groups: relays add them exactly."""
    rng = np.random.default_rng(15)
    network = chain(
        "parts",
        6,
        ("input", ops.Input("spikes", (4, 6, 5), 3)),
        ("c", conv(rng, (4, 4, 2, 3), stride=(1, 1))),
        ("n", neuron(fire_above=300 << 6, reset_by=301 << 6)),
        ("flat", ops.Flatten()),
        ("fc", linear(rng.integers(-128, 128, (7, 60)))),
        ("m", neuron(fire_above=99 << 6, reset_by=100 << 6)),
    )
    for name in ("c", "fc"):
        parted = split_fan_in(network, name, 4, 24)
        assert isinstance(parted, Network), parted
        network = parted
    frames = [rng.integers(0, 8, (6, 4, 6, 5)).astype(np.uint8) for _ in range(2)]
    lava, golden = check(network, frames, tmp_path)
    assert "WindowedSigmaDelta=parts.sigma.PyWindowedSigmaDeltaModel" in lava.process_models
    assert all(0 < golden[1].spikes[name].mean() < 1 for name in ("n", "m"))


def test_wrap_and_saturation(tmp_path: Path) -> None:
    rng = np.random.default_rng(13)
    high = {"fire_above": 131_000 << 6, "reset_by": 131_001 << 6}
    mixed = rng.integers(-128, 128, (24, 40))
    weights = {
        "mixed": mixed,
        "positive": np.abs(mixed) // 2,
        "negative": -(np.abs(mixed) // 2),
    }
    models = {
        "stock": neuron("CubaLIF", u_keep=4095, v_keep=4000, **high, reset="zero"),
        "soft": neuron(u_keep=1500, **high),
        "zero": neuron("CubaLIF", u_keep=4095, bias=777, **high, reset="zero"),
    }
    nodes = [Node("input", ops.Input("values", (40,), 8))]
    nodes.append(Node("code", ops.Encode("constant"), ("input",)))
    cases = ("mixed", "zero"), ("positive", "stock"), ("positive", "soft"), ("negative", "stock")
    for kind, model in cases:
        synapses = Node(f"{kind}_for_{model}", linear(weights[kind]), ("code",))
        nodes += [synapses, Node(f"{kind}_{model}", models[model], (synapses.name,))]
    network = Network("wrap", (*nodes, Node("output", ops.Output(), (nodes[-1].name,))), 6)
    frames = [rng.integers(0, 256, 40).astype(np.uint8) for _ in range(2)]
    _, golden = check(network, frames, tmp_path)
    assert min(g.wraps for g in golden) > 20
    assert min(g.clips for g in golden) > 20


@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.one_of(spiking_networks(), skip_networks()), st.integers(0, 2**32 - 1))
def test_random_networks(tmp_path: Path, network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    check(network, [stimulus_for(network, rng) for _ in range(2)], tmp_path)
