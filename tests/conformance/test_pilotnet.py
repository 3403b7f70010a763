"""PilotNet as a sigma-delta network of lava-dl: its reference output, on the network and on cores.

The file, its input and its output are those of lava-dl's own test
(tests/lava/lib/dl/netx/test_hdf5.py, `test_pilotnet_sdnn`): one image, sent again at each of nine
timesteps, one timestep for each of the nine layers. The output holds what the biases make of the
layers before the image arrives; the last of the nine numbers is the first answer to it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.data import DATA

from nmcompile.build.compiled import Options, compile_model
from nmcompile.build.given_input import frames_from
from nmcompile.frontends import load
from nmcompile.ir import ops
from nmcompile.passes.recipe import Recipe
from nmcompile.reference.integer import IntegerRunner
from nmcompile.target import load_target

pytestmark = pytest.mark.data
FOLDER = DATA / "netx"
NET = FOLDER / "gts_pilotnet_sdnn.net"
INPUT = FOLDER / "gts_pilotnet_sdnn_input.npy"


@pytest.fixture(scope="module")
def wanted() -> np.ndarray:
    """The nine numbers."""
    return np.load(FOLDER / "gts_pilotnet_sdnn_output.npy").ravel()


def output(net: Path, timesteps: int, *, delays: bool = True) -> np.ndarray:
    """What the network makes of the image."""
    program = load(net).program
    network = program.networks[0].replace(timesteps=timesteps)
    if not delays:
        network = network.map_nodes(lambda n: None if isinstance(n.op, ops.Delay) else n)
    program = program.map_networks(lambda _: network)
    (frame,) = frames_from(INPUT, program, 1)
    return np.asarray(IntegerRunner(network).run(frame.frame).output).ravel()


def test_reference_output(wanted: np.ndarray) -> None:
    """All nine numbers, bit for bit; then the answer stays, because the image does."""
    found = output(NET, 12)
    np.testing.assert_array_equal(found[:9], wanted)
    assert np.all(found[8:] == wanted[8])


def test_the_layers_do_not_wait(wanted: np.ndarray) -> None:
    """If every layer began with its first input, the thresholds would swallow the answer."""
    assert wanted[8] == -31026
    assert output(NET, 4, delays=False).tolist() == [0, 0, 0, 0]


def test_reference_output_on_cores(wanted: np.ndarray) -> None:
    """The mapped cores of a Loihi 2 compute the same numbers."""
    options = Options(recipe=Recipe(timesteps=9), spread=False, input=INPUT)
    build = compile_model(load(NET), load_target("loihi2"), options, lambda _: None)
    (result,) = build.verifications
    assert result.equal
    assert result.neurons > 40_000
    (given,) = build.inputs["main"]
    np.testing.assert_array_equal(
        np.asarray(IntegerRunner(build.golden.networks[0]).run(given.stimulus).output).ravel(),
        wanted,
    )
