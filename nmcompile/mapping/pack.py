"""Tiles into cores: first fit, largest first, among the cores of neighbouring layers.

Demands of tiles that share a core are added, an upper bound: rows and weights that two tiles
have in common are stored once but counted twice here.
"""

from __future__ import annotations

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.demand import Demand
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.populations import Population

NEIGHBOURS = 1
"""A core may hold tiles of populations this far apart in network order."""


def pack(
    demands: list[tuple[Population, list[Demand]]], limits: Limits, *, share: bool = True
) -> list[list[int]]:
    """The core of every tile, per population; cores are numbered from 0 without gaps.

    Args:
        demands: of every tile.
        limits: of a core.
        share: whether tiles may share a core; otherwise each gets its own.

    Raises:
        NmError: NM0307 when the largest system of the target has fewer cores.
    """
    used: list[Demand] = []
    newest: list[int] = []
    cores: list[list[int]] = []
    for layer, (_, tiles) in enumerate(demands):
        chosen = [0] * len(tiles)
        order = sorted(range(len(tiles)), key=lambda i: (-tiles[i].total_memory_bytes, i))
        for i in order:
            core = _first_fit(tiles[i], used, newest, layer, limits) if share else len(used)
            if core == len(used):
                used.append(Demand())
                newest.append(layer)
            used[core] = used[core] + tiles[i]
            newest[core] = layer
            chosen[i] = core
        cores.append(chosen)
    _check_system(len(used), limits)
    return _renumbered(cores)


def _first_fit(
    tile: Demand, used: list[Demand], newest: list[int], layer: int, limits: Limits
) -> int:
    for core, demand in enumerate(used):
        if newest[core] >= layer - NEIGHBOURS and (demand + tile).fits(limits):
            return core
    return len(used)


def _renumbered(cores: list[list[int]]) -> list[list[int]]:
    """Number cores in the order in which the tiles meet them, not in packing order."""
    number: dict[int, int] = {}
    return [[number.setdefault(core, len(number)) for core in layer] for layer in cores]


def _check_system(cores: int, limits: Limits) -> None:
    available = limits.cores * limits.chips_max
    if cores > available:
        raise NmError(
            Diagnostic(
                code="NM0307",
                message="the network needs more cores than the largest system has",
                limit=f"{available} cores = {limits.chips_max} chips of {limits.cores} "
                f"({limits.source('chips_max')})",
                found=str(cores),
                help=("use a smaller input, fewer channels or larger strides",),
            )
        )
