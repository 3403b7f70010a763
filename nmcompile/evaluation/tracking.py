"""Track a sequence with a deployment at any level, and the two baselines beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import ProgramExecutor
from nmcompile.datasets.sequence import VideoSequence, check_init_box
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.evaluation.ope import OpeResult, evaluate
from nmcompile.ir.counters import NetworkCounters
from nmcompile.ir.program import Program
from nmcompile.trackers.loops import loop_of

Boxes = npt.NDArray[np.float64]
Tick = Callable[[], None]


@dataclass(frozen=True)
class TrackResult:
    """One tracked sequence.

    Attributes:
        sequence: its name. level: float, integer, golden or mapped.
        boxes: `(N, 4)` x, y, w, h, one per frame of the annotated part.
        score: against the ground truth; None without one.
        counted: step name -> counters of its runs, all frames, in order.
    """

    sequence: str
    level: str
    boxes: Boxes
    score: OpeResult | None
    counted: dict[str, list[NetworkCounters]]


def run_tracker(
    executor: ProgramExecutor,
    level: str,
    sequence: VideoSequence,
    init_box: tuple[float, ...] | None = None,
    tick: Tick = lambda: None,
) -> TrackResult:
    """Track one sequence from its first box.

    Args:
        executor: of the wanted level; its counters are collected.
        level: name of that level.
        sequence: frames, with boxes unless `init_box` is given.
        init_box: x, y, w, h in the first frame, or None for the first true box.
        tick: called after every frame.

    Raises:
        NmError: NM0519 without any first box, NM0516 when it lies outside the frame.
    """
    part = sequence.annotated() if init_box is None else sequence
    start = init_box if init_box is not None else _first_box(part)
    box = check_init_box(start, part.frames[0])
    boxes = []
    executor.counted.clear()
    for found in loop_of(executor.program).boxes(executor, part, box):
        boxes.append(found)
        tick()
    predicted = np.stack(boxes)
    known = part.boxes is not None and bool(np.isfinite(part.boxes).all(axis=1).any())
    score = evaluate(predicted, part.boxes) if known and part.boxes is not None else None
    return TrackResult(part.name, level, predicted, score, dict(executor.counted))


def with_random_weights(program: Program, seed: int = 0) -> ProgramExecutor:
    """The float program with its weights shuffled within each layer: the baseline to beat.

    Layers that both networks share stay shared.
    """
    from nmcompile.build.execute import reference_executor
    from nmcompile.ir import ops
    from nmcompile.ir.arrays import Array
    from nmcompile.ir.network import Node

    rng = np.random.default_rng(seed)
    shuffled: dict[str, Array] = {}

    def change(node: Node) -> Node:
        if not isinstance(node.op, ops.Conv2d | ops.Linear):
            return node
        if node.label not in shuffled:
            flat = node.op.weight.data.ravel()
            shuffled[node.label] = Array(rng.permutation(flat).reshape(node.op.weight.shape))
        return dataclasses.replace(
            node, op=dataclasses.replace(node.op, weight=shuffled[node.label])
        )

    return reference_executor(program.map_networks(lambda n: n.map_nodes(change)))


def _first_box(sequence: VideoSequence) -> tuple[float, ...]:
    if sequence.boxes is None or sequence.first_box is None:
        raise NmError(
            Diagnostic(
                code="NM0519",
                message="the sequence has no first box",
                where=sequence.name,
                help=("give it with --init x,y,w,h",),
            )
        )
    return tuple(float(v) for v in sequence.boxes[sequence.first_box])
