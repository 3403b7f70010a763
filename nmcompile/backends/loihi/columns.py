"""Columns of the tables that the compiled simulator reads, one row of int32 per entry.

Names follow `nmcompile.mapping.coregraph`. A few wide tables, rather than one array per column,
keep what belongs together in one cache line, and the compiled functions short of arguments.
"""

from __future__ import annotations

from typing import Final

# An in-axon: one route into a tile, ordered by tile.
IN_GROUP: Final = 0
IN_DELAY: Final = 1
IN_ROW: Final = 2
IN_ACC: Final = 3
IN_COUNTER: Final = 4
"""First spike counter, of a tile that counts."""
IN_STEP: Final = 5
"""Weights from one of its rows to the next where they differ in nothing else, else `MIXED`."""
IN_COLUMNS: Final = 6
MIXED: Final = -(2**31)

GROUP_LINE0: Final = 0
GROUP_LINES: Final = 1
GROUP_PAYLOAD0: Final = 2
"""First payload of a group whose spikes carry payloads, else -1."""
GROUP_HOST: Final = 3
GROUP_COLUMNS: Final = 4

ROW_RUN0: Final = 0
ROW_RUNS: Final = 1
ROW_DST: Final = 2
ROW_W: Final = 3
ROW_NONZERO: Final = 4
ROW_TOTAL: Final = 5
"""Stored weights, the zeros included."""
ROW_PARTS: Final = 6
"""Of a tile with several parts, the first of their counts of non-zero weights."""
ROW_COLUMNS: Final = 7

RUN_DST: Final = 0
RUN_W: Final = 1
RUN_LENGTH: Final = 2
RUN_COLUMNS: Final = 3

TILE_NEURON0: Final = 0
TILE_NEURONS: Final = 1
TILE_ACC0: Final = 2
TILE_PROFILE: Final = 3
TILE_GROUP0: Final = 4
TILE_GROUP1: Final = 5
TILE_IN0: Final = 6
TILE_IN1: Final = 7
TILE_PART0: Final = 8
TILE_PART1: Final = 9
TILE_STEADY: Final = 10
"""Whether all that arrives comes from the host, at once, and is simply added up."""
TILE_COLUMNS: Final = 11

# A part of a tile: the neurons that one tile of the mapped graph has.
PART_NEURON: Final = 0
"""The first, counted from the first of the tile."""
PART_NEURONS: Final = 1
PART_COLUMNS: Final = 2

KIND: Final = 0
START: Final = 1
END: Final = 2
PORT0: Final = 3
PORTS: Final = 4
INPUT_SHIFT: Final = 5
U_KEEP: Final = 6
V_KEEP: Final = 7
STATE_SHIFT: Final = 8
STATE_BITS: Final = 9
SUBTRACT: Final = 10
PAYLOAD0: Final = 11
PAYLOAD1: Final = 12
BURST: Final = 13
SUMS: Final = 14
SENDS_CHANGES: Final = 15
RELU: Final = 16
SPIKE_EXP: Final = 17
STATE_EXP: Final = 18
MESSAGE_BITS: Final = 19
WIDE_SUMS: Final = 20
"""Whether sums may leave 32 bits."""
PLAIN: Final = 21
"""Binary spikes and states of `SHORT_BITS` at most, so that 32-bit arithmetic is exact."""
PROFILE_COLUMNS: Final = 22

SHORT_BITS: Final = 24

OF_PROFILE: Final = (
    (START, "start_tick"),
    (END, "end_tick"),
    (INPUT_SHIFT, "input_shift"),
    (U_KEEP, "u_keep"),
    (V_KEEP, "v_keep"),
    (STATE_SHIFT, "state_shift"),
    (STATE_BITS, "state_bits"),
    (SUBTRACT, "subtract"),
    (BURST, "burst"),
    (SUMS, "sums"),
    (SENDS_CHANGES, "sends_changes"),
    (RELU, "relu"),
    (SPIKE_EXP, "spike_exp"),
    (STATE_EXP, "state_exp"),
    (MESSAGE_BITS, "message_bits"),
    (WIDE_SUMS, "wide_sums"),
)
"""Columns that are fields of `Profile`."""
