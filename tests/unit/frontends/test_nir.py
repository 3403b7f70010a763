"""NIR graphs: dynamics, order, names, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.frontends import load
from nmcompile.frontends.nir import NirOptions, graph_to_network
from nmcompile.ir import ops
from nmcompile.ir.legality import verify
from nmcompile.ir.neurons import LIF, CubaLIF

F = np.float32


def lif(n: int, **changes: Any) -> nir.LIF:
    values = {"tau": 0.02, "r": 2.0, "v_leak": 0.1, "v_threshold": 0.5, "v_reset": 0.0, **changes}
    return nir.LIF(**{k: np.broadcast_to(v, (n,)).astype(F).copy() for k, v in values.items()})


def cuba(n: int, **changes: Any) -> nir.CubaLIF:
    values = {
        "tau_syn": 0.004,
        "tau_mem": 0.01,
        "r": 3.0,
        "v_leak": 0.0,
        "v_threshold": 0.4,
        "v_reset": 0.0,
        "w_in": 1.5,
        **changes,
    }
    return nir.CubaLIF(**{k: np.broadcast_to(v, (n,)).astype(F).copy() for k, v in values.items()})


def graph(
    nodes: dict[str, Any], edges: list[tuple[str, str]], size: int = 3, out: int = 2
) -> nir.NIRGraph:
    return nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([size])}),
            **nodes,
            "output": nir.Output({"output": np.array([out])}),
        },
        edges,
    )


def affine(rows: int = 2, columns: int = 3, seed: int = 0) -> nir.Affine:
    rng = np.random.default_rng(seed)
    return nir.Affine(rng.normal(size=(rows, columns)).astype(F), rng.normal(size=rows).astype(F))


def chain(neuron: Any) -> nir.NIRGraph:
    edges = [("input", "w"), ("w", "cell"), ("cell", "output")]
    return graph({"w": affine(), "cell": neuron}, edges)


def model_of(network: Any, name: str = "cell") -> Any:
    op = network.by_name[name].op
    assert isinstance(op, ops.Neuron)
    return op.model


def test_lif_is_forward_euler() -> None:
    """The IR's recurrence equals the differential equation stepped by hand."""
    options = NirOptions(dt_s=1e-3, timesteps=50)
    model = model_of(graph_to_network(chain(lif(2)), options))
    assert isinstance(model, LIF)
    v = u = 0.0
    for x in np.random.default_rng(1).normal(1.0, 2.0, 50):
        v += 1e-3 / 0.02 * (0.1 - v + 2.0 * x)
        u = float(model.v_keep.data) * u + float(model.gain.data) * x + model.drive
        assert u == pytest.approx(v, abs=1e-6)
        if v > 0.5:
            v = u = 0.0
    assert float(model.threshold.data) == pytest.approx(0.5)
    assert model.reset == "zero"


def test_cuba_is_forward_euler() -> None:
    options = NirOptions(dt_s=1e-3)
    model = model_of(graph_to_network(chain(cuba(2)), options))
    assert isinstance(model, CubaLIF)
    i = v = u = w = 0.0
    for x in np.random.default_rng(1).normal(1.0, 2.0, 50):
        i += 1e-3 / 0.004 * (-i + 1.5 * x)
        v += 1e-3 / 0.01 * (-v + 3.0 * i)
        u = float(model.u_keep.data) * u + float(model.gain.data) * x
        w = float(model.v_keep.data) * w + u
        assert w == pytest.approx(v, rel=1e-5, abs=1e-7)


def test_reset_potential_shifts_everything() -> None:
    model = model_of(graph_to_network(chain(lif(2, v_reset=-0.3)), NirOptions(dt_s=1e-3)))
    assert float(model.threshold.data) == pytest.approx(0.8)
    assert model.drive == pytest.approx(0.05 * 0.4)


@pytest.mark.parametrize("r", [1.0, 1e4])
def test_if_takes_both_unit_conventions(r: float) -> None:
    one = np.ones(2, F)
    model = model_of(graph_to_network(chain(nir.IF(r * one, 0.7 * one)), NirOptions(dt_s=1e-4)))
    assert float(model.v_keep.data) == 1.0
    assert float(model.gain.data) == 1.0
    assert float(model.threshold.data) == pytest.approx(0.7)


