"""Backends by name, the contract, and the real targets."""

from __future__ import annotations

import numpy as np
import pytest
from support.mapping import line, zeros
from support.nets import conv, if_neuron, stimulus_for
from support.plain import Plain

from nmcompile.backends.registry import BUILT_IN, backend_named, backend_of
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.mapping.limits import limits_of
from nmcompile.target import load_target

NEUROCORES = [b for b in BUILT_IN if b.name in ("example", "loihi")]
RNG = np.random.default_rng(0)


def test_built_in_backends_are_found() -> None:
    for backend in BUILT_IN:
        assert backend_named(backend.name) is backend
    assert backend_of(load_target("loihi2")).name == "loihi"
    for name in ("truenorth", "tianjic"):
        assert backend_of(load_target(name)).name == name


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(NmError) as error:
        backend_named("abacus")
    assert error.value.codes == ("NM0310",)


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_limits_come_from_the_target(target: str) -> None:
    description = load_target(target)
    caps = limits_of(description)
    assert caps.target == description.name
    assert caps.neurons == description.core.neurons.value
    assert caps.cores == description.chip.cores.value
    assert caps.delay_ticks_max == description.formats.delay_ticks_max.value
    assert "core.neurons" in caps.source("neurons")
    assert caps.running_max_pool == (description.neuron.max_pool == "microcode")


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
@pytest.mark.parametrize("backend", NEUROCORES, ids=lambda b: b.name)
def test_a_network_runs_on_every_backend_of_neurocores(target: str, backend: object) -> None:
    network = line(timesteps=3)
    simulator_of = backend_named(backend.name)  # type: ignore[attr-defined]
    graph = simulator_of.map(network, load_target(target))
    simulator = simulator_of.simulator(graph)
    stimulus = stimulus_for(network, RNG)
    result = simulator.run(stimulus, record=True)
    golden = Plain(network, stimulus)
    for name, train in golden.trains().items():
        np.testing.assert_array_equal(result.spikes[name], train)
    np.testing.assert_array_equal(result.output, golden.output)
    assert result.counters.cores is not None


def test_what_cores_cannot_run_has_a_reason() -> None:
    backend, two, one = backend_named("loihi"), load_target("loihi2"), load_target("loihi1")
    assert backend.supports(conv(RNG, 2, 2, (3, 3)), two) is None
    assert backend.supports(ops.Neuron(if_neuron(2, 4)), two) is None
    assert backend.supports(ops.Linear(zeros(2), zeros(2)), two) is None
    assert backend.supports(ops.Correlate(), two) is None
    assert "template" in (backend.supports(ops.Correlate(), load_target("example")) or "")
    for op in (
        ops.TemplateBank(4, 0, 1, 1),
        ops.Scale(2.0),
        ops.Activation(),
        ops.MaxPool2d((2, 2), (2, 2)),
    ):
        assert type(op).__name__ in (backend.supports(op, two) or "")
    pool = ops.SpikeMaxPool2d((2, 2), (2, 2))
    assert backend.supports(pool, two) is None
    assert "running maximum" in (backend.supports(pool, one) or "")
    assert "pixel" in (backend.supports(ops.Encode("impulse"), one) or "")
    for mode, payloads in (("phase", (128, 1)), ("burst", (1, 2))):
        assert "payload" in (backend.supports(ops.Encode(mode, payloads), one) or "")
        assert backend.supports(ops.Encode(mode, payloads), two) is None
    for image in (ops.Encode("constant"), ops.Encode("rate", (1,), 255, 127)):
        assert backend.supports(image, one) is None
