"""Every axon of the layers' cores, and the neuron or input element that drives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.mapping.cut import Cut
from nmcompile.backends.truenorth.mapping.forms import Form
from nmcompile.backends.truenorth.mapping.tiling import Tiling
from nmcompile.backends.truenorth.mapping.timing import Timing
from nmcompile.mapping.populations import Population, Projection, Stages
from nmcompile.mapping.window import sources

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Endpoints:
    """Axons, one entry each.

    Attributes:
        element: the neuron of the source, or the input element, in (C, H, W) order.
        core: number of the core. axon: on the core.
        delay: ticks after the spike.
        path: number of the path, in the order of `paths`.
    """

    element: I64
    core: I64
    axon: I64
    delay: I64
    path: I64

    def take(self, chosen: npt.NDArray[np.generic]) -> Endpoints:
        """Some of them."""
        return Endpoints(*(getattr(self, name)[chosen] for name in _FIELDS))

    @staticmethod
    def nowhere(count: int) -> Endpoints:
        """Places for neurons that send to no axon."""
        core = np.full(count, -1, np.int64)
        zero = (np.zeros(count, np.int64) for _ in range(3))
        return Endpoints(core.copy(), core, *zero)

    @staticmethod
    def joined(parts: list[Endpoints]) -> Endpoints:
        """One after the other."""
        empty = Endpoints(*(np.zeros(0, np.int64) for _ in _FIELDS))
        both = [empty, *parts]
        return Endpoints(*(np.concatenate([getattr(p, name) for p in both]) for name in _FIELDS))


_FIELDS = ("element", "core", "axon", "delay", "path")


@dataclass(frozen=True)
class LayerAxons:
    """The axons of one population's cores.

    Attributes:
        per_core: number of axons of every core.
        types: of every axon, core by core.
        by_source: what drives them, by name of the source.
    """

    per_core: I64
    types: U8
    by_source: Mapping[str, Endpoints]


def layer_axons(
    population: Population, split: Stages, tiling: Tiling, times: Timing, core0: int, path0: int
) -> LayerAxons:
    """Number the axons of every core box by box, in the order of `Form.crossbar`.

    Args:
        population: whose cores. split, tiling, times: the network.
        core0: number of the first of its cores. path0: of its first path.
    """
    name = population.name
    cut, forms = tiling.cuts[name], tiling.cutters[name].forms
    axon0, per_core = first_axons(cut)
    types = np.empty(int(per_core.sum()), np.uint8)
    core_start = np.concatenate([[0], np.cumsum(per_core)[:-1]])
    found: dict[str, list[Endpoints]] = {p.source: [] for p in population.projections}
    for number in np.unique(cut.form).tolist():
        form = forms.known[number]
        boxes = np.flatnonzero(cut.form == number)
        core, place = cut.core[boxes], axon0[boxes]
        row = 0
        for k, projection in enumerate(population.projections):
            channel, _, at_y, at_x = np.nonzero(form.rows[k])
            element = _elements(projection, cut, boxes, form, k, (channel, at_y, at_x))
            axons = place[:, None] + row + np.arange(len(channel))
            whole = np.broadcast_to(core[:, None], element.shape)
            types[core_start[whole] + axons] = form.types(k)
            fixed = (times.delay[name, k], path0 + k)
            found[projection.source].append(
                Endpoints(
                    element.reshape(-1),
                    (whole + core0).reshape(-1),
                    axons.reshape(-1),
                    *(np.full(element.size, value, np.int64) for value in fixed),
                )
            )
            row += len(channel)
    by_source = {source: Endpoints.joined(parts) for source, parts in found.items()}
    return LayerAxons(per_core, types, by_source)


def first_axons(cut: Cut) -> tuple[I64, I64]:
    """First axon of every box on its core, and the axons of every core."""
    order = np.argsort(cut.core, kind="stable")
    sizes = cut.axons[order]
    before = np.cumsum(sizes) - sizes
    per_core = np.bincount(cut.core, weights=cut.axons).astype(np.int64)
    start = np.cumsum(per_core) - per_core
    first = np.empty(len(order), np.int64)
    first[order] = before - start[cut.core[order]]
    return first, per_core


def _elements(
    projection: Projection,
    cut: Cut,
    boxes: I64,
    form: Form,
    index: int,
    axons: tuple[I64, I64, I64],
) -> I64:
    """`(boxes, axons)` source element of every axon."""
    channel, at_y, at_x = axons
    _, height, width = projection.source_shape
    low = cut.boxes[boxes].tolist()
    rows = np.array([sources(projection.y, y0, y1) for y0, y1, *_ in low], np.int64)
    columns = np.array([sources(projection.x, x0, x1) for _, _, x0, x1, *_ in low], np.int64)
    if not len(channel):
        return np.zeros((len(boxes), 0), np.int64)
    at = form.channels[index][channel].astype(np.int64) * height
    found: I64 = (at + rows[:, at_y]) * width + columns[:, at_x]
    return found