def test_threshold_node_forgets() -> None:
    node = nir.Threshold(np.array([0.5, 0.5], F))
    model = model_of(graph_to_network(chain(node), NirOptions()))
    assert float(model.v_keep.data) == 0.0
    assert float(model.threshold.data) == 0.5


def test_parameters_shrink_to_what_differs() -> None:
    image = {
        "conv": nir.Conv2d(
            (4, 5), np.ones((2, 1, 3, 3), F), (1, 1), (0, 0), (1, 1), 1, np.zeros(2, F)
        ),
        "cell": nir.IF(
            np.ones((2, 2, 3), F), np.array([1.0, 2.0], F)[:, None, None] + np.zeros((2, 2, 3), F)
        ),
    }
    edges = [("input", "conv"), ("conv", "cell"), ("cell", "output")]
    full = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([1, 4, 5])}),
            **image,
            "output": nir.Output({"output": np.array([2, 2, 3])}),
        },
        edges,
    )
    model = model_of(graph_to_network(full, NirOptions()))
    assert model.gain.shape == ()
    np.testing.assert_array_equal(model.threshold.data, [1.0, 2.0])


def test_reset_by_subtraction_on_request() -> None:
    model = model_of(graph_to_network(chain(lif(2)), NirOptions(reset="subtract")))
    assert model.reset == "subtract"


def test_file_order_names_and_assumptions(tmp_path: Path) -> None:
    """Node names sort against the data flow; nir reads them alphabetically."""
    nodes = {"z_first": affine(4, 3), "m 2": lif(4), "a/last": affine(2, 4), "9": lif(2)}
    edges = [
        ("9", "output"),
        ("a/last", "9"),
        ("m 2", "a/last"),
        ("z_first", "m 2"),
        ("input", "z_first"),
    ]
    nodes = {k.replace("/", "."): v for k, v in nodes.items()}
    edges = [(a.replace("/", "."), b.replace("/", ".")) for a, b in edges]
    nir.write(tmp_path / "m.nir", graph(nodes, edges))
    model = load(tmp_path / "m.nir", nir=NirOptions(dt_s=1e-3, timesteps=7))
    verify(model.program)
    (network,) = model.program.networks
    assert network.timesteps == 7
    assert [n.origin for n in network.nodes] == [
        "nodes.input",
        "nodes.z_first",
        "nodes.m 2",
        "nodes.a.last",
        "nodes.9",
        "nodes.output",
    ]
    assert all(n.name.isidentifier() for n in network.nodes)
    assert network.types["input"].kind == "spikes"
    assert any("0.001 s" in a for a in model.program.assumptions)
    assert model.program.digest == load(tmp_path / "m.nir", nir=NirOptions(1e-3, 7)).program.digest


def test_several_edges_add_up() -> None:
    nodes = {"a": affine(2, 3, 1), "b": affine(2, 3, 2), "cell": lif(2), "c": affine(2, 3, 3)}
    edges = [("input", n) for n in "abc"] + [(n, "cell") for n in "abc"] + [("cell", "output")]
    network = graph_to_network(graph(nodes, edges), NirOptions(dt_s=1e-3))
    (add,) = network.of_type(ops.Add)
    assert add.inputs == ("a", "b", "c")
    assert network.by_name["cell"].inputs == (add.name,)


def test_loose_ends_are_outputs() -> None:
    """nir makes an Output of every node that nothing reads."""
    nodes = {"w": affine(), "cell": lif(2), "loose": affine(5, 2)}
    edges = [("input", "w"), ("w", "cell"), ("cell", "output"), ("cell", "loose")]
    error = refused(graph(nodes, edges))
    assert error.codes == ("NM0132",)
    assert "2 Output nodes" in str(error)


