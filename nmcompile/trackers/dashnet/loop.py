"""DashNet's tracker: the ANN on every frame, the SNN on every event window, one box per window.

At an output's time the frames taken until then have been through the ANN; the SNN reads the
last T bins of events; the complementary filter joins both boxes (`filter`). The result is where
both networks look next (`view`), and what the attention mask shows the ANN (eq. 10): so does each
network help the other. How long a network computes is not modelled here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.datasets.events.simulator import grey_of
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.trackers.dashnet.attention import attended
from nmcompile.trackers.dashnet.filter import complement, snn_weight
from nmcompile.trackers.dashnet.params import HybridParams
from nmcompile.trackers.dashnet.view import View

__all__ = ["HybridEngine", "HybridTrack", "Mode", "track_hybrid"]

Boxes = npt.NDArray[np.float64]
Mode = Literal["hybrid", "ann", "snn"]
Tick = Callable[[], None]


class HybridEngine(Protocol):
    """Both networks, at any level.

    Attributes:
        input_size: side of the networks' input, pixels. timesteps: T of the SNN.
    """

    @property
    def input_size(self) -> int:
        """Side of the networks' input, pixels."""

    @property
    def timesteps(self) -> int:
        """T of the SNN."""

    def frame(self, image: npt.NDArray[np.uint8]) -> Boxes:
        """The ANN's box `(4,)` for a view and its attended form, `(2, S, S)` uint8."""

    def window(self, spikes: npt.NDArray[np.uint8]) -> Boxes:
        """The SNN's box `(4,)` for a window of events, `(T, 2, S, S)` of 0 and 1."""


@dataclass(frozen=True, eq=False)
class HybridTrack:
    """One tracked recording. Boxes are x, y, w, h in sensor pixels.

    Attributes:
        sequence: its name. mode: which networks took part.
        times_us: `(Q,)` when there is an output.
        boxes: `(Q, 4)` the outputs.
        snn_boxes: `(Q, 4)` where the SNN's answers led; NaN where it did not run.
        snn_weights: `(Q,)` the SNN's weight in the output, omega of eq. 8.
        frame_times_us: `(P,)` when the ANN ran.
        ann_boxes: `(P, 4)` where the ANN's answers led.
        snn_runs: windows with events in the view, the only ones for which the SNN ran.
    """

    sequence: str
    mode: Mode
    times_us: npt.NDArray[np.int64]
    boxes: Boxes
    snn_boxes: Boxes
    snn_weights: npt.NDArray[np.float64]
    frame_times_us: npt.NDArray[np.int64]
    ann_boxes: Boxes
    snn_runs: int

    @property
    def ann_runs(self) -> int:
        """Frames that the ANN saw."""
        return len(self.ann_boxes)


def output_times(sequence: HybridSequence, params: HybridParams) -> npt.NDArray[np.int64]:
    """When a tracker answers: every period after the start, to the end of frames and events."""
    start = _start(sequence)
    end = max(
        int(sequence.frame_times_us[-1]) if len(sequence) else start,
        int(sequence.events.t_us[-1]) if len(sequence.events) else start,
    )
    count = int((end - start) * 1e-6 / params.period_s + 1e-3)
    times = start + np.rint(np.arange(1, count + 1) * params.period_s * 1e6)
    return np.asarray(times, np.int64)


def track_hybrid(
    engine: HybridEngine,
    sequence: HybridSequence,
    params: HybridParams,
    init_box: Sequence[float] | None = None,
    mode: Mode = "hybrid",
    tick: Tick = lambda: None,
) -> HybridTrack:
    """Track one object through a recording, from its first box on.

    Args:
        engine: the two networks.
        sequence: frames and events of one clock.
        params: rates and units.
        init_box: x, y, w, h where the recording starts; by default its first true box.
        mode: "hybrid"; "ann" holds the ANN's box between frames; "snn" never asks the ANN.
        tick: called after every output.

    Raises:
        NmError: NM0519 without any first box.
    """
    run = _Run(engine, sequence, params, mode, _first_box(sequence, init_box))
    for time_us in output_times(sequence, params):
        run.advance(int(time_us))
        tick()
    return run.result()


