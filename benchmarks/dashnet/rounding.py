"""What integer weights do to DashNet: where its two levels part, and what that costs the track.

    python benchmarks/dashnet/rounding.py [layers] [track]     (QUICK=1: fewer windows, segments)

Needs the real sequences (NMCOMPILE_DATA): the first two segments of each (`recordings`). Windows
are those that the float networks look at while they track.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import recordings  # noqa: E402
import torch  # noqa: E402
from figures import QUICK, table  # noqa: E402

from nmcompile.backends.registry import backend_of  # noqa: E402
from nmcompile.build.accuracy import relative_error  # noqa: E402
from nmcompile.build.compiled import Options, prepared, to_integer  # noqa: E402
from nmcompile.build.execute import reference_executor  # noqa: E402
from nmcompile.datasets.events.hybrid import HybridSequence  # noqa: E402
from nmcompile.datasets.events.simulator import SimulatorOptions, simulate_hybrid  # noqa: E402
from nmcompile.datasets.sequence import open_sequence  # noqa: E402
from nmcompile.evaluation.hybrid import score  # noqa: E402
from nmcompile.frontends import load  # noqa: E402
from nmcompile.ir import ops  # noqa: E402
from nmcompile.ir.network import Network  # noqa: E402
from nmcompile.ir.program import Program  # noqa: E402
from nmcompile.passes.recipe import LayerRecipe, Recipe  # noqa: E402
from nmcompile.reference.float import FloatRunner  # noqa: E402
from nmcompile.reference.integer import IntegerRunner  # noqa: E402
from nmcompile.reference.slots import empty_slots  # noqa: E402
from nmcompile.target import load_target  # noqa: E402
from nmcompile.trackers.dashnet.loop import Mode, track_hybrid  # noqa: E402
from nmcompile.trackers.dashnet.params import HybridParams  # noqa: E402
from nmcompile.trackers.dashnet.program_engine import ProgramHybridEngine  # noqa: E402
from nmcompile.trackers.dashnet.torch_engine import TorchHybridEngine, load_engine  # noqa: E402

MODEL = HERE.parents[1] / "models" / "dashnet" / "dashnet.pt"
READ_OUT = "snn.fc2"
RECIPES = {
    "8 bits": Recipe(),
    "8 bits, a step per channel": Recipe(weight_step="channel"),
    "8 bits, 32 levels": Recipe(weight_levels=32),
    "5 bits": Recipe(weight_bits=5),
    "8 bits, read-out 16": Recipe(layers={READ_OUT: LayerRecipe(weight_bits=16)}),
    "16 bits, read-out 8": Recipe(weight_bits=16, layers={READ_OUT: LayerRecipe(weight_bits=8)}),
    "16 bits": Recipe(weight_bits=16),
}
TRACKED = ("8 bits", "8 bits, 32 levels")
WINDOWS = 16 if QUICK else 64
SEGMENTS = 1 if QUICK else 2
Spikes = npt.NDArray[np.uint8]


class Watched:
    """The float engine, which keeps the windows that it is asked about."""

    def __init__(self, engine: TorchHybridEngine) -> None:
        self._engine = engine
        self.input_size, self.timesteps = engine.input_size, engine.timesteps
        self.frame = engine.frame
        self.windows: list[Spikes] = []

    def window(self, spikes: Spikes) -> npt.NDArray[np.float64]:
        """See `HybridEngine`."""
        self.windows.append(spikes.copy())
        return self._engine.window(spikes)


def programs(recipe: Recipe) -> dict[str, Program]:
    """The model in floats and in integers, also in those that no core holds."""
    target = load_target("tianjic")
    build = prepared(load(MODEL), target, Options(recipe))
    to_integer(build, backend_of(target))
    return build.programs


def segments() -> list[HybridSequence]:
    """The recordings."""
    found = []
    for name in recordings.SEQUENCES:
        whole = open_sequence(recordings.DATA / "sequences" / name).annotated()
        for part in recordings.segments(whole)[:SEGMENTS]:
            options = SimulatorOptions(interpolated=recordings.INTERPOLATED)
            found.append(simulate_hybrid(part, recordings.FRAME_RATE_HZ, options))
    return found


def layers(chosen: Sequence[HybridSequence]) -> None:
    """Spike counts of every layer and the box, float against integer, on the same windows."""
    engine, params = load_engine(MODEL)
    watched = Watched(engine)
    for recording in chosen:
        track_hybrid(watched, recording, params)
    order = np.random.default_rng(0).permutation(len(watched.windows))[:WINDOWS]
    windows = [watched.windows[k] for k in np.sort(order)]
    network = programs(Recipe())["float"].network("snn")
    names = tuple(node.name for node in network.of_type(ops.Neuron))
    batch = np.stack(windows, axis=1)
    exact = FloatRunner(network).run(batch, empty_slots(network), record=names)
    boxes = exact.output.reshape(len(windows), -1)
    rows = []
    for title, recipe in RECIPES.items():
        integer = programs(recipe)["integer"].network("snn")
        counts, found = _run(integer, windows, names)
        errors = [relative_error(exact.recorded[n], counts[n]) for n in names]
        apart = np.sqrt(((found - boxes) ** 2).mean())
        rows.append((title, *(f"{e:.3f}" for e in errors), f"{apart:.4f}"))
    spread = f"box: rms (spread of the answers {boxes.std(axis=0).mean():.4f})"
    labels = [network.by_name[n].label.removeprefix("snn.").removesuffix(".lif") for n in names]
    print(f"\n{len(windows)} windows, rate {batch.mean():.3f}\n")
    print(table(("weights", *labels, spread), rows), flush=True)


def _run(
    network: Network, windows: Sequence[Spikes], names: Sequence[str]
) -> tuple[dict[str, npt.NDArray[np.float64]], npt.NDArray[np.float64]]:
    runner, slots = IntegerRunner(network), empty_slots(network)
    runs = [runner.run(w, slots, record=True) for w in windows]
    counts = {n: np.stack([r.spikes[n].sum(axis=0, dtype=np.float64) for r in runs]) for n in names}
    return counts, np.stack([np.asarray(r.output, np.float64).reshape(-1) for r in runs])


def tracks(chosen: Sequence[HybridSequence]) -> None:
    """Mean overlap with the true boxes, and the paired difference to the float networks."""
    exact, params = load_engine(MODEL)
    engines: dict[str, Any] = {"float": exact}
    for title in TRACKED:
        integer = programs(RECIPES[title])["integer"]
        engines[title] = ProgramHybridEngine(reference_executor(integer))
    rows = []
    for mode in ("snn", "hybrid"):
        scores = {title: _scores(engine, chosen, params, mode) for title, engine in engines.items()}
        for title, own in scores.items():
            gained = own - scores["float"]
            error = gained.std(ddof=1) / len(gained) ** 0.5
            paired = "" if title == "float" else f"{gained.mean():+.3f} ± {error:.3f}"
            rows.append((mode, title, f"{own.mean():.3f}", paired))
    print(f"\n{len(chosen)} segments of 25 frames\n")
    print(table(("networks", "weights", "mean IoU", "against float"), rows), flush=True)


def _scores(
    engine: Any, chosen: Sequence[HybridSequence], params: HybridParams, mode: Mode
) -> npt.NDArray[np.float64]:
    found = [score(track_hybrid(engine, r, params, mode=mode), r) for r in chosen]
    return np.array([s.mean_iou for s in found if s is not None])


def main(parts: Sequence[str]) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    chosen = segments()
    if "layers" in parts:
        layers(chosen[:: 2 * SEGMENTS])
    if "track" in parts:
        tracks(chosen)


if __name__ == "__main__":
    main(sys.argv[1:] or ("layers", "track"))