def test_same_numbers_as_torch(tmp_path: Path) -> None:
    """Convolution, pooling, flattening, scale and a memoryless threshold."""
    torch = pytest.importorskip("torch")
    from nmcompile.reference.float import FloatRunner

    rng = np.random.default_rng(4)
    weight, bias = rng.normal(size=(4, 2, 3, 2)).astype(F), rng.normal(size=4).astype(F)
    last = rng.normal(size=(2, 24)).astype(F)
    full = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([2, 7, 9])}),
            "conv": nir.Conv2d((7, 9), weight, (1, 2), (1, 0), (1, 1), 1, bias),
            "cell": nir.Threshold(np.full((4, 7, 4), 0.2, F)),
            "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
            "half": nir.Scale(np.full((4, 3, 2), 0.5, F)),
            "flat": nir.Flatten({"input": np.array([4, 3, 2])}, 0, -1),
            "lin": nir.Linear(last),
            "out_cell": nir.Threshold(np.full(2, 0.1, F)),
            "output": nir.Output({"output": np.array([2])}),
        },
        [
            ("input", "conv"),
            ("conv", "cell"),
            ("cell", "pool"),
            ("pool", "half"),
            ("half", "flat"),
            ("flat", "lin"),
            ("lin", "out_cell"),
            ("out_cell", "output"),
        ],
    )
    network = graph_to_network(full, NirOptions(timesteps=5))
    x = (rng.random((5, 1, 2, 7, 9)) < 0.4).astype(float)
    found = FloatRunner(network).run(x).output
    t = torch.from_numpy(x[:, 0])
    y = torch.nn.functional.conv2d(
        t, torch.from_numpy(weight).double(), torch.from_numpy(bias).double(), (1, 2), (1, 0)
    )
    y = (y > 0.2).double()
    y = torch.nn.functional.avg_pool2d(y, 2) * 4 * 0.5
    y = y.flatten(1) @ torch.from_numpy(last).double().T
    np.testing.assert_array_equal(found[:, 0], (y > np.float64(F(0.1))).double().numpy())
    assert 0 < found.sum() < found.size


def refused(full: nir.NIRGraph, options: NirOptions | None = None) -> NmError:
    with pytest.raises(NmError) as caught:
        graph_to_network(full, options or NirOptions())
    return caught.value


def test_unsupported_nodes_all_at_once() -> None:
    one = np.ones(2, F)
    nodes = {"w": affine(), "leaky": nir.LI(one, one, one), "wait": nir.Delay(one), "cell": lif(2)}
    edges = [
        ("input", "w"),
        ("w", "leaky"),
        ("leaky", "wait"),
        ("wait", "cell"),
        ("cell", "output"),
    ]
    error = refused(graph(nodes, edges), NirOptions(dt_s=1.0))
    found = [(d.code, d.where) for d in error.diagnostics]
    assert found == [
        ("NM0131", "nodes.leaky"),
        ("NM0131", "nodes.wait"),
        ("NM0133", "nodes.cell"),
    ]


def test_recurrence_names_the_cycle() -> None:
    nodes = {"w": affine(2, 3), "rec": affine(2, 2), "cell": lif(2)}
    edges = [("input", "w"), ("w", "cell"), ("cell", "rec"), ("rec", "cell"), ("cell", "output")]
    error = refused(graph(nodes, edges))
    assert error.codes == ("NM0132",)
    assert "cell -> rec -> cell" in str(error)


def test_interface() -> None:
    two = nir.NIRGraph(
        {
            "a": nir.Input({"input": np.array([2])}),
            "b": nir.Input({"input": np.array([2])}),
            "cell": lif(2),
            "output": nir.Output({"output": np.array([2])}),
        },
        [("a", "cell"), ("b", "cell"), ("cell", "output")],
    )
    assert refused(two).codes == ("NM0132",)
    apart = graph({"w": affine(), "cell": lif(2)}, [("input", "w"), ("cell", "output")])
    assert refused(apart).codes == ("NM0132",)


@pytest.mark.parametrize(
    ("neuron", "word"),
    [
        (lif(2, tau=1e-5), "tau"),
        (lif(2, tau=0.0), "tau"),
        (lif(2, v_threshold=0.0), "v_threshold"),
        (lif(2, v_leak=np.array([0.0, 0.1])), "leak currents"),
        (lif(2, r=np.inf), "finite"),
        (cuba(2, v_leak=0.2), "CubaLIF"),
        (cuba(2, tau_syn=1e-6), "tau_syn"),
    ],
)
def test_parameters_without_form(neuron: Any, word: str) -> None:
    error = refused(chain(neuron))
    assert error.codes == ("NM0133",)
    assert error.diagnostics[0].where == "nodes.cell"
    assert word in str(error)


