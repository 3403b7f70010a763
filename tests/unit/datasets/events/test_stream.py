"""Event streams and windows of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.datasets.events.stream import EventStream, concatenated
from nmcompile.datasets.events.windows import Window, count_tensor, spike_tensor, spike_tensors
from nmcompile.diagnostics import NmError

WIDTH, HEIGHT = 12, 9


def stream(rows: list[tuple[int, int, int, bool]]) -> EventStream:
    ordered = sorted(rows, key=lambda row: row[0])
    columns = np.array([[int(v) for v in row] for row in ordered], np.int64).reshape(-1, 4).T
    return EventStream(columns[0], columns[1], columns[2], columns[3], WIDTH, HEIGHT)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 99), st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.booleans()
    ),
    max_size=60,
).map(stream)


def brute(events: EventStream, start_us: int, window: Window) -> npt.NDArray[np.int32]:
    """The tensor, event by event, with exact fractions instead of floating point."""
    counts = np.zeros((window.steps, 2, window.height, window.width), np.int32)
    left, top, width, height = (int(v) for v in window.crop or (0, 0, WIDTH, HEIGHT))
    for t, x, y, p in zip(events.t_us, events.x, events.y, events.p, strict=True):
        late = int(t) - start_us
        column = (2 * (int(x) - left) + 1) * window.width // (2 * width)
        row = (2 * (int(y) - top) + 1) * window.height // (2 * height)
        inside = 0 <= column < window.width and 0 <= row < window.height
        if 0 <= late < window.duration_us and inside:
            counts[late * window.steps // window.duration_us, int(p), row, column] += 1
    return counts


@settings(max_examples=80, deadline=None)
@given(
    EVENTS,
    st.integers(-10, 60),
    st.integers(4, 70),
    st.integers(1, 4),
    st.sampled_from([(9, 12), (4, 5), (3, 3), (1, 1), (18, 24), (7, 4)]),
    st.sampled_from([None, (2, 1, 6, 6), (-3, -2, 9, 7), (5, 4, 20, 3)]),
)
def test_windows_equal_enumeration(
    events: EventStream,
    start_us: int,
    duration_us: int,
    steps: int,
    size: tuple[int, int],
    crop: tuple[int, int, int, int] | None,
) -> None:
    window = Window(duration_us, steps, *size, crop=crop)
    counts = count_tensor(events, start_us, window)
    np.testing.assert_array_equal(counts, brute(events, start_us, window))
    spikes = spike_tensor(events, start_us, window)
    assert spikes.dtype == np.uint8
    np.testing.assert_array_equal(spikes, counts > 0)
    starts = [start_us, start_us + 3]
    np.testing.assert_array_equal(
        spike_tensors(events, starts, window),
        [spike_tensor(events, start, window) for start in starts],
    )


@given(EVENTS, st.integers(0, 100))
def test_parts_are_the_whole(events: EventStream, cut: int) -> None:
    """Slices join to the stream; nothing depends on where it is cut."""
    parts = [events.between(0, cut), events.between(cut, 100)]
    assert sum(len(part) for part in parts) == len(events)
    assert concatenated(parts, WIDTH, HEIGHT).digest() == events.digest()
    assert (parts[0].t_us < cut).all()
    assert (parts[1].t_us >= cut).all()


def test_the_digest_tells_every_column_and_the_sensor() -> None:
    events = stream([(3, 1, 2, True), (5, 4, 2, False)])
    others = (
        stream([(3, 1, 2, True), (6, 4, 2, False)]),
        stream([(3, 1, 2, True), (5, 5, 2, False)]),
        stream([(3, 1, 2, True), (5, 4, 3, False)]),
        stream([(3, 1, 2, True), (5, 4, 2, True)]),
        EventStream(events.t_us, events.x, events.y, events.p, WIDTH, HEIGHT + 1),
        events.shifted(1),
    )
    assert len({events.digest(), *(other.digest() for other in others)}) == 7


def test_streams_are_read_only_and_ordered() -> None:
    """Arrays cannot be written through a stream; disorder and strange pixels are refused."""
    events = stream([(3, 1, 2, True)])
    with pytest.raises(ValueError, match="read-only"):
        events.x[0] = 3
    two = np.array([1, 0])
    with pytest.raises(ValueError, match="decrease"):
        EventStream(np.array([5, 4]), two, two, two, WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="outside"):
        EventStream(np.array([4, 5]), two + WIDTH, two, two, WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="length"):
        EventStream(np.array([4, 5, 6]), two, two, two, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "values",
    [(0, 1, 4, 4), (3, 4, 4, 4), (10, 0, 4, 4), (10, 1, 0, 4), (10, 1, 4, 4, (0, 0, 0, 4))],
)
def test_windows_that_do_not_exist(values: tuple[int, ...]) -> None:
    with pytest.raises(NmError) as caught:
        Window(*values)  # type: ignore[arg-type]
    assert caught.value.diagnostics[0].code == "NM0548"
