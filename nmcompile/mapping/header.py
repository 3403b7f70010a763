"""What the graph of every chip says about a network beside its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nmcompile.mapping.graph import PopulationInfo
from nmcompile.mapping.populations import Stages


def header_of(split: Stages, depth: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Fields of `MappedGraph` that follow from the network alone.

    Args:
        split: the network.
        depth: d_p of every population, where the mapper changed it.
    """
    depths = {p.name: p.depth for p in split.populations} | dict(depth or {})
    return {
        "network": split.network,
        "timesteps": split.timesteps,
        "input_shape": split.input.golden_shape,
        "input_mode": split.input.mode,
        "input_bits": split.input.bits,
        "input_signed": split.input.signed,
        "encode": split.input.encode,
        "output": split.output,
        "output_shape": next(p.golden_shape for p in split.populations if p.name == split.output),
        "readout": split.readout,
        "signed_pairs": split.signed_pairs,
        "slot": split.slot,
        "slot_shape": split.slot_shape,
        "slot_largest": split.slot_largest,
        "populations": tuple(
            PopulationInfo(
                *(p.name, p.layer, p.kind, p.shape, p.golden_shape, depths[p.name]),
                *(p.bits, p.signed),
            )
            for p in split.populations
        ),
    }
