"""lava-dl networks: what the numbers in the file become, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.netx import CUBA, SDNN, conv, dense, random_layers, write_layers

from nmcompile.diagnostics import NmError
from nmcompile.frontends import load, netx_weights
from nmcompile.frontends.netx import TIMESTEPS
from nmcompile.ir import ops
from nmcompile.ir.legality import verify
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron, SigmaDelta
from nmcompile.reference.integer import IntegerRunner

W23 = np.array([[2.0, -4.0, 6.0], [8.0, 0.0, -10.0]])


def network_of(path: Path) -> Network:
    model = load(path)
    verify(model.program)
    assert (model.kind, model.program.level) == ("net", "integer")
    return model.program.networks[0]


def neurons_of(network: Network, name: str) -> Any:
    op = network.by_name[name].op
    assert isinstance(op, ops.Neuron)
    return op.model


def refusal(path: Path) -> Any:
    with pytest.raises(NmError) as caught:
        load(path)
    assert caught.value.exit_code == 1
    return caught.value.diagnostics[0]


def test_cuba_parameters(tmp_path: Path) -> None:
    """iDecay, vDecay, vThMant and bias become Lava's u, v, threshold and bias, in state units."""
    path = write_layers(tmp_path / "a.net", [dense(W23, CUBA, bias=np.array([3.0, -5.0]))])
    network = network_of(path)
    model = neurons_of(network, "layer0_neurons")
    assert isinstance(model, IntegerNeuron)
    assert (model.u_keep, model.v_keep) == (4096 - 1024, 4096 - 128)
    assert (model.state_shift, model.state_bits, model.reset) == (6, 24, "zero")
    assert int(model.fire_above.data) == 80 * 64
    assert model.bias.data.tolist() == [192, -320]
    linear = network.by_name["layer0_dense"].op
    assert isinstance(linear, ops.Linear)
    assert linear.weight.data.dtype == np.int8
    np.testing.assert_array_equal(linear.weight.data, W23)
    assert network.types["input"].shape == (3,)
    assert network.by_name["layer0_dense"].label == "layer 0 dense"


def test_wide_weights_become_an_exponent(tmp_path: Path) -> None:
    """Even weights up to 254 are bytes with a weight exponent."""
    path = write_layers(tmp_path / "a.net", [dense(W23 * 20, CUBA)])
    network = network_of(path)
    linear = network.by_name["layer0_dense"].op
    assert isinstance(linear, ops.Linear)
    np.testing.assert_array_equal(linear.weight.data, W23 * 10)
    assert neurons_of(network, "layer0_neurons").state_shift == 7


def test_convolution_keeps_torch_order(tmp_path: Path) -> None:
    """Kernels, strides and paddings are (y, x) in the file, as in the IR."""
    weight = np.arange(2 * 1 * 2 * 3).reshape(2, 1, 2, 3) * 2 - 8
    layers = [
        {"type": "input", "shape": np.array([2, 5, 9])},
        conv(
            *(weight, (2, 5, 4), CUBA),
            stride=np.array([1, 2]),
            padding=np.array([1, 0]),
            dilation=np.array([2, 1]),
            groups=2,
            bias=np.array([1.0, 2.0]),
        ),
    ]
    network = network_of(write_layers(tmp_path / "a.net", layers))
    op = network.by_name["layer1_conv"].op
    assert isinstance(op, ops.Conv2d)
    np.testing.assert_array_equal(op.weight.data, weight)
    assert (op.stride, op.padding, op.dilation, op.groups) == ((1, 2), (1, 0), (2, 1), 2)
    assert network.types["layer1_conv"].shape == (2, 5, 4)


