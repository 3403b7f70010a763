"""Depths and delays when some paths have relays: every way into a population takes as long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.populations import INPUT_DEPTH, Stages
from nmcompile.target import CrossbarTarget

Path = tuple[str, int]
"""A population and the number of one of its projections."""


@dataclass(frozen=True)
class Timing:
    """When what arrives.

    Attributes:
        depth: d_p of every population, see `nmcompile.mapping.populations`.
        delay: ticks from a spike of the source (of the host: from its own tick) to the axon, by
            path.
        relayed: paths that go through relays.
        ticks: of one inference.
    """

    depth: Mapping[str, int]
    delay: Mapping[Path, int]
    relayed: frozenset[Path]
    ticks: int


def timing(split: Stages, relayed: frozenset[Path], chip: CrossbarTarget) -> Timing:
    """Time a network whose paths `relayed` take one tick more than the others at least.

    Raises:
        NmError: NM0306 for skip paths beyond the longest delay.
    """
    depth = {split.input.name: INPUT_DEPTH}
    delay: dict[Path, int] = {}
    problems = []
    most = chip.formats.delay_ticks_max.value
    ticks = 0
    for population in split.populations:
        name = population.name
        paths = [(p, (name, k)) for k, p in enumerate(population.projections)]
        depth[name] = 1 + max(depth[p.source] + (path in relayed) for p, path in paths)
        ticks = max(ticks, split.timesteps + depth[name] + max(p.lag for p, _ in paths))
        for projection, path in paths:
            host = projection.source == split.input.name
            delay[path] = depth[name] - depth[projection.source] + projection.lag - host
            if delay[path] > most + (path in relayed):
                problems.append(_too_long(projection.layer, delay[path], chip))
    if problems:
        raise NmError(*problems)
    return Timing(depth, delay, relayed, ticks)


def _too_long(layer: str, ticks: int, chip: CrossbarTarget) -> Diagnostic:
    return Diagnostic(
        code="NM0306",
        message="the skip path needs a longer axon delay than the target has",
        where=layer,
        limit=f"{chip.formats.delay_ticks_max.value} ticks "
        f"({chip.cite('formats.delay_ticks_max')})",
        found=str(ticks),
        help=("shorten the path beside it, or insert a population",),
    )
