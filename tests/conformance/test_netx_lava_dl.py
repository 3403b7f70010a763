"""`.net` files against lava-dl's own loader on Lava: read by us, and written by us.

Needs lava-dl (`pip install --no-deps --ignore-requires-python lava-dl==0.6.0`), not torch.
NMCOMPILE_NETX_RANDOM random networks are compared (default 6).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import lava_dl
from support.data import DATA
from support.netx import random_layers, write_layers

from nmcompile.backends.loihi.netx.writer import write_net
from nmcompile.frontends import load
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.reference.integer import IntegerRunner

pytest.importorskip("lava")
pytestmark = [pytest.mark.lava, pytest.mark.slow]
try:
    importlib.metadata.version("lava-dl")
except importlib.metadata.PackageNotFoundError:
    pytest.skip("lava-dl is not installed", allow_module_level=True)

NETX = DATA / "netx"
RANDOM = int(os.environ.get("NMCOMPILE_NETX_RANDOM", "6"))
TIME_LIMIT_S = 30 + 12 * RANDOM

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One inference: the golden output, and what Lava must be told for the same.

    Attributes:
        job: see `support.lava_dl`. golden: `(T, ...)`. late: steps that Lava is behind.
    """

    job: dict[str, Any]
    golden: Numbers
    late: int


def network_of(path: Path, timesteps: int) -> Network:
    """The imported network at another T."""
    network: Network = load(path).program.networks[0]
    return network.replace(timesteps=timesteps)


def case_of(path: Path, network: Network, stimulus: Numbers) -> Case:
    """The job of one inference. Shapes are reversed, time comes last, in Lava."""
    golden = np.asarray(IntegerRunner(network).run(stimulus).output)
    op = network.input.op
    assert isinstance(op, ops.Input)
    job: dict[str, Any] = {"net": str(path), "message_bits": 0, "reset_interval": 0}
    if any(network.of_type(ops.Delay)) and op.signed and op.kind == "spikes":
        source = stimulus.transpose()
        return Case({**job, "steps": len(stimulus), "reset_offset": 0, "source": source}, golden, 0)
    synaptic = {n.label for n in network.of_type(ops.Conv2d, ops.Linear)}
    steps = network.timesteps + len(synaptic)
    job |= {"steps": steps, "reset_interval": steps + 9}
    if op.kind == "values":
        return Case({**job, "reset_offset": 0, "bias": stimulus.T}, golden, len(synaptic))
    first = next(network.of_type(ops.Conv2d, ops.Linear))
    flat = isinstance(first.op, ops.Linear)
    train = stimulus.reshape(len(stimulus), -1) if flat else stimulus
    silence = np.zeros((len(synaptic), *train.shape[1:]), train.dtype)
    source = np.concatenate([train, silence]).transpose().astype(np.int32)
    return Case({**job, "reset_offset": 1, "source": source}, golden, len(synaptic))


def seeded(network: Network, rng: np.random.Generator) -> Numbers:
    """A stimulus: a video of few changes, biases, or binary spikes."""
    op, steps = network.input.op, network.timesteps
    assert isinstance(op, ops.Input)
    if op.kind == "values":
        return rng.integers(-5, 90, op.shape)
    if op.bits == 1:
        return (rng.random((steps, *op.shape)) < 0.3).astype(np.uint8)
    video = rng.integers(-40, 41, (steps, *op.shape))
    for step in range(1, steps):
        changed = rng.random(op.shape) < 0.2
        video[step] = np.where(changed, video[step], video[step - 1])
    return video


def require_equal(folder: Path, cases: dict[str, Case]) -> None:
    """Run all cases in one process of Lava and compare."""
    for name, case in cases.items():
        np.savez(folder / f"{name}.npz", **case.job)
    (folder / "jobs.json").write_text(json.dumps(list(cases)))
    script = [sys.executable, lava_dl.__file__, str(folder)]
    subprocess.run(script, check=True, timeout=TIME_LIMIT_S)
    for name, case in cases.items():
        output = np.load(folder / f"{name}.out.npz")["output"].transpose()
        found = output[case.late : case.late + len(case.golden)]
        np.testing.assert_array_equal(found, case.golden, err_msg=name)


def test_random_networks(tmp_path: Path) -> None:
    """What we read, and what we write, is what lava-dl's loader computes."""
    cases = {}
    for seed in range(RANDOM):
        rng = np.random.default_rng(seed)
        path = write_layers(
            tmp_path / f"{seed}.net", random_layers(rng, ("sdnn", "cuba")[seed % 2])
        )
        network = network_of(path, 14)
        stimulus = seeded(network, rng)
        cases[f"{seed}_read"] = case_of(path, network, stimulus)
        write_net(network, tmp_path / f"{seed}_ours.net")
        cases[f"{seed}_written"] = case_of(tmp_path / f"{seed}_ours.net", network, stimulus)
    require_equal(tmp_path, cases)
    assert sum(np.count_nonzero(case.golden) for case in cases.values()) > 0


@pytest.mark.data
def test_networks_of_lava_dl(tmp_path: Path) -> None:
    """Three networks that lava-dl's authors trained."""
    cases = {}
    for name, timesteps in (("tiny", 64), ("mnist_cuba", 40), ("gts_pilotnet_sdnn", 14)):
        path = NETX / f"{name}.net"
        network = network_of(path, timesteps)
        cases[name] = case_of(path, network, seeded(network, np.random.default_rng(1)))
        assert np.any(cases[name].golden)
    require_equal(tmp_path, cases)
