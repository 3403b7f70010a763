"""Energy of one search crop by the papers' convention: operations x joules at 45 nm, nothing else.

A multiply-accumulate costs 4.6 pJ, an accumulation 0.9 pJ (Horowitz, ISSCC 2014, 32-bit float). The
first convolution sees real pixels and neck and head real features: they multiply. What is counted
of conv2 to conv5 are the accumulations that spikes really cause, at the borders too. Memory,
routing, membranes and leakage are not in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import stages
import torch
from figures import QUICK, Figure, Rows, table
from torch import nn
from torch.nn import functional
from training.pairs import normalise
from training.s4_pairs import held_out

from nmcompile.architectures.siamfcpp import SiamFCpp, SiamFCppConfig

E_MAC_PJ, E_AC_PJ = 4.6, 0.9
PAPER_SHARE = 0.346
CROPS = 16 if QUICK else 128
FULL = SiamFCppConfig()
COMMAND = "make bench-s4"
PARTS = ("conv1", "conv2 to conv5", "neck and head")


def main() -> Rows:
    """Energy of the ANN and of the spiking networks, small and full size."""
    rows: list[dict[str, Any]] = []
    crops = held_out(stages.network(stages.CHECKPOINTS["ANN"]).model.config, CROPS).x
    for name in ("ANN", stages.REFERENCE, "T = 2", "T = 1", stages.SHIPPED):
        model = stages.network(stages.CHECKPOINTS[name]).model
        rates, accumulations = measured(model, crops)
        small, full = work(model.config), work(replace(FULL, timesteps=model.config.timesteps))
        spiking = [accumulations] if model.config.timesteps else [None]
        spiking.append(at_rates(full, rates, model.config.timesteps))
        for size, macs, acs in zip(("small", "full size"), (small, full), spiking, strict=True):
            rows.append({"name": name, "size": size, "rates": rates, **energy(macs, acs)})
    for row in rows:
        (base,) = (r for r in rows if (r["name"], r["size"]) == (stages.REFERENCE, row["size"]))
        for what in ("total", "conv2 to conv5"):
            row[f"{what} of T = 3"] = round(row["uj"][what] / base["uj"][what], 4)
    print_table(rows)
    return figures_of(rows), rows


def work(config: SiamFCppConfig) -> dict[str, float]:
    """MACs of one search crop: conv1 ... conv5 of one timestep, and neck and head."""
    side, found = config.search_size, {}
    inputs = (3, *config.channels[:-1])
    for layer, (kernel, stride) in enumerate(zip(config.kernels, config.strides, strict=True)):
        side = (side - kernel) // stride + 1
        macs = side**2 * kernel**2 * inputs[layer] * config.channels[layer] // config.groups[layer]
        found[f"conv{layer + 1}"] = float(macs)
        if layer < 2:
            side = -(-(side - 3) // 2) + 1
    with torch.device("meta"):
        model = SiamFCpp(replace(config, timesteps=0)).eval()
        features = torch.zeros(1, config.channels[-1], side, side)
        sizes = (config.exemplar_size, config.exemplar_size)
        kernels = model.exemplar(torch.zeros(1, 3, *sizes))
        matched = model.search_class(features)
        area = (matched.shape[-1] - kernels[0].shape[-1] + 1) ** 2
        correlation = 2 * area * kernels[0][0].numel()
        counted: list[float] = []
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(
                    lambda m, _, out: counted.append(float(out.numel() * m.weight[0].numel()))
                )
        model.search_class(features)
        model.search_box(features)
        model.head(*(torch.zeros(1, config.head, *[int(area**0.5)] * 2) for _ in range(2)))
    return {**found, "head": sum(counted) + correlation}


@torch.no_grad()
def measured(model: SiamFCpp, crops: torch.Tensor) -> tuple[list[float], list[float]]:
    """Rates of the spikes that conv2 to conv5 get, and their accumulations per crop, all steps."""
    rates: list[list[float]] = [[] for _ in range(4)]
    sums = np.zeros(4)

    def count(layer: int) -> Any:
        def hook(conv: nn.Conv2d, inputs: tuple[torch.Tensor, ...], _: object) -> None:
            spikes = (inputs[0] != 0).float()
            rates[layer].append(float(spikes.mean()))
            window = torch.ones(1, 1, *conv.kernel_size)
            seen = functional.conv2d(spikes.sum(1, keepdim=True), window, stride=conv.stride)
            sums[layer] += float(seen.double().sum()) * conv.out_channels

        return hook

    convs = list(model.backbone.convs)[1:]
    hooks = [c[0].register_forward_hook(count(k)) for k, c in enumerate(convs)]  # type: ignore[index]
    for first in range(0, len(crops), 16):
        model.backbone(normalise(crops[first : first + 16]))
    for hook in hooks:
        hook.remove()
    return [round(float(np.mean(r)), 4) for r in rates], list(sums / len(crops))


def at_rates(macs: dict[str, float], rates: list[float], timesteps: int) -> list[float] | None:
    """Accumulations of conv2 to conv5 of another size at these rates; None for the ANN."""
    if not timesteps:
        return None
    return [timesteps * rates[k] * macs[f"conv{k + 2}"] for k in range(4)]


def energy(macs: dict[str, float], acs: list[float] | None) -> dict[str, Any]:
    """Operations in millions and energy in microjoules of the three parts."""
    middle = sum(macs[f"conv{k}"] for k in range(2, 6))
    spiking = middle * E_MAC_PJ if acs is None else sum(acs) * E_AC_PJ
    parts = dict(
        zip(PARTS, (macs["conv1"] * E_MAC_PJ, spiking, macs["head"] * E_MAC_PJ), strict=True)
    )
    total = sum(parts.values())
    return {
        "dense_macs": round(sum(macs.values())),
        "accumulations": None if acs is None else round(sum(acs)),
        "uj": {k: round(v * 1e-6, 4) for k, v in {**parts, "total": total}.items()},
        "share": {k: round(v / total, 4) for k, v in parts.items()},
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    """One line per network and size."""
    cells = []
    for row in rows:
        parts = [f"{row['uj'][p]:.1f} ({100 * row['share'][p]:.0f} %)" for p in PARTS]
        ratios = [f"{100 * row[f'{p} of T = 3']:.1f} %" for p in ("total", "conv2 to conv5")]
        cells.append((row["name"], row["size"], *parts, f"{row['uj']['total']:.1f}", *ratios))
    head = ("network", "size", *(f"{p} µJ" for p in PARTS), "all µJ")
    print(table((*head, "all, of T = 3", "conv2 to conv5, of T = 3"), cells))
    print("\nrates of the spikes into conv2 ... conv5:")
    for row in rows:
        if row["size"] == "small" and row["accumulations"]:
            print(f"* {row['name']}: {', '.join(f'{r:.3f}' for r in row['rates'])}")


def figures_of(rows: list[dict[str, Any]]) -> list[Figure]:
    """Energy of every row; what T = 1 costs of T = 3 beside the paper's 34.6 %."""
    found = []
    for row in rows:
        name = f"{row['name']}, {row['size']}"
        found.append(Figure(f"{name}: energy of a search crop", row["uj"]["total"], "uJ", COMMAND))
        if row["name"] not in ("T = 1", stages.SHIPPED):
            continue
        for what in ("total", "conv2 to conv5"):
            value = row[f"{what} of T = 3"]
            peer = ("S4-KD against Spiking SiamFC++", PAPER_SHARE)
            found.append(Figure(f"{name}: {what} of T = 3", value, "1", COMMAND, None, *peer))
    return found
