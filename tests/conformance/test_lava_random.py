"""Random networks: mapped cores, Lava and plain scalar arithmetic agree on every spike and state.

`NMCOMPILE_LAVA_NETWORKS` says how many (`make conformance-lava`: all); a few by default.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.coded_nets import coded_networks
from support.lava_batch import Case, run_batch
from support.mapping import limits, matching_networks, skip_networks, template_for
from support.mixed import mixed_networks
from support.nets import spiking_networks, stimulus_for
from support.plain import Plain
from support.scalar import Scalar
from support.stock_nets import stock_network

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.backends.loihi.lava.compare import LavaResult, compare, compare_sums
from nmcompile.backends.loihi.lava.plan import plan_lava
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.mapping.mapper import map_network
from nmcompile.reference.integer import IntegerRunner

pytest.importorskip("lava")
pytestmark = [pytest.mark.lava, pytest.mark.slow]

BATCH = 16
ALL = int(os.environ.get("NMCOMPILE_LAVA_NETWORKS", "0"))
STOCK, OTHERS = (10, 2) if ALL else (4, 1)
"""Of every batch: networks of stock processes only, and of each of three other kinds."""
BATCHES = max(1, ALL // BATCH)
FRAMES = 2
CONV_LIMIT = 1 << 23
"""Lava's convolution wraps sums beyond; passes prove that a deployment's stay below."""
CORES = limits(neurons=60, in_axons=4000, synapse_memory_bytes=20_000, total_memory_bytes=40_000)


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of ours, for the comparison."""

    spikes: Mapping[str, Any]
    v_final: Mapping[str, Any]
    u_final: Mapping[str, Any]


def drawn(strategy: st.SearchStrategy[Network], count: int, seed: int) -> list[Network]:
    """Examples of a strategy, always the same ones."""
    found: list[Network] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(network: Network) -> None:
        found.append(network)

    collect()
    return found[:count]


def case(network: Network, name: str, rng: np.random.Generator) -> Case | None:
    """The network with stimuli, or None where its sums leave the range of the comparison."""
    network = dataclasses.replace(network, name=name)
    frames = [stimulus_for(network, rng) for _ in range(FRAMES)]
    if any(network.of_type(ops.Slot)):
        return Case(network, frames, [template_for(network, rng) for _ in range(FRAMES)])
    coded = any(op.op.spikes for op in network.of_type(ops.Encode))  # type: ignore[union-attr]
    if not coded and max(Plain(network, frame).largest for frame in frames) >= CONV_LIMIT:
        return None
    try:
        for frame in frames:
            IntegerRunner(network).run(frame, record=True)
    except NmError:
        return None
    return Case(network, frames)


def cases_of(batch: int) -> list[Case]:
    """The networks of a batch: stock ones first, then the others."""
    rng = np.random.default_rng(batch)
    found: list[Case] = []
    while len(found) < STOCK:
        made = case(stock_network(rng), f"case_{len(found)}", rng)
        if made and all(layer.stock for layer in plan_lava(made.network).layers):
            found.append(made)
    plain = st.one_of(spiking_networks(), skip_networks(), coded_networks())
    for strategy in (mixed_networks(), plain, matching_networks()):
        wanted = len(found) + OTHERS
        for network in drawn(strategy, 6, batch):
            made = case(network, f"case_{len(found)}", rng)
            if made and len(found) < wanted:
                found.append(made)
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_cores_equal_lava(batch: int, tmp_path: Path, compared: Counter[str]) -> None:
    cases = cases_of(batch)
    results = run_batch(cases, tmp_path, time_limit_s=600)
    for index, (given_, result) in enumerate(zip(cases, results, strict=True)):
        counted = check(given_, result)
        compared.update(counted, networks=1, stock=int(index < STOCK), frames=FRAMES)
    assert compared["spikes"] > 0


def check(given_: Case, lava: LavaResult) -> Counter[str]:
    """Cores, interpreter and scalar arithmetic against Lava; how much was compared."""
    network, count = given_.network, Counter[str]()
    engine, runner = LoihiEngine(map_network(network, CORES)), IntegerRunner(network)
    slots = given_.slots or [{}] * FRAMES
    cores, golden, scalar = [], [], []
    for frame, slot in zip(given_.frames, slots, strict=True):
        golden.append(runner.run(frame, slot, record=True))
        scalar.append(Scalar(network, frame, slot))
        on_cores = engine.run(frame, slot, record=True)
        np.testing.assert_array_equal(on_cores.output, golden[-1].output)
        keep = scalar[-1].v_final  # neurons; of pools nobody else keeps a state
        states = ({k: found[k] for k in keep} for found in (on_cores.v_final, on_cores.u_final))
        spikes = {k: on_cores.spikes[k] for k in golden[-1].spikes}
        cores.append(Frame(spikes, *states))
        count["spikes"] += sum(int(np.count_nonzero(train)) for train in spikes.values())
        count["states"] += 2 * sum(v.size for v in keep.values())
    assert compare(cores, lava) == ()
    assert compare(golden, lava) == ()
    assert compare(scalar, lava) == ()
    summed = network.by_name[network.output.inputs[0]]
    if isinstance(summed.op, ops.Accumulate):
        assert compare_sums([trace.output for trace in golden], summed.name, lava) == ()
        assert compare_sums([frame.output for frame in scalar], summed.name, lava) == ()
    return count
