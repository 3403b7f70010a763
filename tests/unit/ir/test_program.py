"""Programs: identity by content, text, storage, legality."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from support.messages import video
from support.nets import spiking_networks, tiny_siamese

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.legality import verify
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.ir.serialise import load_program, save_program
from nmcompile.ir.text import program_text


def test_arrays_are_equal_by_content_and_read_only() -> None:
    one, two = Array(np.arange(4)), Array(np.arange(4))
    assert one == two
    assert hash(one) == hash(two)
    assert one != Array(np.arange(4, dtype=np.int32))
    with pytest.raises(ValueError, match="read-only"):
        one.data[0] = 9


def test_digest_sees_one_weight() -> None:
    program = tiny_siamese()
    conv = program.network("search").by_name["conv2"].op
    assert isinstance(conv, ops.Conv2d)
    weight = conv.weight.data.copy()
    weight[0, 0, 0, 0] += 1e-9

    def change(node: Node) -> Node:
        if node.name != "conv2":
            return node
        return dataclasses.replace(node, op=dataclasses.replace(conv, weight=Array(weight)))

    changed = program.map_networks(lambda n: n.map_nodes(change))
    assert changed.digest != program.digest
    assert tiny_siamese().digest == program.digest


@settings(max_examples=20, deadline=None)
@given(network=spiking_networks())
def test_saved_programs_come_back_equal(
    network: Network, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("program")
    program = Program("p", "golden", (network,), (Step("s", "every_frame", "chip", "random"),))
    verify(program)
    save_program(program, folder / "a")
    back = load_program(folder / "a")
    assert back == program
    assert back.digest == program.digest
    save_program(back, folder / "b")
    for suffix in (".json", ".safetensors"):
        assert (folder / f"a{suffix}").read_bytes() == (folder / f"b{suffix}").read_bytes()


def test_damaged_program_is_a_diagnostic(tmp_path: Path) -> None:
    save_program(tiny_siamese(), tmp_path / "p")
    (tmp_path / "p.json").write_text('{"format": "something"}')
    with pytest.raises(NmError) as caught:
        load_program(tmp_path / "p")
    assert caught.value.codes == ("NM0524",)


def test_text_shows_types_and_the_users_names() -> None:
    text = program_text(tiny_siamese())
    assert "%conv1 = Conv2d(" in text
    assert "# backbone.conv1.0" in text
    assert "values real [8,14,14]" in text


def test_shape_errors_name_the_layer() -> None:
    nodes = (
        Node("input", ops.Input("values", (3, 4, 4))),
        Node(
            "c",
            ops.Conv2d(Array(np.zeros((2, 5, 3, 3))), Array(np.zeros(2))),
            ("input",),
            "my.conv",
        ),
    )
    with pytest.raises(NmError) as caught:
        _ = Network("n", nodes).types
    assert caught.value.diagnostics[0].where == "my.conv"


def test_illegal_levels_are_reported_all_at_once() -> None:
    program = dataclasses.replace(tiny_siamese(), level="integer")
    with pytest.raises(NmError) as caught:
        verify(program)
    assert set(caught.value.codes) == {"NM0202"}
    assert len(caught.value.diagnostics) > 5


def test_networkx_view() -> None:
    graph = tiny_siamese().network("search").to_networkx()
    assert list(graph.successors("conv1")) == ["relu1"]


def test_messages_and_delays_come_back_equal(tmp_path: Path) -> None:
    step = Step("video", "every_frame", "chip", "video")
    program = Program("p", "golden", (video(),), (step,))
    verify(program)
    save_program(program, tmp_path / "p")
    assert load_program(tmp_path / "p") == program
    text = program_text(program)
    assert "%late = Delay(ticks=3) (%flat) : spikes s24 [120]" in text
    assert "SigmaDelta(receives=changes, sends=changes, activation=relu" in text
