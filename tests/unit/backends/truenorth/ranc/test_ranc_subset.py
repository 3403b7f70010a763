"""What RANC and crossbar cores do not have in common is refused, naming core and neuron."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.ranc import Json, PlainRanc, config_of, random_input, read, written

from nmcompile.backends.truenorth.ranc.exporting import export_ranc
from nmcompile.backends.truenorth.ranc.fit import beyond
from nmcompile.backends.truenorth.ranc.importing import import_ranc
from nmcompile.diagnostics import NmError
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.target import CrossbarTarget, load_target, of_family


def network(**config: int) -> tuple[Json, Json]:
    """A random network whose first neuron sends to its own core."""
    settings = config_of(**config)
    made = random_input(np.random.default_rng(7), settings)
    made["cores"][0]["neurons"][0] |= {"destination_core_offset": [0, 0], "destination_axon": 0}
    return made, settings


@pytest.mark.parametrize(
    ("changes", "config", "message", "found"),
    [
        ({"weights": [1, 256, 0, 0]}, {}, "a weight is out of range", "[1, 256, 0, 0]"),
        ({"leak": 2**20 + 1}, {}, "`leak` is out of range", "1048577"),
        ({"positive_threshold": -1}, {}, "`positive_threshold` is out of range", "-1"),
        ({"negative_threshold": 1}, {}, "`negative_threshold` is out of range", "1"),
        ({"current_potential": 2**30}, {}, "`current_potential` is out of range", f"{2**30}"),
        (
            {"destination_tick": 15},
            {"max_tick_offset": 32},
            "a spike arrives later than an axon delay can say",
            "16",
        ),
        (
            {"reset_mode": 1, "negative_threshold": -3, "leak": -1},
            {"neuron_reset_type": 1},
            "no crossbar neuron has this negative threshold",
            "-3",
        ),
        (
            {"reset_mode": 0, "negative_threshold": 0, "reset_potential": 2},
            {"neuron_reset_type": 1},
            "no crossbar neuron has this negative threshold",
            "0",
        ),
    ],
)
def test_neurons_that_only_ranc_has(
    changes: Json, config: dict[str, int], message: str, found: str
) -> None:
    made, settings = network(**config)
    made["cores"][0]["neurons"][0] |= changes
    with pytest.raises(NmError) as caught:
        import_ranc(read(made, settings))
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.message, diagnostic.found) == ("NM0148", message, found)
    assert diagnostic.where == "input.json: cores[0].neurons[0]"


def test_a_fifth_type_of_axons_is_refused() -> None:
    made, settings = network(num_weights=5)
    made["cores"][0]["axons"] = [0, 0, 4, 0, 0]
    made["cores"][1]["axons"] = [0]
    with pytest.raises(NmError) as caught:
        import_ranc(read(made, settings))
    assert caught.value.codes == ("NM0148",)
    assert caught.value.diagnostics[0].where == "input.json: cores[0].axons[2]"


def test_packets_to_the_bus_are_refused() -> None:
    made, settings = network()
    made["packets"][3] = [
        {
            "destination_core": made["output_bus"]["coordinates"],
            "destination_axon": 0,
            "destination_tick": 0,
        }
    ]
    with pytest.raises(NmError) as caught:
        import_ranc(read(made, settings))
    assert caught.value.codes == ("NM0148",)
    assert "packets[3]" in caught.value.diagnostics[0].where


def mapped() -> CrossbarGraph:
    """An imported network as if it had been mapped: a chip's membranes, floors far away."""
    made, settings = network()
    for core in made["cores"]:
        for neuron in core["neurons"]:
            neuron |= {"weights": [3, -2, 1, -1], "leak": 1}
    graph, _ = import_ranc(read(made, settings))
    ones = np.ones(graph.size("parameter"), np.int32)
    floors = {"parameter.floor_mode": ones, "parameter.floor": ones * (2**18 - 1)}
    return dataclasses.replace(graph.replace(floors), membrane_clip=2**19 - 1)


def column(graph: CrossbarGraph, name: str, value: int) -> CrossbarGraph:
    """The graph with one value in a whole column."""
    return graph.replace({name: np.full_like(graph[name], value)})


