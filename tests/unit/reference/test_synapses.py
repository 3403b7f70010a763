"""Both kernels of a linear operator against plain sums, their choice, and what they count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import sum_bound
from nmcompile.ir.network import Node
from nmcompile.ir.types import EdgeType
from nmcompile.reference import synapses
from nmcompile.reference.dense import EXACT_LIMIT
from nmcompile.reference.synapses import Synapses, dense_pays

Ints = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def all_threads() -> Iterator[None]:
    yield
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[ops.Conv2d, tuple[int, int, int]]:
    """Any window on any image: strided, padded, dilated, grouped, depthwise, biased."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.sampled_from([1, 2, 3]))
    per_in, per_out = draw(st.integers(1, 3)), draw(st.integers(1, 12))
    size, kernel, dilation, padding = [], [], [], []
    for _ in range(2):
        kernel.append(draw(st.integers(1, 4)))
        dilation.append(draw(st.integers(1, 2)))
        padding.append(draw(st.integers(0, 3)))
        span = dilation[-1] * (kernel[-1] - 1) + 1
        size.append(max(1, span - 2 * padding[-1]) + draw(st.integers(0, 6)))
    top = draw(st.sampled_from([1, 12, 127, 300]))
    weight = rng.integers(-top, top + 1, (groups * per_out, per_in, *kernel)).astype(np.int32)
    weight[rng.random(weight.shape) < 0.2] = 0
    bias = rng.integers(-9, 10, groups * per_out).astype(np.int32)
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    pairs: Any = {"stride": stride, "padding": tuple(padding), "dilation": tuple(dilation)}
    return ops.Conv2d(Array(weight), Array(bias), groups=groups, **pairs), (
        groups * per_in,
        size[0],
        size[1],
    )


def plain(op: ops.Conv2d, x: Ints) -> tuple[Ints, int]:
    """Currents `(C_out, H_out, W_out)` and non-zero products of a `(C, H, W)` input."""
    weight = op.weight.data.astype(np.int64)
    out, per_in, k_y, k_x = weight.shape
    (p_y, p_x), (d_y, d_x) = op.padding, op.dilation
    x = np.pad(x.astype(np.int64), ((0, 0), (p_y, p_y), (p_x, p_x)))
    rows = (x.shape[1] - d_y * (k_y - 1) - 1) // op.stride[0] + 1
    columns = (x.shape[2] - d_x * (k_x - 1) - 1) // op.stride[1] + 1
    y, products = np.zeros((out, rows, columns), np.int64), 0
    for o in range(out):
        base = o // (out // op.groups) * per_in
        for i in range(rows):
            for j in range(columns):
                top, left = i * op.stride[0], j * op.stride[1]
                patch = x[base : base + per_in, top : top + d_y * k_y : d_y]
                patch = patch[:, :, left : left + d_x * k_x : d_x][:, :k_y, :k_x]
                y[o, i, j] = (patch * weight[o]).sum() + op.bias.data[o]
                products += int(((patch != 0) & (weight[o] != 0)).sum())
    return y, products


def inputs(kind: str, shape: tuple[int, ...], seed: int) -> tuple[Ints, EdgeType]:
    """A train of three timesteps, one of them empty, and its type."""
    rng = np.random.default_rng(seed)
    if kind == "spikes":
        edge, low, high = EdgeType("spikes", shape, 1, signed=False), 0, 2
    elif kind == "payloads":
        edge, low, high = EdgeType("spikes", shape, 4, signed=False), 0, 16
    else:
        edge, low, high = EdgeType("values", shape, 8, signed=True), -128, 128
    train = rng.integers(low, high, (3, *shape))
    train[rng.random(train.shape) < rng.choice([0.1, 0.7])] = 0
    train[1] = 0
    return train.astype(np.uint8 if kind != "values" else np.int32), edge


def last(x: Ints) -> Ints:
    return np.ascontiguousarray(np.moveaxis(x, -3, -1))


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.sampled_from(["spikes", "payloads", "values"]), st.integers(0, 2**31))
def test_both_kernels_equal_plain_sums(
    drawn: tuple[ops.Conv2d, tuple[int, int, int]], kind: str, seed: int
) -> None:
    op, shape = drawn
    train, edge = inputs(kind, shape, seed)
    executor = Synapses(op, edge, Node("c", op))
    wanted, products = zip(*(plain(op, x) for x in train), strict=True)
    x = last(train)
    everything = np.arange(len(x))
    events, matrix = (np.empty((len(x), *executor.shape), np.int32) for _ in range(2))
    packed = executor.pack(x)
    executor.by_events(packed, events, everything)
    executor.by_matrix(x, matrix, everything)
    np.testing.assert_array_equal(events, last(np.stack(wanted)))
    assert packed.synapses == sum(products)
    np.testing.assert_array_equal(packed.counts, np.count_nonzero(train, axis=(1, 2, 3)))
    assert executor.float32_is_exact
    np.testing.assert_array_equal(matrix, events)
    np.testing.assert_array_equal(executor.advance(len(x), x), events)
    assert executor.arrived == sum(products)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 700), st.integers(1, 40), st.sampled_from([12, 127, 30_000]), st.booleans())