def test_other_attributes() -> None:
    conv = nir.Conv2d((4, 5), np.ones((1, 1, 3, 3), F), 1, "same", 1, 1, np.zeros(1, F))
    full = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([1, 4, 5])}),
            "conv": conv,
            "scale": nir.Scale(np.arange(20, dtype=F).reshape(1, 4, 5)),
            "output": nir.Output({"output": np.array([1, 4, 5])}),
        },
        [("input", "conv"), ("conv", "scale"), ("scale", "output")],
    )
    assert [d.where for d in refused(full).diagnostics] == ["nodes.conv", "nodes.scale"]


def refused_file(path: Path) -> str:
    with pytest.raises(NmError) as caught:
        load(path)
    return caught.value.codes[0]


def test_hdf5_tricks(tmp_path: Path) -> None:
    nir.write(tmp_path / "good.nir", chain(lif(2)))
    data = (tmp_path / "good.nir").read_bytes()

    def changed(name: str, change: Any) -> Path:
        path = tmp_path / f"{name}.nir"
        path.write_bytes(data)
        with h5py.File(path, "a") as file:
            change(file)
        return path

    def link(file: Any) -> None:
        file["node/nodes/x"] = h5py.ExternalLink("good.nir", "/node")

    def loop(file: Any) -> None:
        file["node/nodes/x"] = file["node"]

    def external(file: Any) -> None:
        file.create_dataset("node/x", (9,), "u1", external=[(str(tmp_path / "good.nir"), 0, 9)])

    def bomb(file: Any) -> None:
        file.create_dataset("node/x", (10**6, 10**6), "f4", chunks=(1000, 1000))

    for name, change in (("link", link), ("loop", loop), ("ext", external), ("bomb", bomb)):
        assert refused_file(changed(name, change)) == "NM0106", name

    def kind(file: Any) -> None:
        del file["node/nodes/cell/type"]
        file["node/nodes/cell/type"] = "NIRNode.__subclasses__"

    def lost(file: Any) -> None:
        del file["node/nodes/cell/tau"]

    for name, change in (("kind", kind), ("lost", lost)):
        assert refused_file(changed(name, change)) == "NM0130", name


@given(st.floats(1e-4, 1.0), st.floats(1e-6, 5e-5), st.floats(0.01, 5), st.floats(-1, 0.5))
def test_lif_fixed_point(tau: float, dt: float, r: float, leak: float) -> None:
    """A constant input without spikes settles at v_leak + r I, whatever the step."""
    neuron = lif(2, tau=tau, r=r, v_leak=leak, v_threshold=100.0)
    model = model_of(graph_to_network(chain(neuron), NirOptions(dt_s=dt)))
    keep, gain = float(model.v_keep.data), float(model.gain.data)
    assert 0.0 <= keep < 1.0
    settled = (gain * 1.0 + model.drive) / (1.0 - keep)
    assert settled == pytest.approx(float(F(leak)) + float(F(r)), rel=1e-6, abs=1e-6)


@pytest.mark.data
def test_graphs_of_other_frameworks(model_data: Path) -> None:
    sinabs = load(model_data / "nir" / "cnn_sinabs.nir")
    verify(sinabs.program)
    (network,) = sinabs.program.networks
    assert network.types[network.output.name].shape == (10,)
    assert len(list(network.of_type(ops.Neuron))) == 5
    assert network.nodes[1].origin == "nodes.0"
    norse = load(model_data / "nir" / "lif_norse.nir")
    model = model_of(norse.program.networks[0], "node_1")
    assert float(model.v_keep.data) == pytest.approx(1 - 1e-4 / 2.5e-3)
    with pytest.raises(NmError, match="lif_rockpool") as caught:
        load(model_data / "nir" / "lif_rockpool.nir")
    assert caught.value.codes == ("NM0130",)
