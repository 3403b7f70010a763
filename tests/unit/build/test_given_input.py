"""`--input FILE.npy`: orders of axes, ranges, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nmcompile.build.given_input import frames_from
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step

T = 4
VIDEO = np.arange(T * 2 * 3 * 5).reshape(T, 2, 3, 5) - 60


def program(entry: ops.Input, timesteps: int = T) -> Program:
    nodes = (Node("input", entry), Node("output", ops.Output(), ("input",)))
    network = Network("main", nodes, timesteps)
    step = Step("main", "every_frame", "chip", network="main")
    return Program("p", "integer", (network,), (step,))


def spikes(shape: tuple[int, ...] = (2, 3, 5), bits: int = 9) -> Program:
    return program(ops.Input("spikes", shape, bits, signed=bits > 1))


def given(path: Path, values: npt.ArrayLike, of: Program, count: int = 9) -> list[Any]:
    np.save(path / "x.npy", np.asarray(values))
    return [f.frame for f in frames_from(path / "x.npy", of, count)]


def test_trains(tmp_path: Path) -> None:
    """(T, C, H, W), several of them, and Lava's (W, H, C, T) are the same video."""
    for values in (VIDEO, VIDEO[None], VIDEO.transpose(), VIDEO.astype(np.float32)):
        (frame,) = given(tmp_path, values, spikes())
        np.testing.assert_array_equal(frame, VIDEO)
        assert frame.dtype == np.int32
    both = given(tmp_path, np.stack([VIDEO, VIDEO[::-1]]), spikes())
    np.testing.assert_array_equal(both[1], VIDEO[::-1])
    assert len(given(tmp_path, np.stack([VIDEO] * 5), spikes(), count=3)) == 3


def test_length_of_a_train(tmp_path: Path) -> None:
    """A short one starts anew, as Lava's ring buffer does; a long one is several inferences."""
    (frame,) = given(tmp_path, VIDEO[:3], spikes())
    np.testing.assert_array_equal(frame, VIDEO[[0, 1, 2, 0]])
    frames = given(tmp_path, np.concatenate([VIDEO, VIDEO[::-1], VIDEO[:2]]), spikes())
    assert len(frames) == 2
    np.testing.assert_array_equal(frames[1], VIDEO[::-1])


def test_binary_vectors(tmp_path: Path) -> None:
    train = (np.arange(T * 7).reshape(T, 7) % 3 == 0).astype(int)
    for values in (train, train.T):
        (frame,) = given(tmp_path, values, spikes((7,), bits=1))
        np.testing.assert_array_equal(frame, train)
        assert frame.dtype == np.uint8
    (frame,) = given(tmp_path, train, spikes((7, 1, 1), bits=1))
    assert frame.shape == (T, 7, 1, 1)


def test_values(tmp_path: Path) -> None:
    of = program(ops.Input("values", (2, 3, 5), 13, signed=True))
    for values in (VIDEO[0], VIDEO[:1], VIDEO[0].transpose()):
        (frame,) = given(tmp_path, values, of)
        np.testing.assert_array_equal(frame, VIDEO[0])
    assert len(given(tmp_path, VIDEO, of)) == T


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (VIDEO[:, :, :2], "shape"),
        (VIDEO * 10, "-600..590"),
        (VIDEO + 0.5, "no whole numbers"),
        (np.full(VIDEO.shape, np.nan), "no whole numbers"),
        (np.array(["a"]), "<U1"),
        (np.zeros((0, 2, 3, 5)), "float64"),
    ],
)
def test_unsuitable(tmp_path: Path, values: Any, found: str) -> None:
    with pytest.raises(NmError) as caught:
        given(tmp_path, values, spikes())
    diagnostic = caught.value.diagnostics[0]
    assert diagnostic.code == "NM0145"
    assert found in diagnostic.found


def test_not_an_array(tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("hello")
    np.savez(tmp_path / "two.npz", a=VIDEO)
    np.save(tmp_path / "objects.npy", np.array([None]), allow_pickle=True)
    for name in ("text.npy", "two.npz", "objects.npy", "missing.npy"):
        with pytest.raises(NmError) as caught:
            frames_from(tmp_path / name, spikes(), 2)
        assert caught.value.codes == ("NM0145",), name


def test_only_one_network_reads(tmp_path: Path) -> None:
    of = spikes()
    first = Step("first", "on_init", "chip", network="main")
    two = Program("p", "integer", of.networks, (first, *of.schedule))
    with pytest.raises(NmError):
        given(tmp_path, VIDEO, two)
