"""Shipped models run on cores: at least nine tenths of their operations, on every chip.

`test_shipped_build` looks at the builds that it records; these are the others, not mapped.
"""

from __future__ import annotations

import pytest

from nmcompile.backends.registry import backend_of
from nmcompile.build.compiled import Options, lower, measure, prepared
from nmcompile.build.concerns import LEAST_SHARE
from nmcompile.cost.workload import workload_of
from nmcompile.diagnostics import NmError
from nmcompile.frontends import load
from nmcompile.models import model_card
from nmcompile.report.assemble import host_section
from nmcompile.target import load_target

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def on_chip_share(model: str, target: str) -> float | None:
    """SOPs and MACs on cores over all, after input transduction, as the headline says it."""
    chosen = load_target(target)
    build = prepared(load(model_card(model).checkpoint_path), chosen, Options(frames=1))
    backend = backend_of(chosen)
    lower(build, backend)
    measure(build, backend)
    work = workload_of(build.golden, build.counters, chips=1)
    return host_section(build.golden, work).on_chip_share


@pytest.mark.parametrize("target", ["loihi1", "loihi2", "tianjic"])
def test_nine_tenths_of_the_operations_are_on_cores(target: str) -> None:
    share = on_chip_share("siamsnn-truenorth", target)
    assert share is not None
    assert share >= LEAST_SHARE


@pytest.mark.parametrize("target", ["loihi1", "loihi2", "truenorth"])
def test_a_hybrid_model_is_refused_where_no_core_runs_an_ann(target: str) -> None:
    with pytest.raises(NmError) as caught:
        on_chip_share("dashnet", target)
    assert set(caught.value.codes) <= {"NM0301", "NM0311", "NM0313", "NM0324"}
    assert any(d.where.startswith("ann") for d in caught.value.diagnostics)
