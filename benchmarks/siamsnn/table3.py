"""SiamSNN's Table III beside ours: operations and energy of one frame.

The paper counts one 255x255 crop of SiamFC-3s, T = 20. So does this table, on real search crops;
a tracker with three scales pays three times as much.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import common
import numpy as np

from nmcompile.evaluation.fidelity import sample_crops
from nmcompile.evaluation.response_maps import tracker_params
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.passes.presets import PRESETS
from nmcompile.passes.recipe import Recipe
from nmcompile.reference.float import channel_order
from nmcompile.reference.integer import IntegerRunner

PAPER_FLOPS = 5.44e9
PAPER_SOPS = 1.10e9
SOPS_PER_W = 400e9
FRAME_S = 0.020
CROPS = 2 if common.QUICK else 10

RECIPES: dict[str, Recipe] = {
    "as printed: gate, clip, 99.9, HSM + TS": PRESETS["siamsnn-paper"],
    "gate, clip, 99.9": PRESETS["siamsnn-psm"],
    "gate, clip, maximum": PRESETS["siamsnn-psm"].model_copy(update={"percentile": 100.0}),
    "OR, split, 99.9": Recipe(timesteps=20, pooling="or", v_init=0.0),
    "average, split, 99.9": Recipe(timesteps=20, pooling="average", v_init=0.0),
    "running maximum, clip, maximum": Recipe(
        timesteps=20, signed_output="relu", percentile=100.0, v_init=0.0
    ),
    "running maximum, split, 99.9": Recipe(timesteps=20, v_init=0.0),
    "default: running maximum, split, 99.9, half threshold": Recipe(timesteps=20),
}


def conv_macs(network: Network) -> list[tuple[int, int]]:
    """(multiply-accumulates, neurons) of every convolution of a float network, in order."""
    found = []
    for node in network.of_type(ops.Conv2d):
        if isinstance(node.op, ops.Conv2d):
            size = network.types[node.name].size
            found.append((size * int(np.prod(node.op.weight.shape[1:])), size))
    return found


def flops(network: Network) -> tuple[int, int]:
    """(multiply-accumulates, neurons with a bias) of the convolutions of a float network."""
    macs, neurons = zip(*conv_macs(network), strict=True)
    return sum(macs), sum(neurons)


def operations(recipe: Recipe, path: Path, crops: list[np.ndarray]) -> dict[str, float]:
    """Mean operations of one crop: spiking layers, pooling, correlation, first layer."""
    network = common.programs(path, recipe)["integer"].network("search")
    runner = IntegerRunner(network)
    slots = {
        node.op.slot: np.ones(network.types[node.name].shape, np.int32)
        for node in network.of_type(ops.Slot)
        if isinstance(node.op, ops.Slot)
    }
    sums = {"layers": 0, "pooling": 0, "macs": 0, "spikes": 0}
    for crop in crops:
        counters = runner.run(crop, slots).counters
        for layer in counters.layers:
            pooled = isinstance(network.by_name[layer.node].op, ops.SpikeMaxPool2d)
            sums["pooling" if pooled else "layers"] += layer.sops
            if layer.neurons:
                sums["macs"] += layer.macs
            sums["spikes"] += layer.spikes
    return {name: total / len(crops) for name, total in sums.items()}


def main() -> None:
    """Print the table and write table3.json."""
    figures = []
    with TemporaryDirectory() as scratch:
        path = common.checkpoint("siamfc_3s", Path(scratch))
        floats = common.programs(path, Recipe())["float"]
        macs, neurons = flops(floats.network("search"))
        total = 2 * macs + neurons
        print(f"FLOPs of one crop: 2 x {macs:,} MAC + {neurons:,} biases = {total:,}")
        figures.append(
            common.figure(
                "FLOPs of one 255 crop", total, "FLOP", peer="SiamSNN", peer_value=PAPER_FLOPS
            )
        )
        samples = sample_crops(common.sequences(), tracker_params(floats), CROPS, seed=0)
        crops = [channel_order(s.search[None], floats.preprocess)[0] for s in samples]
        rows = []
        for name, recipe in RECIPES.items():
            found = operations(recipe, path, crops)
            rows.append({"recipe": name, **found})
            figures.append(
                common.figure(
                    f"SOPs of one crop: {name}",
                    round(found["layers"]),
                    "SOP",
                    peer="SiamSNN",
                    peer_value=PAPER_SOPS,
                )
            )
    print(table(rows))
    print(explained())
    common.write_result("table3", figures, rows)


def table(rows: list[dict[str, object]]) -> str:
    """Operations and both readings of the energy formula, the paper's row first."""
    header = ("recipe", "SOPs / crop", "pooling", "conv1 MAC", "J = S / 400e9", "as printed")
    body = [("SiamSNN, printed", f"{PAPER_SOPS:.2e}", "", "", energy(PAPER_SOPS), "5.5e-05 J")]
    for row in rows:
        sops = float(str(row["layers"]))
        counts = (f"{sops:.2e}", f"{row['pooling']:.1e}", f"{row['macs']:.2e}")
        body.append(
            (str(row["recipe"]), *counts, energy(sops), f"{sops / SOPS_PER_W * FRAME_S:.1e} J")
        )
    return common.markdown(header, iter(body))


def energy(sops: float) -> str:
    """Joules per crop at 400 GSOPS/W."""
    return f"{sops / SOPS_PER_W:.2e} J"


def explained() -> str:
    """Where the factor of 50 comes from."""
    joules = PAPER_SOPS / SOPS_PER_W
    return (
        f"{PAPER_SOPS:.2e} operations per frame / {SOPS_PER_W:.0e} operations per joule = "
        f"{1e3 * joules:.2f} mJ per frame, {1e3 * joules / FRAME_S:.1f} mW over "
        f"{1e3 * FRAME_S:.0f} ms. The paper prints {1e3 * joules:.2f} mW and 55 uJ: it takes "
        f"operations per frame for operations per second, which makes the energy "
        f"{1 / FRAME_S:.0f} times too small."
    )


if __name__ == "__main__":
    main()
