"""The emitted package as a user meets it, and what the runner says when something is wrong."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.mapping import line, matched_line, template_for

from nmcompile.backends.loihi.lava.compare import (
    LavaResult,
    compare,
    compare_sums,
    require_equal,
)
from nmcompile.backends.loihi.lava.emit import emit_lava
from nmcompile.backends.loihi.lava.runner import run_lava
from nmcompile.backends.loihi.lava.specs import package_name
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.reference.integer import IntegerRunner

pytest.importorskip("lava")
pytestmark = pytest.mark.lava


def frame(network: Network) -> npt.NDArray[np.uint8]:
    """A spike train that fits `line`."""
    shape = (network.timesteps, *network.types["input"].shape)
    return (np.random.default_rng(5).random(shape) < 0.4).astype(np.uint8)


STANDALONE = """
import sys
sys.modules["nmcompile"] = None  # importing it fails, even where it is installed
from line import LineNetwork
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
import numpy as np
data = np.load("frame.npy").transpose(3, 2, 1, 0)
network, ticks = LineNetwork(), LineNetwork.frame_ticks
source, sink = Source(data=np.pad(data, [(0, 0)] * 3 + [(0, ticks - data.shape[-1])])), None
sink = Sink(shape=network.out.shape, buffer=ticks)
source.s_out.connect(network.inp)
network.out.connect(sink.a_in)
network.run(condition=RunSteps(ticks), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
spikes = sink.data.get()
network.stop()
np.save("out.npy", spikes.transpose(3, 2, 1, 0))
"""


@pytest.mark.parametrize("banked", [False, True])
def test_a_template_is_written_by_the_host(tmp_path: Path, banked: bool) -> None:
    """Every frame another template; in a bank, one for every timestep, in two words."""
    network = matched_line(banked=banked, words=2)
    rng = np.random.default_rng(1)
    slots = [template_for(network, rng) for _ in range(2)]
    frames = [frame(network), np.roll(frame(network), 1, axis=2)]
    package = emit_lava(network, tmp_path)
    assert "`slots/z`" in (package / "README.md").read_text()
    runner = IntegerRunner(network)
    ours = [runner.run(f, s, record=True) for f, s in zip(frames, slots, strict=True)]
    lava = run_lava(package, frames, slots, time_limit_s=120)
    assert compare(ours, lava) == ()
    assert compare_sums([trace.output for trace in ours], "match", lava) == ()
    assert all(trace.output.any() for trace in ours)
    np.testing.assert_array_equal(lava.spikes["match"][1, -1], ours[1].output)


def test_module_runs_without_nmcompile(tmp_path: Path) -> None:
    network = line()
    package = emit_lava(network, tmp_path / "emitted")
    np.save(tmp_path / "frame.npy", frame(network))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "error:Cannot import module", "-c", STANDALONE],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Cannot import" not in done.stderr
    golden = IntegerRunner(network).run(frame(network), record=True)
    found = np.load(tmp_path / "out.npy")[2 : 2 + network.timesteps]
    np.testing.assert_array_equal(found, golden.spikes["n1"])
    assert golden.spikes["n1"].any()


def test_changed_weight_is_detected(tmp_path: Path) -> None:
    network = line()
    package = emit_lava(network, tmp_path)
    weights = dict(np.load(package / "weights.npz"))
    weights["c1.weight"][0, 0, 1, 0] ^= 32
    np.savez(package / "weights.npz", **weights)
    lava = run_lava(package, [frame(network)], time_limit_s=60)
    mismatches = compare([IntegerRunner(network).run(frame(network), record=True)], lava)
    assert mismatches
    with pytest.raises(NmError) as caught:
        require_equal(network.name, mismatches)
    assert caught.value.codes == ("NM0402",)
    assert caught.value.exit_code == 5


def test_crash_inside_a_lava_process_ends_the_run_at_once(tmp_path: Path) -> None:
    network = line()
    package = emit_lava(network, tmp_path)
    source = (package / "neurons.py").read_text()
    (package / "neurons.py").write_text(source.replace("a = self.a_in.recv()", "1 / 0"))
    with pytest.raises(NmError) as caught:
        run_lava(package, [frame(network)], time_limit_s=250)  # Lava alone hangs
    assert (caught.value.codes, caught.value.exit_code) == (("NM0702",), 6)
    assert "ZeroDivisionError: division by zero" in caught.value.diagnostics[0].notes


def test_compare_names_what_differs() -> None:
    network = line()
    ours = IntegerRunner(network).run(frame(network), record=True)
    spikes = {name: train[None].copy() for name, train in ours.spikes.items()}
    lava = LavaResult(spikes, {}, {n: v[None] for n, v in ours.v_final.items()}, (), 0.0)
    assert compare([ours], lava) == ()
    spikes["n1"][0, 3, 2, 1, 0] ^= 1
    (found,) = compare([ours], lava)
    assert "frame 1, spikes of `n1`: 1 differ, first at (3, 2, 1, 0)" in found
    assert len(compare([ours, ours], lava)) > 1


def test_emission_is_reproducible(tmp_path: Path) -> None:
    first, second = (emit_lava(line(), tmp_path / name) for name in ("a", "b"))
    names = sorted(p.name for p in first.iterdir())
    assert names == sorted(p.name for p in second.iterdir())
    assert {"__init__.py", "network.py", "weights.npz", "lava_shim.py", "README.md"} <= set(names)
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize("name", ["random", "numpy", "layer", "1/4 scale", "run"])
def test_awkward_names(tmp_path: Path, name: str) -> None:
    """A package must not hide a module, nor a layer an attribute of the process."""
    nodes = [replace(n, inputs=tuple(_renamed(i) for i in n.inputs)) for n in line().nodes]
    network = Network(name, tuple(replace(n, name=_renamed(n.name)) for n in nodes), 4)
    package = emit_lava(network, tmp_path)
    assert package.name == package_name(name)
    assert package.name.isidentifier()
    assert importlib.util.find_spec(package.name) is None
    text = (package / "network.py").read_text()
    ast.parse(text)
    assert "self.run_2 = Layer(" in text


def _renamed(node: str) -> str:
    return {"n0": "run", "n1": "stop/1"}.get(node, node)


def test_unfolded_bias_is_refused(tmp_path: Path) -> None:
    nodes = list(line().nodes)
    weight = np.ones((4, 2, 3, 3), np.int8)
    nodes[1] = Node("c0", ops.Conv2d(Array(weight), Array(np.ones(4, np.int32))), ("input",))
    with pytest.raises(NmError) as caught:
        emit_lava(Network("biased", tuple(nodes), 4), tmp_path)
    assert caught.value.codes == ("NM0301",)  # cores have no such bias either


def test_wide_weights_are_refused(tmp_path: Path) -> None:
    nodes = list(line().nodes)
    weight = np.full((4, 2, 3, 3), 200, np.int16)
    nodes[1] = Node("c0", ops.Conv2d(Array(weight), Array(np.zeros(4, np.int32))), ("input",))
    with pytest.raises(NmError) as caught:
        emit_lava(Network("wide", tuple(nodes), 4), tmp_path)
    assert caught.value.codes == ("NM0390",)
    assert caught.value.exit_code == 3
