"""The ordered passes of a build, level by level."""

from __future__ import annotations

from functools import partial

from nmcompile.passes.ann_networks import ann_to_host
from nmcompile.passes.fit_widths import fit_widths
from nmcompile.passes.fold_batch_norm import fold_batch_norm
from nmcompile.passes.fold_preprocess import fold_preprocess
from nmcompile.passes.frame_reset import frame_reset
from nmcompile.passes.fuse_pooling import fuse_pooling
from nmcompile.passes.hold_input import hold_input
from nmcompile.passes.linear_readout import linear_readout
from nmcompile.passes.manager import Pass
from nmcompile.passes.match_over_time import match_over_time
from nmcompile.passes.membranes_to_host import membranes_to_host
from nmcompile.passes.pixel_neurons import pixel_neurons
from nmcompile.passes.place_matching import place_matching
from nmcompile.passes.quantise import quantise
from nmcompile.passes.schedules_to_host import schedules_to_host
from nmcompile.passes.suit_states import suit_states
from nmcompile.passes.to_host import input_to_host, readout_to_host
from nmcompile.passes.to_spiking import to_spiking

FLOAT: tuple[Pass, ...] = (
    Pass("fold_batch_norm", fold_batch_norm),
    Pass("fold_preprocess", fold_preprocess),
    Pass("fuse_pooling", fuse_pooling),
    Pass("linear_readout", linear_readout),
)
SPIKING: tuple[Pass, ...] = (
    Pass("to_spiking", to_spiking),
    Pass("match_over_time", match_over_time),
)
PLACED: tuple[Pass, ...] = (
    Pass("ann_to_host", ann_to_host),
    Pass("place_matching", place_matching),
    Pass("membranes_to_host", membranes_to_host),
    Pass("readout_to_host", readout_to_host),
    Pass("schedules_to_host", schedules_to_host),
    Pass("pixel_neurons", pixel_neurons),
    Pass("input_to_host", input_to_host),
    Pass("frame_reset", frame_reset),
)
"""Integer programs with the host's part cut off, before anything is fitted to a chip's numbers."""
INTEGER: tuple[Pass, ...] = (
    Pass("quantise", quantise),
    Pass("suit_states", partial(suit_states, placed=PLACED)),
)
GOLDEN: tuple[Pass, ...] = (
    Pass("ann_to_host", ann_to_host),
    Pass("place_matching", place_matching),
    Pass("membranes_to_host", membranes_to_host),
    Pass("readout_to_host", readout_to_host),
    Pass("schedules_to_host", schedules_to_host),
    Pass("pixel_neurons", pixel_neurons),
    Pass("input_to_host", input_to_host),
    Pass("hold_input", hold_input),
    Pass("fit_widths", fit_widths),
    Pass("frame_reset", frame_reset),
)
