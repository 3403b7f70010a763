"""Where the matching goes when cores are asked, and what the host then writes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.mapping import limits, matched_line, word_limits
from support.nets import tiny_siamese

from nmcompile.backends.registry import backend_named
from nmcompile.build.matching import correlation_that_fits, matching_rows, with_template_writes
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir.program import Program
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.template import template_words
from nmcompile.mapping.utilisation import synapse_formats
from nmcompile.passes import pipelines
from nmcompile.passes.context import Calibration, PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.passes.place_matching import load_step
from nmcompile.passes.recipe import Matching, Recipe
from nmcompile.target import load_target

LOIHI = load_target("loihi2")


def crops() -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(2)
    return rng.integers(0, 256, (1, 47, 47, 3)).astype(np.uint8)


def integer(rule: Any) -> tuple[Program, PassContext]:
    context = PassContext(
        timesteps=4,
        recipe=Recipe(matching=Matching(rule=rule)),
        calibration=Calibration("test", crops()),
        rules=backend_named("loihi").rules(LOIHI),
    )
    program = tiny_siamese(relu_last=False)
    for passes in (pipelines.FLOAT, pipelines.SPIKING, pipelines.INTEGER):
        program = PassManager(passes).run(program, context)
    return program, context


class Refusing:
    """A backend that refuses one layer."""

    def __init__(self, layer: str) -> None:
        self.layer = layer

    def refusals(self, *_: object) -> tuple[Diagnostic, ...]:
        return (Diagnostic(code="NM0303", message="too big", where=self.layer, limit="9 bytes"),)


def test_a_template_that_fits_no_core_goes_to_the_host_with_the_limit() -> None:
    program, context = integer("psm")
    found = correlation_that_fits(program, context, Refusing("correlate"), LOIHI)  # type: ignore[arg-type]
    assert found.rules is not None
    assert found.rules.correlate == "none"
    golden = PassManager(pipelines.GOLDEN).run(program, found)
    reason = golden.step("search_match").reason
    assert "fit no core of loihi2: too big (limit: 9 bytes)" in reason
    assert matching_rows(golden, "psm") == (("correlate", f"psm, on the host: {reason}"),)


def test_other_layers_do_not_decide_where_the_matching_is() -> None:
    program, context = integer("psm")
    assert correlation_that_fits(program, context, Refusing("conv9"), LOIHI) is context  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["psm", "tsm"])
def test_written_words_include_the_copies_of_all_tiles(rule: str) -> None:
    program, context = integer(rule)
    golden = PassManager(pipelines.GOLDEN).run(program, context)
    backend = backend_named("loihi")
    graphs = {n.name: backend.map(n, LOIHI, cores=400) for n in golden.chip_networks}
    graph = graphs["search"]
    tiles = int((graph["tile.population"] == len(graph.populations) - 1).sum())
    assert tiles > 1
    before = dict(load_step(golden, golden.network("search")).host_ops)
    written = with_template_writes(golden, graphs, LOIHI)
    after = dict(load_step(written, written.network("search")).host_ops)
    assert after == {"synapse_writes": before["synapse_writes"] * tiles}
    ((layer, where),) = matching_rows(written, rule)
    assert layer == "correlate"
    assert f"{after['synapse_writes']:,} synapse words" in where


def test_rows_of_their_own_store_the_template_once_for_each_pattern() -> None:
    """Without shared kernels every row has its weights; one output neuron shares nothing."""
    network = matched_line()
    elements = 2 * 3 * 4 * 3
    shared = map_network(network, limits())
    assert template_words(shared, limits()) == elements
    own = limits(neurons=20, shared_kernels=False, axon_atoms=4)
    alone = map_network(network, own)
    assert template_words(alone, own) > template_words(alone, limits())
    plain = dataclasses.replace(alone, slot="")
    assert template_words(plain, own) == 0


def test_words_of_the_memory_are_rewritten_where_synapses_are_packed() -> None:
    caps = word_limits()
    graph = map_network(matched_line(), caps)
    words = {layer: n for layer, _, n in synapse_formats(graph, caps)}
    assert template_words(graph, caps) == words["correlate"] > 0
