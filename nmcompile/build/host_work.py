"""What a tracker's loop does on the host, counted: elementary operations of each step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final

from nmcompile.ir.program import HostCounts, Program, Step
from nmcompile.mapping.graph import MappedGraph
from nmcompile.passes.frame_reset import reset_name

UPSAMPLED: Final = 272
"""Side of the enlarged response when the settings do not say (SiamFC)."""


def with_host_ops(program: Program) -> Program:
    """The program with operation counts on the steps of its tracker's loop.

    The frame's mean colour (one addition per sample of the frame) depends on the frame's size
    and is left out, and so are the additions that put events into bins, which depend on the
    events. Programs without a tracker come back unchanged.
    """
    if program.tracker not in _COUNTS:
        return program
    counts = _COUNTS[program.tracker](program)
    schedule = tuple(
        dataclasses.replace(step, host_ops=counts.get(step.name, step.host_ops))
        for step in program.schedule
    )
    return dataclasses.replace(program, schedule=schedule)


def with_reset_writes(golden: Program, graphs: Mapping[str, MappedGraph]) -> Program:
    """The program whose reset steps count what the host rewrites on the mapped cores.

    Copies and relays have membranes too, and a core may keep spikes that are still on their way.
    """
    counts = {
        reset_name(step): graphs[step.network].reset_writes()
        for step in golden.schedule
        if step.network is not None and step.network in graphs
    }
    schedule = tuple(
        dataclasses.replace(step, host_ops=counts[step.name]) if step.name in counts else step
        for step in golden.schedule
    )
    return dataclasses.replace(golden, schedule=schedule)


def _siamfc(program: Program) -> dict[str, HostCounts]:
    """Counts per run of a step; `peak` runs once for all scales."""
    upsampled = dict(program.settings).get("upsampled_size", UPSAMPLED)
    large = int(str(upsampled)) ** 2
    scales = program.step("crop_search").repeat
    return {
        "crop_template": (("crop_pixels", _pixels(program, program.step("template"))),),
        "crop_search": (("crop_pixels", _pixels(program, program.step("search"))),),
        "peak": (
            ("upsample_pixels", scales * large),
            ("peak_compares", scales * large + large),
            ("normalise_adds", 2 * large),
            ("normalise_multiplies", 2 * large),
            ("window_multiplies", 2 * large),
            ("window_adds", large),
        ),
    }


def _siamfcpp(program: Program) -> dict[str, HostCounts]:
    """Counts per run of a step: two sigmoids, four distances, penalty and window of every place."""
    head = program.network("head")
    places = head.types[head.output.name].shape[1] ** 2
    return {
        "crop_template": (("crop_pixels", _pixels(program, program.step("template"))),),
        "crop_search": (("crop_pixels", _pixels(program, program.step("search"))),),
        "select": (
            ("exponentials", 7 * places),
            ("square_roots", places),
            ("divides", 7 * places),
            ("multiplies", 16 * places),
            ("adds", 9 * places),
            ("compares", 7 * places),
        ),
    }


def _spiketrack(program: Program) -> dict[str, HostCounts]:
    """Counts per run of a step; sigmoids are those of the scores and of the best place's size."""
    template, search = (program.network(name) for name in ("template", "search"))
    places = search.types[search.output.name].size // 5
    crops = template.timesteps * _pixels(program, program.step("template"))
    return {
        "crop_template": (("crop_pixels", crops),),
        "crop_search": (("crop_pixels", _pixels(program, program.step("search"))),),
        "peak": (
            ("peak_sigmoids", places + 2),
            ("window_multiplies", places),
            ("peak_compares", places),
        ),
    }


def _dashnet(program: Program) -> dict[str, HostCounts]:
    """Counts per run of a step: view and attention mask (eq. 11), complementary filter (7 to 9)."""
    view = _pixels(program, program.step("ann"))
    return {
        "view_frame": (
            ("crop_pixels", view),
            ("mask_exponentials", view),
            ("mask_multiplies", 4 * view),
            ("mask_adds", 3 * view),
        ),
        "filter": (("filter_exponentials", 1), ("filter_multiplies", 11), ("filter_adds", 9)),
    }


def _pixels(program: Program, step: Step) -> int:
    network = program.network(step.network or "")
    shape = network.types[network.input.name].shape
    return shape[1] * shape[2]


_COUNTS: Final[Mapping[str, Callable[[Program], dict[str, HostCounts]]]] = {
    "siamfc": _siamfc,
    "siamfcpp": _siamfcpp,
    "spiketrack": _spiketrack,
    "dashnet": _dashnet,
}
