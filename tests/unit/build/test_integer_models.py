"""A model that is integer already goes through a build without being converted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.netx import CUBA, SDNN, dense, random_layers, write_layers

from nmcompile.backends.registry import backend_of
from nmcompile.build import stimuli
from nmcompile.build.compiled import Compiled, Options, compile_model, lower, prepared
from nmcompile.diagnostics import NmError
from nmcompile.frontends import load
from nmcompile.ir import ops
from nmcompile.passes.recipe import Recipe
from nmcompile.target import load_target

LAYERS = [dense(np.arange(-8, 7).reshape(3, 5) * 2, CUBA, bias=np.ones(3))]


def lowered(path: Path, options: Options | None = None) -> Compiled:
    target = load_target("loihi2")
    build = prepared(load(path), target, options or Options())
    lower(build, backend_of(target))
    return build


def test_golden_is_what_the_file_says(tmp_path: Path) -> None:
    """Level for level the same network, at the T that the user gives."""
    path = write_layers(tmp_path / "a.net", LAYERS, tSample=40, Ts=1)
    for timesteps, wanted in ((None, 40), (7, 7)):
        build = lowered(path, Options(recipe=Recipe(timesteps=timesteps)))
        loaded = build.model.program.networks[0].replace(timesteps=wanted)
        for level in ("float", "integer", "golden"):
            assert build.programs[level].networks == (loaded,), level
    assert build.stimulus == "seeded random input, not real data"


@pytest.mark.parametrize(
    "options",
    [
        Options(calibrate="synthetic"),
        Options(recipe=Recipe(weight_bits=4)),
        Options(recipe=Recipe(percentile=90.0)),
    ],
)
def test_nothing_to_convert(tmp_path: Path, options: Options) -> None:
    with pytest.raises(NmError) as caught:
        lowered(write_layers(tmp_path / "a.net", LAYERS), options)
    assert caught.value.codes == ("NM0001",)


@pytest.mark.parametrize("kind", ["cuba", "sdnn"])
def test_cores_equal_the_network(tmp_path: Path, kind: str) -> None:
    """Delays, strides, groups and biases on cores, over two inferences."""
    for seed in (3, 4):
        rng = np.random.default_rng(seed)
        path = write_layers(tmp_path / f"{seed}.net", random_layers(rng, kind))
        options = Options(recipe=Recipe(timesteps=12), spread=False)
        build = compile_model(load(path), load_target("loihi2"), options, lambda _: None)
        (result,) = build.verifications
        assert result.equal
        assert result.spikes > 0


def test_seeded_input_follows_the_transform(tmp_path: Path) -> None:
    """An input layer's numbers lie where its transform puts them; a video changes a little."""
    entry = {"type": "input", "shape": np.array([1, 5, 5]), "weight": 20, "bias": 7}
    rest = [{"type": "flatten", "shape": 25}, dense(np.full((2, 25), 2), CUBA)]
    path = write_layers(tmp_path / "a.net", [{**entry, "neuron": CUBA}, *rest])
    model = load(path)
    frames = stimuli.frames(model.program, None, 2, model.span)
    assert all(f.frame.min() >= -13 and f.frame.max() <= 27 for f in frames)
    assert len(np.unique(frames[0].frame)) > 5
    rest[1]["neuron"] = SDNN
    model = load(write_layers(tmp_path / "b.net", [{**entry, "neuron": SDNN}, *rest]))
    video = stimuli.frames(model.program, None, 1, model.span)[0].frame
    changed = np.mean(np.diff(video, axis=0) != 0)
    assert 0 < changed < 0.2
    messages = load(write_layers(tmp_path / "c.net", [dense(np.eye(9) * 4, SDNN)])).program
    train = stimuli.frames(messages, None, 1)[0].frame
    assert train.dtype == np.int32
    assert 0 < np.count_nonzero(train) < train.size / 4
    assert isinstance(messages.networks[0].input.op, ops.Input)
