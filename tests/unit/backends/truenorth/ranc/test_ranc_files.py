"""RANC's two files: what is read, what is refused and where, and what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ranc import Json, config_of

from nmcompile.backends.truenorth.ranc import scan
from nmcompile.backends.truenorth.ranc.frame import bus_text
from nmcompile.backends.truenorth.ranc.importing import import_ranc
from nmcompile.backends.truenorth.ranc.read import read_config, read_ranc
from nmcompile.backends.truenorth.ranc.write import write_ranc
from nmcompile.backends.truenorth.simulator.reference import ReferenceCores
from nmcompile.diagnostics import Diagnostic, NmError

CONFIG = config_of(columns=2, rows=1, num_neurons=2, num_axons=3)


def neuron(**changes: Any) -> Json:
    """A neuron that passes a spike of weight 1 on to the output bus."""
    return {
        "reset_potential": 0,
        "weights": [1, -1, 2, 0],
        "leak": 0,
        "positive_threshold": 1,
        "negative_threshold": 0,
        "destination_core_offset": [1, 0],
        "destination_axon": 0,
        "destination_tick": 0,
        "current_potential": 0,
        "reset_mode": 1,
        **changes,
    }


def example() -> Json:
    """Neuron 0 adds axons 0 and 2 and fires at 2; neuron 1 relays axon 1 back to axon 0."""
    back = {"destination_core_offset": [0, 0], "destination_axon": 0, "destination_tick": 2}
    return {
        "packets": [
            [{"destination_core": [0, 0], "destination_axon": 1, "destination_tick": 0}],
            [{"destination_core": [0, 0], "destination_axon": 2, "destination_tick": 1}],
        ],
        "output_bus": {"coordinates": [1, 0], "num_outputs": 2},
        "cores": [
            {
                "coordinates": [0, 0],
                "axons": [0, 2, 0],
                "neurons": [neuron(positive_threshold=2), neuron(positive_threshold=2, **back)],
                "connections": [[1, 0, 1], [0, 1, 0]],
            }
        ],
    }


def read(folder: Path, network: Any, config: Any = None) -> Any:
    """Write both files, read them."""
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    text = network if isinstance(network, str) else json.dumps(network)
    (folder / "input.json").write_text(text)
    return read_ranc(folder / "input.json", read_config(folder / "config.json"))


def refused(folder: Path, network: Any, config: Any = None) -> tuple[Diagnostic, ...]:
    """The diagnostics of files that are refused."""
    with pytest.raises(NmError) as caught:
        read(folder, network, config)
    return caught.value.diagnostics


def test_ticks_of_the_example(tmp_path: Path) -> None:
    """Axon 1 in tick 1, so neuron 1 fires; axon 0 in tick 1 + 3, axon 2 in tick 2 + 1: 1 + 1."""
    graph, stimulus = import_ranc(read(tmp_path, example()), ticks=6)
    result = ReferenceCores(graph).run(stimulus, record=True)
    trains = result.spikes["cores"][:, :, 0, 0]
    assert [tick + 1 for tick in trains[:, 1].nonzero()[0].tolist()] == [1]
    assert [tick + 1 for tick in trains[:, 0].nonzero()[0].tolist()] == [4]
    assert bus_text(result.output) == "0 0 \n" * 4 + "1 0 \n" + "0 0 \n"


def test_sizes_of_what_is_left_out(tmp_path: Path) -> None:
    """Short lists of axons, weights and connections, no packets, keys that RANC does not read."""
    network = example()
    core = network["cores"][0]
    core |= {"axons": [0, 2], "connections": [[1], []], "comment": {"a": [1, "]}"]}}
    core["neurons"][0]["weights"] = [1]
    network |= {"packets": [], "author": "none"}
    file = read(tmp_path, network)
    assert file.axon_types().tolist() == [[0, 2, 0]]
    assert file.weights.tolist() == [[1, 0, 0, 0], [1, -1, 2, 0]]
    assert file.blocks[0].tolist() == [[1], [0], [0]]
    assert (file.entries, len(file.packet["entry"])) == (0, 0)


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        (lambda n: n.pop("cores"), "input.json", "`cores` is missing"),
        (lambda n: n.pop("output_bus"), "input.json", "`output_bus` is missing"),
        (lambda n: n.update(packets=3), "input.json: packets", "this value is wrong"),
        (lambda n: n.update(cores=3), "input.json:1:", "`cores` is not a JSON list"),
        (lambda n: n["cores"].append(3), "input.json:1:", "`cores[1]` is not a JSON object"),
        (lambda n: n["cores"][0].pop("axons"), "input.json: cores[0]", "`axons` is missing"),
        (
            lambda n: n["cores"][0]["neurons"][1].pop("leak"),
            "input.json: cores[0].neurons[1].leak",
            "`leak` is missing",
        ),
        (
            lambda n: n["cores"][0]["neurons"][1].update(leak=0.5),
            "input.json: cores[0].neurons[1].leak",
            "this value is wrong",
        ),
        (
            lambda n: n["cores"][0]["neurons"][0].update(leak=2**31),
            "input.json: cores[0].neurons[0].leak",
            "this value is wrong",
        ),
        (
            lambda n: n["cores"][0]["neurons"][0].update(reset_mode=2),
            "input.json: cores[0].neurons[0].reset_mode",
            "this value is wrong",
        ),
        (
            lambda n: n["cores"][0]["neurons"][0].update(weights=[1] * 5),
            "input.json: cores[0].neurons[0]",
            "there are too many weights",
        ),
        (
            lambda n: n["cores"][0].update(axons=[0] * 4),
            "input.json: cores[0]",
            "there are too many axons",
        ),
        (
            lambda n: n["cores"][0].update(axons=[0, 4]),
            "input.json: cores[0].axons[1]",
            "there is no such type of axon",
        ),
        (
            lambda n: n["cores"][0].update(coordinates=[2, 0]),
            "input.json: cores[0]",
            "a core is outside the grid",
        ),
        (
            lambda n: n["cores"][0].update(coordinates=[1, 0]),
            "input.json: cores[0]",
            "this place is taken",
        ),
        (
            lambda n: n["cores"].append(n["cores"][0]),
            "input.json: cores[1]",
            "this place is taken",
        ),
        (
            lambda n: n["output_bus"].update(coordinates=[0, 1]),
            "input.json",
            "the output bus is outside the grid",
        ),
        (
            lambda n: n["cores"][0]["neurons"][1].update(destination_core_offset=[-1, 0]),
            "input.json: cores[0].neurons[1]",
            "the destination is outside the grid",
        ),
        (
            lambda n: n["cores"][0]["neurons"][1].update(destination_axon=3),
            "input.json: cores[0].neurons[1]",
            "the destination has no such axon or output",
        ),
        (
            lambda n: n["cores"][0]["neurons"][0].update(destination_axon=2),
            "input.json: cores[0].neurons[0]",
            "the destination has no such axon or output",
        ),
        (
            lambda n: n["cores"][0]["neurons"][1].update(destination_tick=15),
            "input.json: cores[0].neurons[1]",
            "the destination tick is beyond the scheduler",
        ),
        (
            lambda n: n["packets"][1][0].update(destination_core=[0, -1]),
            "input.json: packets[1][0]",
            "the destination is outside the grid",
        ),
        (
            lambda n: n["packets"][1][0].update(destination_axon=3),
            "input.json: packets[1][0]",
            "the destination has no such axon",
        ),
        (
            lambda n: n["packets"][0][0].update(destination_tick=15),
            "input.json: packets[0][0]",
            "the destination tick is beyond the scheduler",
        ),
        (
            lambda n: n["cores"][0].update(connections=[[1, 0, 1]]),
            "input.json: cores[0].connections",
            "a neuron has no row of connections",
        ),
        (
            lambda n: n["cores"][0].update(connections=[[1, 0, 2], []]),
            "input.json:1:",
            "`cores[0].connections` is not a list of rows of zeros and ones",
        ),
        (
            lambda n: n["cores"][0].update(connections=[[1, 0, 1, 0], []]),
            "input.json:1:",
            "`cores[0].connections` is not a list of rows of zeros and ones",
        ),
    ],
)
def test_faults_are_named_with_their_path(
    tmp_path: Path, change: Callable[[Json], object], where: str, message: str
) -> None:
    network = example()
    change(network)
    first, *_ = refused(tmp_path, network)
    assert first.code == "NM0147"
    assert first.message.startswith(message)
    assert first.where.startswith(where)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"cores"', '{"cores": [', '{"a": "b', "{'a': 1}", '{"a": 1,}']
)
def test_what_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    assert {d.code for d in refused(tmp_path, text)} == {"NM0147"}


def test_a_file_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    text = json.dumps(example())
    for end in range(0, len(text), 7):
        assert refused(tmp_path, text[:end])[0].code == "NM0147", end


def test_config_lacks_keys(tmp_path: Path) -> None:
    config = {k: v for k, v in CONFIG.items() if not k.startswith("num_cores")}
    found = refused(tmp_path, example(), config)
    assert [d.message for d in found] == ["`num_cores_x` is missing", "`num_cores_y` is missing"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NmError) as caught:
        read_config(tmp_path / "config.json")
    assert caught.value.codes == ("NM0147",)


def test_a_line_and_a_column_are_named(tmp_path: Path) -> None:
    text = json.dumps(example(), indent=1).replace('"leak": 0', '"leak": 0 0', 1)
    (found,) = refused(tmp_path, text)
    assert found.message == "this is not valid JSON"
    lines = text.splitlines()
    line = next(number for number, content in enumerate(lines) if "0 0" in content)
    assert found.where == f"input.json:{line + 1}:{lines[line].index('0 0') + 3}"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_ranc(read(tmp_path, example()), tmp_path / "again")
    assert json.loads((tmp_path / "again" / "input.json").read_text()) == example()
    assert json.loads((tmp_path / "again" / "config.json").read_text()) == CONFIG
    first = (tmp_path / "again" / "input.json").read_bytes()
    write_ranc(read(tmp_path, example()), tmp_path / "again")
    assert (tmp_path / "again" / "input.json").read_bytes() == first


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "[",
        "[1]",
        "[[]",
        "[[1,]]",
        "[[,1]]",
        "[[1 1]]",
        "[[-1]]",
        "[[.1]]",
        "[[1], 1]",
        "[[2]]",
    ],
)
def test_what_is_no_list_of_rows_of_digits(text: str) -> None:
    octets = np.frombuffer(text.encode(), np.uint8)
    words = np.zeros((4, 1), np.uint64)
    assert scan.connection_words(octets, 0, len(octets), 4, 4, words) < 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=9), st.sampled_from([None, 0, 2]))
def test_members_of_any_object_are_found(content: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(content, indent=indent).encode()
    spans = np.zeros((9, 4), np.int64)
    count, end = scan.members(np.frombuffer(text, np.uint8), 0, spans)
    assert end == len(text)
    found = {
        json.loads(text[a - 1 : b + 1]): json.loads(text[c:d])
        for a, b, c, d in spans[:count].tolist()
    }
    assert found == content


@settings(deadline=None)
@given(st.integers(1, 130), st.integers(1, 9), st.data())
def test_connections_become_bits(neurons: int, axons: int, data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 99))
    rows = np.random.default_rng(seed).integers(0, 2, (neurons, axons))
    text = json.dumps(rows.tolist(), indent=data.draw(st.sampled_from([None, 1])))
    words = np.zeros((axons, -(-neurons // 64)), np.uint64)
    octets = np.frombuffer(text.encode(), np.uint8)
    found = scan.connection_words(octets, 0, len(octets), neurons, axons, words)
    assert found == neurons
    for neuron_, axon in np.ndindex(neurons, axons):
        bit = int(words[axon, neuron_ // 64]) >> neuron_ % 64 & 1
        assert bit == rows[neuron_, axon]
