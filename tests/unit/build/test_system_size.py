"""All networks together on a board that has too few chips."""

from __future__ import annotations

import pytest
from support.mapping import limits, line

from nmcompile.build.system_size import require_system
from nmcompile.diagnostics import NmError
from nmcompile.mapping.mapper import map_network
from nmcompile.target import load_target


def test_networks_that_fit_alone_may_be_too_many_together() -> None:
    graph = map_network(line(), limits(neurons=4, in_axons=400, out_axons=4000))
    board = load_target("loihi2-oheo-gulch")
    few = {str(i): graph for i in range(120 // graph.cores)}
    require_system(few, board)
    with pytest.raises(NmError) as error:
        require_system({**few, "one more": graph}, board)
    (found,) = error.value.diagnostics
    assert (found.code, found.exit_code) == ("NM0315", 3)
    assert found.limit.startswith("120 cores = 1 chips of 120 (targets/loihi2-oheo-gulch.toml")
    assert found.found == f"{(len(few) + 1) * graph.cores}"
    require_system({**few, "one more": graph}, load_target("loihi2-kapoho-point"))