class _Run:
    """State of one track: the last box, the ANN's last box and its time."""

    def __init__(
        self,
        engine: HybridEngine,
        sequence: HybridSequence,
        params: HybridParams,
        mode: Mode,
        box: Boxes,
    ) -> None:
        self._engine, self._sequence, self._params, self._mode = engine, sequence, params, mode
        self._box = self._ann_box = self._first = box
        self._frame_us = _start(sequence)
        self._next = int(np.searchsorted(sequence.frame_times_us, self._frame_us, side="right"))
        self._window_us = round(engine.timesteps * params.timestep_s * 1e6)
        self._times: list[int] = []
        self._boxes: list[Boxes] = []
        self._snn: list[Boxes] = []
        self._weights: list[float] = []
        self._frames: list[int] = []
        self._ann: list[Boxes] = []

    def advance(self, time_us: int) -> None:
        """To the output at `time_us`."""
        if self._mode != "snn":
            self._look_at_frames(time_us)
        answer = self._read_events(time_us) if self._mode != "ann" else None
        distance_s = (time_us - self._frame_us) * 1e-6
        weight = 1.0
        if self._mode == "ann":
            self._box, weight = self._ann_box, 0.0
        elif self._mode == "snn":
            self._box = self._box if answer is None else answer
        else:
            # Without events the object has not moved: the last box is the SNN's answer.
            moved = self._box if answer is None else answer
            unit = self._params.time_unit_s
            weight = float(snn_weight(distance_s, unit))
            self._box = complement(moved, self._ann_box, distance_s, unit)
        self._times.append(time_us)
        self._boxes.append(self._box)
        self._snn.append(np.full(4, np.nan) if answer is None else answer)
        self._weights.append(weight)

    def _look_at_frames(self, time_us: int) -> None:
        """Run the ANN on every frame taken since the last output."""
        frame_times = self._sequence.frame_times_us
        while self._next < len(self._sequence) and frame_times[self._next] <= time_us:
            last = self._ann_box if self._mode == "ann" else self._box
            view = View.around(last)
            grey = np.rint(grey_of(self._sequence.frames[self._next])).astype(np.uint8)
            image = view.look(grey, self._engine.input_size)
            both = attended(image, view.inward(last), self._params.sigma_px)
            answer = view.outward(self._engine.frame(both))
            rates = self._params.ann_rate, self._params.ann_size_rate
            self._ann_box = self._followed(last, answer, *rates)
            self._frame_us = int(frame_times[self._next])
            self._frames.append(self._frame_us)
            self._ann.append(self._ann_box)
            self._next += 1

    def _read_events(self, time_us: int) -> Boxes | None:
        """The SNN's box, or None where the view holds no event of the window."""
        view = View.around(self._box)
        spikes = view.spikes(
            self._sequence.events,
            time_us,
            self._window_us,
            self._engine.timesteps,
            self._engine.input_size,
        )
        if not spikes.any():
            return None
        answer = view.outward(self._engine.window(spikes))
        rates = self._params.snn_rate, self._params.snn_size_rate
        return self._followed(self._box, answer, *rates)

    def _followed(self, last: Boxes, answer: Boxes, rate: float, size_rate: float) -> Boxes:
        """The last box moved towards an answer, its sides within the limit."""
        centre = _centre(last) + rate * (_centre(answer) - _centre(last))
        size = last[2:] + size_rate * (answer[2:] - last[2:])
        limit = self._params.size_limit
        size = np.clip(size, self._first[2:] / limit, self._first[2:] * limit)
        return np.concatenate([centre - size / 2.0, size])

    def result(self) -> HybridTrack:
        snn = _rows(self._snn)
        return HybridTrack(
            sequence=self._sequence.name,
            mode=self._mode,
            times_us=np.array(self._times, np.int64),
            boxes=_rows(self._boxes),
            snn_boxes=snn,
            snn_weights=np.array(self._weights, np.float64),
            frame_times_us=np.array(self._frames, np.int64),
            ann_boxes=_rows(self._ann),
            snn_runs=int(np.isfinite(snn[:, 0]).sum()),
        )


def _centre(box: Boxes) -> Boxes:
    return box[:2] + box[2:] / 2.0


def _rows(boxes: list[Boxes]) -> Boxes:
    return np.array(boxes, np.float64).reshape(-1, 4)


def _start(sequence: HybridSequence) -> int:
    """When the first box is known, or the recording starts; microseconds."""
    if sequence.boxes is not None:
        known = np.flatnonzero(np.isfinite(sequence.boxes).all(axis=1))
        if len(known):
            return int(sequence.box_times_us[known[0]])
    starts = [int(t[0]) for t in (sequence.frame_times_us, sequence.events.t_us) if len(t)]
    return min(starts, default=0)


def _first_box(sequence: HybridSequence, given: Sequence[float] | None) -> Boxes:
    if given is not None:
        return np.asarray(given, np.float64)
    if sequence.boxes is not None:
        known = np.flatnonzero(np.isfinite(sequence.boxes).all(axis=1))
        if len(known):
            return np.asarray(sequence.boxes[known[0]], np.float64)
    raise NmError(
        Diagnostic(
            code="NM0519",
            message="the sequence has no first box",
            where=sequence.name,
            help=("give it with --init x,y,w,h",),
        )
    )