def test_sums_wider_than_their_accumulators_would_show(
    size: int, out: int, top: int, ones: bool
) -> None:
    rng = np.random.default_rng(size)
    weight = rng.integers(-top, top + 1, (out, size)).astype(np.int32)
    weight[0] = top
    op = ops.Linear(Array(weight), Array(np.zeros(out, np.int32)))
    x = np.ones(size, np.uint8) if ones else rng.integers(0, 2, size).astype(np.uint8)
    edge = EdgeType("spikes", (size,), 1, signed=False)
    executor = Synapses(op, edge, Node("fc", op))
    packed = executor.pack(x.reshape(1, 1, 1, -1))
    currents = np.empty((1, 1, 1, out), np.int32)
    executor.by_events(packed, currents, np.arange(1))
    np.testing.assert_array_equal(currents.ravel(), weight.astype(np.int64) @ x)
    np.testing.assert_array_equal(executor.step(x), weight.astype(np.int64) @ x)
    assert executor.arrived == int(((weight != 0) & (x != 0)).sum())


def test_threads_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    op = ops.Conv2d(
        Array(rng.integers(-20, 21, (10, 3, 3, 2)).astype(np.int8)),
        Array(np.zeros(10, np.int32)),
        (2, 1),
        (1, 1),
        groups=2,
    )
    edge = EdgeType("spikes", (6, 13, 9), 1, signed=False)
    executor = Synapses(op, edge, Node("c", op))
    x = (rng.random((4, 13, 9, 6)) < 0.3).astype(np.uint8)
    found = []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        matrix = np.empty((4, *executor.shape), np.int32)
        executor.by_matrix(x, matrix, np.arange(4))
        found.append((executor.advance(4, x), matrix, executor.arrived))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every call of the dense kernel leave a mark."""
    calls: list[int] = []
    real = synapses.dense_conv

    def called(*arguments: Any) -> int:
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(synapses, "dense_conv", called)
    return calls


def layer(weight: int, bits: int, channels: int = 64) -> tuple[ops.Conv2d, EdgeType]:
    op = ops.Conv2d(
        Array(np.full((2, channels, 1, 1), weight, np.int32)), Array(np.zeros(2, np.int32))
    )
    return op, EdgeType("values", (channels, 2, 2), bits, signed=False)


def test_each_timestep_has_its_own_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counting(monkeypatch)
    op, edge = layer(100, 8)
    executor = Synapses(op, edge, Node("c", op))
    x = np.zeros((3, 2, 2, 64), np.int32)
    x[0], x[2, 0, 0, 0] = 255, 7
    currents = executor.advance(3, x)
    assert len(calls) == 1
    np.testing.assert_array_equal(currents, np.stack([x.sum(axis=3) * 100] * 2, axis=-1))


def test_a_bound_beyond_float32_means_events(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counting(monkeypatch)
    op, edge = layer(1029, 8)
    assert sum_bound(op.weight, None, edge) > EXACT_LIMIT
    executor = Synapses(op, edge, Node("c", op))
    assert not executor.float32_is_exact
    x = np.full((1, 2, 2, 64), 255, np.int32)
    x[0, 0, 0, 0] = 254
    currents = executor.advance(1, x)
    assert not calls
    # 64 * 255 * 1029 - 1029 is odd and above 2^24: float32 cannot hold it.
    assert currents[0, 0, 0, 0] == 64 * 255 * 1029 - 1029
    assert float(np.float32(currents[0, 0, 0, 0])) != currents[0, 0, 0, 0]


def test_an_input_out_of_its_range_means_events(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counting(monkeypatch)
    op, edge = layer(100, 8)
    executor = Synapses(op, edge, Node("c", op))
    assert executor.float32_is_exact
    x = np.full((1, 2, 2, 64), 70_001, np.int32)
    assert executor.advance(1, x)[0, 0, 0, 0] == 64 * 70_001 * 100
    assert not calls


def test_a_sum_beyond_int32_is_refused() -> None:
    op, edge = layer(2**22, 8)
    with pytest.raises(NmError) as caught:
        Synapses(op, edge, Node("c", op))
    assert caught.value.codes == ("NM0203",)


def test_the_choice_follows_activity() -> None:
    assert not dense_pays(0.2, graded=True, wide=True)
    assert dense_pays(1.0, graded=True, wide=True)
    assert dense_pays(0.9, graded=False, wide=True)
    assert not dense_pays(0.9, graded=False, wide=False)