def test_input_neurons_are_driven_by_biases(tmp_path: Path) -> None:
    """The input layer's neurons take the host's numbers as biases, and hold no current."""
    layers = [
        {"type": "input", "shape": np.array([1, 2, 2]), "neuron": CUBA, "weight": 36, "bias": 34},
        {"type": "flatten", "shape": np.array([4, 1, 1])},
        dense(np.full((2, 4), 6), CUBA),
    ]
    path = write_layers(tmp_path / "a.net", layers)
    model = load(path)
    assert model.span == (-2, 70)
    network = model.program.networks[0]
    assert neurons_of(network, "input_neurons").u_keep == 0
    image = np.array([[[0, 79], [80, 200]]])
    trace = IntegerRunner(network).run(image, record=True)
    counts = trace.counts["input_neurons"]
    # Above the threshold of 80 units of 64 a neuron fires at every timestep.
    assert counts[0, 1, 1] == network.timesteps
    assert counts[0, 0, 0] == 0
    assert 0 < counts[0, 0, 1] < network.timesteps


def test_sigma_delta_shares_the_clock(tmp_path: Path) -> None:
    """Every synapse takes a timestep, and biases arrive before the first answer."""
    layers = [
        {"type": "input", "shape": np.array([1, 1, 2]), "neuron": SDNN},
        {"type": "flatten", "shape": np.array([2, 1, 1])},
        dense(np.full((1, 2), 64), {**SDNN, "vThMant": 1}, bias=np.array([3.0])),
        dense(np.full((1, 1), 64), {**SDNN, "sigma_output": True}),
    ]
    network = network_of(write_layers(tmp_path / "a.net", layers))
    assert [n.op.ticks for n in network.of_type(ops.Delay)] == [1, 1]  # type: ignore[union-attr]
    assert isinstance(neurons_of(network, "input_neurons"), SigmaDelta)
    frames = np.full((network.timesteps, 1, 1, 2), 5)
    output = np.asarray(IntegerRunner(network).run(frames).output).ravel()
    # In units of 64 * 64: nothing, the bias of 3, then bias and both inputs.
    assert output[:3].tolist() == [0, 3 * 64 * 64, (3 + 2 * 5) * 64 * 64]
    assert np.all(output[3:] == output[2])


def test_delays_become_a_sum(tmp_path: Path) -> None:
    delay = np.array([[0, 2, 2], [0, 0, 5]])
    path = write_layers(tmp_path / "a.net", [dense(np.full((2, 3), 200), CUBA, delay=delay)])
    network = network_of(path)
    assert [n.op.ticks for n in network.of_type(ops.Delay)] == [2, 5]  # type: ignore[union-attr]
    spikes = np.zeros((network.timesteps, 3), np.uint8)
    spikes[1] = 1
    output = np.asarray(IntegerRunner(network).run(spikes).output)
    # 200 * 64 is above the threshold, and so is what the slow leak leaves of it.
    assert np.argmax(output, axis=0).tolist() == [1, 1]
    late = [{**dense(np.eye(3) * 200, {**CUBA, "iDecay": 4096}, delay=np.array([0.0, 3, 70]))}]
    network = network_of(write_layers(tmp_path / "b.net", late)).replace(timesteps=80)
    spikes = np.zeros((80, 3), np.uint8)
    spikes[1] = 1
    output = np.asarray(IntegerRunner(network).run(spikes).output)
    assert np.argmax(output, axis=0).tolist() == [1, 4, 63]


def test_timesteps(tmp_path: Path) -> None:
    layers = [dense(W23, CUBA)]
    assert network_of(write_layers(tmp_path / "a.net", layers)).timesteps == TIMESTEPS
    assert network_of(write_layers(tmp_path / "b.net", layers, tSample=30, Ts=2)).timesteps == 15
    assert network_of(write_layers(tmp_path / "c.net", layers, tSample=-3, Ts=0)).timesteps == 16


def test_what_the_loader_passes_over_is_said(tmp_path: Path) -> None:
    neuron = {**CUBA, "refDelay": 4}
    weight = W23 + 0.5
    notes = load(write_layers(tmp_path / "a.net", [dense(weight, neuron)])).program.assumptions
    assert any("refDelay = 4" in note for note in notes)
    assert any("6 of 6 weights" in note for note in notes)


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k != name}


