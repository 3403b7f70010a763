"""Mapped networks: equal to the golden model spike for spike, legal, and able to differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from support.crossbar_nets import CHIP, CORES, chain, chip, crossbar_networks, weights_of
from support.mapped_equal import differs, stimuli_for

from nmcompile.backends.truenorth.mapping.mapper import map_network
from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.crossbar_graph import COPY, ORIGINAL, TIMER, CrossbarGraph
from nmcompile.mapping.populations import Projection
from nmcompile.mapping.stages import stages
from nmcompile.target import CrossbarTarget

I64 = npt.NDArray[np.int64]


def mapped(network: Network, target: CrossbarTarget) -> CrossbarGraph | None:
    """The graph, or None where a neuron does not fit the small cores."""
    try:
        return map_network(network, target)
    except NmError as error:
        assert set(error.codes) <= {"NM0311", "NM0319"}
        return None


def check_limits(graph: CrossbarGraph, target: CrossbarTarget) -> None:
    """Cores are within their size; every axon has one driver; copies are exact."""
    assert graph["core.axons"].max() <= target.core.axons.value
    assert graph["core.neurons"].max() <= target.core.neurons.value
    sends = graph["neuron.target_core"] >= 0
    first = graph["core.axon0"]
    driven = np.concatenate(
        [
            first[graph["neuron.target_core"][sends]] + graph["neuron.target_axon"][sends],
            first[graph["host.core"]] + graph["host.axon"],
            first[graph["bias.core"]] + graph["bias.axon"],
        ]
    )
    np.testing.assert_array_equal(np.sort(driven), np.arange(graph.size("axon")))
    originals = graph["tile.neurons"].sum()
    assert originals == (graph["neuron.role"] == ORIGINAL).sum()
    assert originals == sum(int(np.prod(p.shape)) for p in graph.populations)


def synapses(graph: CrossbarGraph) -> dict[int, dict[str, int]]:
    """For every original the sums of its weights, by what drives the axons.

    Relays are followed back to the neuron that they repeat, copies to their original (the one
    with the same column of the crossbar, parameters and first membrane).
    """
    driver: dict[tuple[int, int], str] = {}
    for name, core, axon in zip(
        graph["host.index"], graph["host.core"], graph["host.axon"], strict=True
    ):
        driver[int(core), int(axon)] = f"in{name}"
    for core, axon in zip(graph["bias.core"], graph["bias.axon"], strict=True):
        driver[int(core), int(axon)] = "bias"
    cores, bits = graph.neuron_cores(), columns_of(graph)
    feeds: dict[tuple[int, int], int] = {}
    for neuron, (core, axon) in enumerate(
        zip(graph["neuron.target_core"], graph["neuron.target_axon"], strict=True)
    ):
        if core >= 0:
            feeds[int(core), int(axon)] = neuron
    originals: dict[tuple[object, ...], list[int]] = {}

    def source(core: int, axon: int) -> str:
        if (core, axon) in driver:
            return driver[core, axon]
        neuron = feeds[core, axon]
        if graph["neuron.role"][neuron] == TIMER:
            return "bias"
        if graph["neuron.role"][neuron] == ORIGINAL:
            return f"n{neuron}"
        if graph["neuron.role"][neuron] == COPY:
            alike = originals[key(neuron)]
            assert alike, "a copy without an original"
            return f"n{alike[0]}" if len(alike) == 1 else f"alike{alike}"
        (axon_in,) = np.flatnonzero(bits[neuron])
        return source(int(cores[neuron]), int(axon_in))

    def key(neuron: int) -> tuple[object, ...]:
        own = (graph["neuron.parameter"][neuron], graph["neuron.v_init"][neuron])
        return (int(cores[neuron]), *map(int, own), bits[neuron].tobytes())

    for neuron in np.flatnonzero(graph["neuron.role"] == ORIGINAL).tolist():
        originals.setdefault(key(neuron), []).append(neuron)
    found: dict[int, dict[str, int]] = {}
    for neuron in np.flatnonzero(graph["neuron.role"] == ORIGINAL).tolist():
        core = int(cores[neuron])
        sums: dict[str, int] = {}
        for axon in np.flatnonzero(bits[neuron]).tolist():
            kind = graph["axon.type"][graph["core.axon0"][core] + axon]
            weight = int(graph[f"parameter.weight{kind}"][graph["neuron.parameter"][neuron]])
            name = source(core, axon)
            sums[name] = sums.get(name, 0) + weight
        found[neuron] = {name: weight for name, weight in sums.items() if weight}
    return found


def columns_of(graph: CrossbarGraph) -> list[npt.NDArray[np.bool_]]:
    """For every neuron, which axons of its core it is connected to."""
    found: list[npt.NDArray[np.bool_]] = []
    words = graph.block_words()
    for block, axons, neurons in zip(
        graph["core.block"], graph["core.axons"], graph["core.neurons"], strict=True
    ):
        first = graph["block.word0"][block]
        rows = graph["crossbar.word"][first : first + axons * words[block]]
        for neuron in range(neurons):
            word = rows[neuron // 64 :: words[block]] if axons else rows[:0]
            found.append((word >> np.uint64(neuron % 64) & np.uint64(1)).astype(np.bool_))
    return found


def weights_between(projection: Projection, shape: tuple[int, int, int]) -> dict[Any, int]:
    """(output, source element) -> weight, by definition."""
    found: dict[Any, int] = {}
    weight, y, x = projection.weight.data, projection.y, projection.x
    for c, i, j, d, a, b in np.ndindex(*shape, projection.channels_in, y.kernel, x.kernel):
        row = i * y.stride - y.padding + a * y.dilation
        column = j * x.stride - x.padding + b * x.dilation
        if not (0 <= row < y.size_in and 0 <= column < x.size_in):
            continue
        group = c // projection.channels_out
        at = (group * projection.pitch + projection.first + d, row, column)
        key = ((c, i, j), int(np.ravel_multi_index(at, projection.source_shape)))
        found[key] = found.get(key, 0) + int(weight[c, d, a, b])
    return found


@given(crossbar_networks(), CORES)
@settings(deadline=None, max_examples=40)
def test_cores_compute_the_golden_network(network: Network, size: tuple[int, int]) -> None:
    target = chip(*size)
    graph = mapped(network, target)
    if graph is None:
        return
    graph.validate()
    check_limits(graph, target)
    assert differs(graph, network, stimuli_for(network)) == ""


@given(crossbar_networks(), CORES)
@settings(deadline=None, max_examples=20)
def test_crossbars_add_up_to_the_weights(network: Network, size: tuple[int, int]) -> None:
    graph = mapped(network, chip(*size))
    if graph is None:
        return
    split = stages(network)
    number: dict[str, dict[tuple[int, ...], int]] = {}
    for tile in range(graph.size("tile")):
        low, high = (
            [int(graph[f"tile.{a}{end}"][tile]) for a in ("y", "x", "c")] for end in (0, 1)
        )
        name = graph.populations[int(graph["tile.population"][tile])].name
        box = np.ndindex(*(b - a for a, b in zip(low, high, strict=True)))
        for k, (i, j, c) in enumerate(box):
            at = (low[2] + c, low[0] + i, low[1] + j)
            number.setdefault(name, {})[at] = int(graph["tile.neuron0"][tile]) + k
    found = synapses(graph)
    for population in split.populations:
        wanted: dict[int, dict[str, int]] = {n: {} for n in number[population.name].values()}
        for projection in population.projections:
            inside = projection.source != split.input.name
            for (output, element), weight in weights_between(projection, population.shape).items():
                name = f"in{element}"
                if inside:
                    at = np.unravel_index(element, projection.source_shape)
                    name = f"n{number[projection.source][tuple(int(k) for k in at)]}"
                sums = wanted[number[population.name][output]]
                sums[name] = sums.get(name, 0) + weight
        for neuron, sums in wanted.items():
            expected = {name: weight for name, weight in sums.items() if weight}
            own = {name: weight for name, weight in found[neuron].items() if name != "bias"}
            if not any(name.startswith("alike") for name in own):
                assert own == expected


LINE = chain(
    weights_of((-2, 0, 2), (4, 2, 2, 2), seed=1),
    weights_of((-2, 0, 2), (4, 4, 2, 2), seed=2),
    weights_of((-2, 0, 2), (4, 4, 1, 1), seed=3),
    shape=(2, 7, 6),
    bias=(-1, 1, 2, 0),
)


def _busiest(graph: CrossbarGraph) -> int:
    """The neuron with a target that spikes most in the test frames."""
    engine = TrueNorthEngine(graph)
    engine.begin_frame()
    counts = np.zeros(graph.neurons, np.int64)
    spikes = engine.run(stimuli_for(LINE)[0], record=True).spikes
    for tile in np.flatnonzero(graph["tile.population"] < 2).tolist():
        name = graph.populations[int(graph["tile.population"][tile])].name
        bounds = [
            slice(int(graph[f"tile.{a}0"][tile]), int(graph[f"tile.{a}1"][tile])) for a in "cyx"
        ]
        part = spikes[name].sum(axis=0)[tuple(bounds)].transpose(1, 2, 0).reshape(-1)
        first = int(graph["tile.neuron0"][tile])
        counts[first : first + len(part)] = part
    counts[graph["neuron.target_core"] < 0] = 0
    return int(np.argmax(counts))


def _changed(column: npt.NDArray[Any], at: int, value: Any) -> npt.NDArray[Any]:
    found = column.copy()
    found[at] = value
    return found


@pytest.mark.parametrize("what", ["weight", "bit", "type", "delay", "axon", "core", "v_init"])
def test_one_changed_entry_breaks_the_equality(what: str) -> None:
    graph = map_network(LINE, chip(40, 24))
    assert graph.cores > 6
    stimuli = stimuli_for(LINE)
    assert differs(graph, LINE, stimuli) == ""
    neuron = _busiest(graph)
    core, axon = (int(graph[f"neuron.target_{n}"][neuron]) for n in ("core", "axon"))
    place = int(graph["core.axon0"][core]) + axon
    kind = int(graph["axon.type"][place])
    block = int(graph["core.block"][core])
    word = int(graph["block.word0"][block]) + axon * int(graph.block_words()[block])
    first = int(graph["core.neuron0"][core])
    row = int(graph["neuron.parameter"][first])
    columns = {
        "weight": (f"parameter.weight{kind}", row, graph[f"parameter.weight{kind}"][row] + 1),
        "bit": ("crossbar.word", word, graph["crossbar.word"][word] ^ np.uint64(1)),
        "type": ("axon.type", place, 1 - kind),
        "delay": ("neuron.target_delay", neuron, graph["neuron.target_delay"][neuron] + 1),
        "axon": ("neuron.target_axon", neuron, (axon + 1) % graph["core.axons"][core]),
        "core": ("neuron.target_core", neuron, (core + 1) % graph.cores),
        "v_init": ("neuron.v_init", neuron, graph["neuron.v_init"][neuron] + 1),
    }
    name, at, value = columns[what]
    if what == "core":
        other = graph["core.axons"][value]
        extra = {"neuron.target_axon": _changed(graph["neuron.target_axon"], neuron, axon % other)}
    else:
        extra = {}
    broken = graph.replace({name: _changed(graph[name], at, value), **extra})
    assert differs(broken, LINE, stimuli) != ""


def test_a_mapping_is_the_same_every_time() -> None:
    graphs = [map_network(LINE, chip(40, 24), seed=seed) for seed in (0, 0, 1)]
    assert graphs[0].digest == graphs[1].digest
    assert graphs[0].digest != graphs[2].digest


def test_networks_share_a_chip() -> None:
    first = map_network(LINE, chip(40, 24))
    second = map_network(LINE, chip(40, 24), beside=[first])
    assert not set(first.slots) & set(second.slots)
    assert differs(second, LINE, stimuli_for(LINE)) == ""


def test_a_packet_that_would_go_too_far_is_refused() -> None:
    near = chip(40, 24)
    routing = near.routing.model_copy(
        update={"reach_cores": near.routing.reach_cores.model_copy(update={"value": 1})}
    )
    with pytest.raises(NmError) as caught:
        map_network(LINE, near.model_copy(update={"routing": routing}))
    assert caught.value.codes == ("NM0326",)


def test_values_are_no_spikes() -> None:
    node = Node("input", ops.Input("spikes", (2, 7, 6), 4))
    values = LINE.map_nodes(lambda n: node if n.name == "input" else n)
    with pytest.raises(NmError) as caught:
        map_network(values, CHIP)
    assert caught.value.codes == ("NM0301",)
