"""`.net` export: what is written comes back as it was; what cannot be written says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.netx import CUBA, SDNN, dense, random_layers, write_layers

from nmcompile.backends.loihi.netx.chain import NoChainError
from nmcompile.backends.loihi.netx.writer import emit_nets, write_net
from nmcompile.frontends import load
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron

ZERO = Array(np.zeros((), np.int32))
NEURON = IntegerNeuron(
    model="LIF",
    u_keep=0,
    v_keep=4096,
    state_shift=6,
    state_bits=24,
    bias=ZERO,
    fire_above=Array(np.int32(64 * 9)),
    reset="zero",
    reset_by=ZERO,
    v_init=ZERO,
)


def linear(weight: npt.ArrayLike) -> ops.Linear:
    array = np.asarray(weight, np.int8)
    return ops.Linear(Array(array), Array(np.zeros(array.shape[0], np.int32)))


def chain(*nodes: tuple[str, ops.Op], shape: tuple[int, ...] = (3,)) -> Network:
    """A network of these nodes, one behind the other."""
    made = [Node("input", ops.Input("spikes", shape, 1))]
    for name, op in (*nodes, ("output", ops.Output())):
        made.append(Node(name, op, (made[-1].name,)))
    return Network("main", tuple(made), 5)


def read(path: Path) -> Network:
    network: Network = load(path).program.networks[0]
    return network


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["cuba", "sdnn"]))
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("netx")
    layers = random_layers(np.random.default_rng(seed), kind)
    network = read(write_layers(folder / "a.net", layers)).replace(timesteps=9)
    write_net(network, folder / "b.net")
    assert read(folder / "b.net") == network


def test_same_network_same_bytes(tmp_path: Path) -> None:
    network = chain(("synapses", linear(np.eye(3) * 4)), ("cells", ops.Neuron(NEURON)))
    write_net(network, tmp_path / "a.net")
    write_net(network, tmp_path / "b.net")
    assert (tmp_path / "a.net").read_bytes() == (tmp_path / "b.net").read_bytes()


def test_fields_that_lava_dl_reads(tmp_path: Path) -> None:
    """Types are bytes of at most ten characters, alone in an array; numbers are whole."""
    model = replace(NEURON, u_keep=1000, v_keep=2000, bias=Array(np.int32([64, 0, -128])))
    layers = (("synapses", linear(np.eye(3) * 4)), ("cells", ops.Neuron(model)))
    write_net(chain(*layers), tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net") as file:
        layer = file["layer/0"]
        assert layer["type"].dtype == np.dtype("S10")
        assert layer["type"][0] == b"dense"
        assert layer["shape"][()].tolist() == [3]
        assert layer["bias"][()].tolist() == [1, 0, -2]
        neuron = {name: item[()] for name, item in layer["neuron"].items()}
        assert (neuron["iDecay"], neuron["vDecay"], neuron["vThMant"]) == (3096, 2096, 9)
        assert neuron["type"][0] == b"CUBA"
        assert file["simulation/tSample"][()] == 5


def test_images_get_a_layer_that_says_their_shape(tmp_path: Path) -> None:
    kernel = Array(np.full((2, 1, 2, 3), 2, np.int8))
    convolution = ops.Conv2d(kernel, Array(np.zeros(2, np.int32)), (2, 1), (0, 1))
    nodes: list[tuple[str, ops.Op]] = [
        ("conv", convolution),
        ("cells", ops.Neuron(NEURON)),
        ("flat", ops.Flatten()),
        ("full", linear(np.full((2, 32), 2))),
        ("more", ops.Neuron(NEURON)),
    ]
    write_net(chain(*nodes, shape=(1, 4, 8)), tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net") as file:
        kinds = [file[f"layer/{i}/type"][0] for i in range(len(file["layer"]))]
        assert kinds == [b"input", b"conv", b"flatten", b"dense"]
        assert file["layer/0/shape"][()].tolist() == [1, 4, 8]
        assert file["layer/1/stride"][()].tolist() == [2, 1]
    back = read(tmp_path / "a.net").by_name["layer1_conv"].op
    assert back == convolution


def odd(**changes: Any) -> tuple[tuple[str, ops.Op], ...]:
    """A layer whose neurons a `.net` file does not have."""
    return ("synapses", linear(np.eye(3) * 4)), ("cells", ops.Neuron(replace(NEURON, **changes)))


SPLIT = Network(
    "main",
    (
        Node("input", ops.Input("spikes", (3,), 1)),
        Node("a", linear(np.eye(3) * 4), ("input",)),
        Node("one", ops.Neuron(NEURON), ("a",)),
        Node("b", linear(np.eye(3) * 4), ("input",)),
        Node("two", ops.Neuron(NEURON), ("b",)),
        Node("c", linear(np.eye(3) * 4), ("one",)),
        Node("d", linear(np.eye(3) * 2), ("two",)),
        Node("both", ops.Add(), ("c", "d")),
        Node("three", ops.Neuron(NEURON), ("both",)),
        Node("output", ops.Output(), ("three",)),
    ),
)
REFUSED: dict[str, tuple[Network, str]] = {
    "soft reset": (chain(*odd(reset="subtract")), "soft reset"),
    "start": (chain(*odd(v_init=Array(np.int32(3)))), "do not start at 0"),
    "threshold": (chain(*odd(fire_above=Array(np.int32(65)))), "no multiple of 64"),
    "thresholds": (chain(*odd(fire_above=Array(np.int32([64, 128, 64])))), "of its own"),
    "bias": (chain(*odd(bias=Array(np.int32(7)))), "no multiple of 64"),
    "large bias": (chain(*odd(bias=Array(np.int32(1 << 20)))), "13 bits"),
    "payloads": (chain(*odd(payloads=(2, 1))), "payloads"),
    "shift": (
        chain(odd()[0], ("shift", ops.Shift(2)), odd()[1]),
        "shifted to the right",
    ),
    "pooling": (
        chain(
            ("pool", ops.SpikeMaxPool2d((2, 2), (2, 2), rule="or")),
            ("flat", ops.Flatten()),
            ("synapses", linear(np.eye(4) * 4)),
            ("cells", ops.Neuron(NEURON)),
            shape=(1, 4, 4),
        ),
        "max pooling",
    ),
    "branches": (SPLIT, "chain"),
    "zeros": (chain(("synapses", linear(np.zeros((3, 3)))), odd()[1]), "zeros"),
    "counted": (chain(*odd(), ("decode", ops.Decode())), "host counts"),
    "nothing": (chain(("flat", ops.Flatten())), "not the last layer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_reasons(tmp_path: Path, name: str) -> None:
    network, words = REFUSED[name]
    with pytest.raises(NoChainError, match=words):
        write_net(network, tmp_path / "a.net")
    emit_nets([network], tmp_path)
    assert words in (tmp_path / "README.md").read_text()
    assert not list(tmp_path.glob("*.net"))


def test_waiting_sigma_delta_layers(tmp_path: Path) -> None:
    """Without the timestep of each synapse a biased network does something else in lava-dl."""
    layers = [dense(np.eye(2) * 4, SDNN, bias=np.ones(2)), dense(np.eye(2) * 4, SDNN)]
    network = read(write_layers(tmp_path / "a.net", layers))
    eager = network.map_nodes(lambda n: None if isinstance(n.op, ops.Delay) else n)
    with pytest.raises(NoChainError, match="wait for their first input"):
        write_net(eager, tmp_path / "b.net")


def test_how_to_load_is_said(tmp_path: Path) -> None:
    delayed = dense(np.eye(2) * 4, CUBA, delay=3)
    network = read(write_layers(tmp_path / "a.net", [delayed]))
    emit_nets([network], tmp_path / "emit")
    text = (tmp_path / "emit" / "README.md").read_text()
    assert "reset_interval=19, reset_offset=1" in text
    assert (tmp_path / "emit" / "main.net").is_file()
