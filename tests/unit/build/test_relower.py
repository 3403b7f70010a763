"""A build's network at another T."""

from __future__ import annotations

import dataclasses

import pytest
from support.checkpoints import tiny_checkpoint

from nmcompile.build.compiled import Options
from nmcompile.build.deployment import Deployment
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.build.relower import relower
from nmcompile.diagnostics import NmError
from nmcompile.passes.recipe import Recipe

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    folder = tmp_path_factory.mktemp("relower")
    model = tiny_checkpoint(folder / "tiny.pt")
    options = Options(Recipe(timesteps=6, weight_bits=6), verify=False)
    return build(BuildRequest(model, "loihi2", folder / "out", options)).deployment


def test_its_own_t_gives_the_program_of_the_build(built: Deployment) -> None:
    assert relower(built, 6).digest == built.program("integer").digest


def test_another_t_changes_the_timesteps_and_keeps_the_weights(built: Deployment) -> None:
    longer = relower(built, 9)
    assert {n.timesteps for n in longer.networks} == {9}
    own = built.program("integer").network("search").by_name
    for name, node in longer.network("search").by_name.items():
        if hasattr(node.op, "weight"):
            assert (node.op.weight.data == own[name].op.weight.data).all()


def test_a_network_that_was_spiking_is_refused(built: Deployment) -> None:
    manifest = {**built.manifest, "calibration": {"origin": "", "scales": {}}}
    with pytest.raises(NmError) as caught:
        relower(dataclasses.replace(built, manifest=manifest), 4)
    assert caught.value.codes == ("NM0540",)