IMAGE = {"type": "input", "shape": np.array([1, 4, 4])}
CONV = conv(np.full((1, 1, 3, 3), 2), (1, 2, 2), CUBA)
REFUSED: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "no weights": ("NM0140", [without(dense(W23, CUBA), "weight")]),
    "nan": ("NM0140", [dense(np.where(W23 == 0, np.nan, W23), CUBA)]),
    "three axes": ("NM0140", [dense(W23[None], CUBA, shape=np.array([1]))]),
    "rows": ("NM0140", [dense(W23, CUBA, shape=np.array([5]))]),
    "bias": ("NM0140", [dense(W23, CUBA, bias=np.zeros(3))]),
    "delays": ("NM0140", [dense(W23, CUBA, delay=np.zeros(7))]),
    "negative delay": ("NM0140", [dense(W23, CUBA, delay=-1)]),
    "empty shape": ("NM0140", [dense(W23, CUBA, shape=np.array([], np.int64))]),
    "no stride": ("NM0140", [IMAGE, without(CONV, "stride")]),
    "zero stride": ("NM0140", [IMAGE, {**CONV, "stride": np.array([0, 1])}]),
    "no groups": ("NM0140", [IMAGE, {**CONV, "groups": 0}]),
    "conv without neurons": ("NM0140", [IMAGE, without(CONV, "neuron")]),
    "no threshold": ("NM0140", [dense(W23, without(CUBA, "vThMant"))]),
    "two thresholds": ("NM0140", [dense(W23, {**CUBA, "vThMant": np.array([1, 2])})]),
    "half a threshold": ("NM0140", [dense(W23, {**CUBA, "vThMant": 2.5})]),
    "pool": ("NM0141", [{"type": "pool", "shape": np.array([1])}]),
    "recurrent": ("NM0141", [{**dense(W23, CUBA), "type": "dense_rec"}]),
    "complex": ("NM0141", [dense(W23, CUBA) | {"weight": {"real": W23, "imag": W23}}]),
    "resonator": ("NM0142", [dense(W23, {**CUBA, "type": "RF_PHASE"})]),
    "decay": ("NM0142", [dense(W23, {**CUBA, "vDecay": 5000})]),
    "large bias": ("NM0142", [dense(W23, CUBA, bias=np.array([5000.0, 0]))]),
    "biased sum": ("NM0142", [dense(W23, {**SDNN, "sigma_output": True}, bias=np.ones(2))]),
    "activation": ("NM0142", [dense(W23, {**SDNN, "activation": "tanh"})]),
    "zeros": ("NM0143", [dense(W23 * 0.01, CUBA)]),
    "unsigned": ("NM0143", [dense(np.abs(W23) + 300, CUBA)]),
    "huge": ("NM0143", [dense(W23 * 1e12, CUBA)]),
    "wrapping sums": ("NM0143", [IMAGE, {**CONV, "weight": CONV["weight"] * 1_000_000}]),
    "no flatten": ("NM0144", [IMAGE, CONV, dense(np.full((1, 4), 2), CUBA)]),
    "inputs": ("NM0144", [dense(W23, CUBA), dense(W23, CUBA)]),
    "conv first": ("NM0144", [CONV]),
    "conv behind flatten": ("NM0144", [IMAGE, {"type": "flatten", "shape": 16}, CONV]),
    "shape of conv": ("NM0144", [IMAGE, {**CONV, "shape": np.array([1, 2, 3])}]),
    "channels": ("NM0144", [IMAGE, {**CONV, "groups": 2}]),
    "input late": ("NM0144", [dense(W23, CUBA), IMAGE]),
    "nothing": ("NM0144", [IMAGE]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(tmp_path: Path, name: str) -> None:
    code, layers = REFUSED[name]
    diagnostic = refusal(write_layers(tmp_path / "a.net", layers))
    assert diagnostic.code == code
    assert diagnostic.where


def test_several_layers_are_refused_at_once(tmp_path: Path) -> None:
    layers = [{"type": "pool", "shape": 1}, dense(W23, {**CUBA, "type": "RF"})]
    with pytest.raises(NmError) as caught:
        load(write_layers(tmp_path / "a.net", layers))
    assert caught.value.codes == ("NM0141", "NM0142")


def break_link(file: h5py.File) -> None:
    file["layer/0/weight2"] = h5py.SoftLink("/layer/0/weight")


def break_outside(file: h5py.File) -> None:
    del file["layer/0/weight"]
    file["layer/0/weight"] = h5py.ExternalLink("other.h5", "/weight")


def break_objects(file: h5py.File) -> None:
    del file["layer/0/weight"]
    file["layer/0/weight"] = np.array(["a", "b"], dtype=h5py.string_dtype())


def break_compound(file: h5py.File) -> None:
    del file["layer/0/shape"]
    file["layer/0/shape"] = np.zeros(2, [("a", "i4"), ("b", "f4")])


def break_gap(file: h5py.File) -> None:
    file.move("layer/0", "layer/1")


def break_type(file: h5py.File) -> None:
    del file["layer/0/type"]
    file["layer/0/type"] = 7


def break_group(file: h5py.File) -> None:
    del file["layer"]
    file["layer"] = np.zeros(3)


def break_neuron(file: h5py.File) -> None:
    del file["layer/0/neuron"]
    file["layer/0/neuron"] = 1.0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (break_link, "NM0106"),
        (break_outside, "NM0106"),
        (break_objects, "NM0140"),
        (break_compound, "NM0140"),
        (break_gap, "NM0140"),
        (break_type, "NM0140"),
        (break_group, "NM0140"),
        (break_neuron, "NM0140"),
    ],
)
def test_odd_files(tmp_path: Path, change: Callable[[h5py.File], None], code: str) -> None:
    path = write_layers(tmp_path / "a.net", [dense(W23, CUBA)])
    with h5py.File(path, "r+") as file:
        change(file)
    assert refusal(path).code == code


