"""Types, text and files of the operators of membrane streams and attention."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import infer
from nmcompile.ir.legality import verify
from nmcompile.ir.membrane_ops import (
    Bilinear,
    ChannelGate,
    KeyValue,
    Offset,
    Query,
    Repeat,
    Store,
)
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import NILIF, IntegerNILIF
from nmcompile.ir.program import Program, Step
from nmcompile.ir.serialise import load_program, save_program
from nmcompile.ir.text import program_text
from nmcompile.ir.types import EdgeType

COUNTS = EdgeType("spikes", (16, 4, 4), 3, signed=False)
REAL = EdgeType("values", (16, 4, 4))
ZEROS = Array(np.zeros(16))
NONE = Array(np.zeros(0))


def gate(places: int) -> ChannelGate:
    half = Array(np.zeros(places // 2))
    return ChannelGate(Array(np.zeros((places // 2, places))), half, half, Array(0.0), NONE, 2)


@pytest.mark.parametrize(
    ("op", "inputs", "wanted"),
    [
        (Offset(ZEROS), [REAL], REAL),
        (Offset(ZEROS, bits=24), [REAL], EdgeType("values", (16, 4, 4), 24)),
        (Repeat(3), [COUNTS], EdgeType("spikes", (48, 4, 4), 3, signed=False)),
        (Bilinear(2), [REAL], EdgeType("values", (16, 8, 8))),
        (KeyValue(8), [COUNTS, COUNTS], EdgeType("values", (8, 2, 2), 10, signed=False)),
        (Store("m"), [COUNTS], COUNTS),
        (gate(16), [COUNTS], EdgeType("values", (8, 4, 4))),
        (ops.Neuron(NILIF(NONE)), [REAL], EdgeType("spikes", (16, 4, 4), 3, signed=False)),
    ],
)
def test_types(op: ops.Op, inputs: list[EdgeType], wanted: EdgeType) -> None:
    assert infer(op, tuple(inputs), "layer") == wanted


def test_a_scaled_enlargement_is_wider() -> None:
    edge = EdgeType("values", (2, 3, 3), 20)
    assert infer(Bilinear(4, scaled=True), (edge,), "layer").bits == 26


def test_steps_of_a_memory_are_heads() -> None:
    memory = EdgeType("values", (8, 2, 5))
    assert infer(Query(8), (COUNTS, memory), "layer").shape == (40, 4, 4)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (Offset(Array(np.zeros(3))), [REAL]),
        (Offset(ZEROS, Array(np.zeros(3))), [REAL]),
        (Repeat(0), [REAL]),
        (Bilinear(0), [REAL]),
        (KeyValue(3), [COUNTS, COUNTS]),
        (KeyValue(4), [COUNTS, EdgeType("spikes", (16, 2, 4), 3)]),
        (Query(4), [COUNTS, EdgeType("values", (8, 2, 5))]),
        (Store(""), [COUNTS]),
        (gate(9), [COUNTS]),
        (ops.Neuron(NILIF(NONE, levels=0)), [REAL]),
        (ops.Neuron(NILIF(NONE, stacked=2)), [REAL]),
        (ops.Neuron(NILIF(Array(np.zeros((2, 3))))), [REAL]),
        (ops.Neuron(IntegerNILIF(Array(0), Array(0), NONE)), [REAL]),
    ],
)
def test_what_does_not_fit_is_refused(op: ops.Op, inputs: list[EdgeType]) -> None:
    with pytest.raises(NmError) as refused:
        infer(op, tuple(inputs), "layer")
    assert refused.value.codes == ("NM0201",)


def test_programs_with_them_are_files_and_text(tmp_path: Path) -> None:
    nodes = [Node("input", ops.Input("values", (16, 4, 4)))]
    for index, op in enumerate(
        (
            *(Offset(ZEROS, Array(np.int32(2)), 24), ops.Neuron(NILIF(NONE)), gate(16)),
            *(Repeat(2), Bilinear(2), Store("kept"), ops.Output()),
        )
    ):
        nodes.append(Node(f"n{index}", op, (nodes[-1].name,), f"layer.{index}"))
    program = Program(
        "streams",
        "float",
        (Network("one", tuple(nodes)),),
        (Step("one", "every_frame", "chip", "one"),),
    )
    verify(program)
    save_program(program, tmp_path / "program")
    again = load_program(tmp_path / "program")
    assert again == program
    assert again.digest == program.digest
    assert "Store(slot=kept)" in program_text(again)