def read_twice(graph: CrossbarGraph) -> CrossbarGraph:
    """The host reads a neuron that sends to a core."""
    sender = np.flatnonzero(graph["neuron.target_core"] >= 0)[:1]
    return graph.replace(
        {"readout.neuron": sender.astype(np.int32), "readout.index": np.zeros(1, np.int32)}
    )


@pytest.mark.parametrize(
    ("change", "message", "found"),
    [
        (lambda g: column(g, "parameter.stochastic1", 1), "no such neuron", "synapses"),
        (lambda g: column(g, "parameter.stochastic_leak", 1), "no such neuron", "leak"),
        (lambda g: column(g, "parameter.leak_reversal", 1), "no such neuron", "reverses"),
        (lambda g: column(g, "parameter.mask_bits", 3), "no such neuron", "random threshold"),
        (lambda g: column(g, "parameter.reset_mode", 2), "no such neuron", "no reset"),
        (lambda g: column(g, "parameter.floor", 5), "a membrane may reach a negative", "-5"),
        (lambda g: dataclasses.replace(g, membrane_clip=9), "may reach the clip", ""),
        (lambda g: dataclasses.replace(g, readout="membranes"), "shows spikes", ""),
        (read_twice, "spikes go elsewhere too", "output 0"),
        (lambda g: column(column(g, "core.x", 0), "core.y", 0), "one core at every router", ""),
    ],
)
def test_graphs_that_ranc_cannot_run(
    change: Callable[[CrossbarGraph], CrossbarGraph], message: str, found: str
) -> None:
    export_ranc(mapped())
    with pytest.raises(NmError) as caught:
        export_ranc(change(mapped()))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "NM0149"
    assert message in diagnostic.message
    assert found in diagnostic.found
    assert diagnostic.where.startswith("ranc, ")


def test_a_neuron_that_only_rises_needs_no_reset() -> None:
    """A timer: it counts, and spikes at every tick from its threshold on."""
    graph = column(column(mapped(), "parameter.reset_mode", 2), "parameter.threshold", 5)
    graph = column(graph, "neuron.v_init", 0)
    for kind in range(4):
        graph = column(graph, f"parameter.weight{kind}", 0)
    network, config = written(export_ranc(graph))
    _, spikes = PlainRanc(network, config).run(9)
    first = [tick for tick, core, neuron in sorted(spikes) if (core, neuron) == (0, 0)]
    assert first == [5, 6, 7, 8, 9]


def test_the_neuron_is_named() -> None:
    graph = mapped()
    rows = np.arange(graph.neurons, dtype=np.int32)
    table = {f"parameter.{c}": graph[f"parameter.{c}"] for c in graph.SCHEMA["parameter"]}
    own = {name: values[graph["neuron.parameter"]] for name, values in table.items()}
    own["parameter.mask_bits"] = (rows == graph["core.neuron0"][2] + 1).astype(np.int32)
    changed = graph.replace({"neuron.parameter": rows, **own})
    with pytest.raises(NmError) as caught:
        export_ranc(changed)
    x, y = (int(graph[f"core.{axis}"][2]) for axis in "xy")
    where = caught.value.diagnostics[0].where
    assert where == f"ranc, core 2 (chip, x, y = 0, {x}, {y}), neuron 1"


def test_unused_random_modes_do_no_harm() -> None:
    """A stochastic synapse of weight 0, a reversed leak of 0."""
    graph = column(column(mapped(), "parameter.weight1", 0), "parameter.leak", 0)
    graph = column(column(graph, "parameter.stochastic1", 1), "parameter.leak_reversal", 1)
    export_ranc(column(graph, "parameter.stochastic_leak", 1))


def test_whether_it_fits_the_chip() -> None:
    chip = of_family(load_target("truenorth"), CrossbarTarget)
    graph = column(mapped(), "parameter.reset_value", 3)
    assert beyond(graph, chip) == ()
    made, settings = network(num_axons=400)
    made["cores"][0]["neurons"][0] |= {"leak": -300, "reset_potential": 5, "reset_mode": 0}
    large: Any = import_ranc(read(made, settings))[0]
    reset = "reset value: 5 (2^n - 1 or its negative)"
    large = large.replace(
        {"parameter.reset_value": np.where(large["parameter.reset_value"] == 5, 5, 0)}
    )
    assert beyond(large, chip) == (
        *("axons of a core: 400 (limit 256)", "negative leak: 300 (limit 256)", reset),
    )