def test_any_damage_is_a_diagnostic(tmp_path: Path) -> None:
    """Cut off anywhere, or with bytes turned over: a diagnostic, or still a network."""
    rng = np.random.default_rng(4)
    whole = write_layers(tmp_path / "a.net", random_layers(rng, "cuba")).read_bytes()
    path = tmp_path / "b.net"
    for _ in range(60):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        tolerated(path)
        path.write_bytes(whole[: int(rng.integers(1, len(whole)))])
        assert tolerated(path) != "loaded"


def tolerated(path: Path) -> str:
    """Loading either works or explains itself."""
    try:
        load(path)
    except NmError as error:
        assert error.exit_code == 1
        return error.codes[0]
    return "loaded"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["cuba", "sdnn"]))
def test_random_networks_load(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str
) -> None:
    layers = random_layers(np.random.default_rng(seed), kind)
    path = write_layers(tmp_path_factory.mktemp("netx") / "a.net", layers)
    network = network_of(path)
    assert network.types["output"].shape == (len(layers[-1]["weight"]),)


@given(st.lists(st.integers(-256, 255), min_size=1, max_size=12))
def test_dense_weights_follow_lava(values: list[int]) -> None:
    """Whatever is accepted is what the loader's shift and Lava's rounding leave, and legal."""
    weight = np.array([values], np.int64)
    try:
        used, changed = netx_weights.dense_weights(weight, "layer")
    except NmError as error:
        assert error.codes == ("NM0143",)
        return
    assert changed == np.count_nonzero(used != weight)
    signs = {np.sign(v) for v in values} - {0}
    if signs == {1}:
        np.testing.assert_array_equal(used, weight)
    if signs == {1, -1} and not np.any(weight % 2) and weight.max() <= 254:
        np.testing.assert_array_equal(used, weight)


def test_one_signed_powers_lose_bits() -> None:
    """All weights -1: the loader asks for 0 bits, and Lava stores nothing."""
    used, changed = netx_weights.dense_weights(np.full((1, 2), -1), "layer")
    assert used.tolist() == [[0, 0]]
    assert changed == 2
