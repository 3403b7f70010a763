"""Placements of instances with known answers, beside baselines and lower bounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from figures import QUICK, Figure, Rows, peak_bytes, table
from instances import Instance, full_convolution, nug30, permuted_grid, planted

from nmcompile.mapping.jin2023 import jin2023
from nmcompile.mapping.placement.annealing import Annealing
from nmcompile.mapping.placement.baselines import BASELINES
from nmcompile.mapping.placement.bounds import hop_bound
from nmcompile.mapping.placement.force import relaxed
from nmcompile.mapping.placement.links import evened, link_loads
from nmcompile.mapping.placement.place import HEAT, REACH, place, search
from nmcompile.mapping.placement.starts import embedded, snapped

COMMAND = "make bench-mapping"
OURS, BUILD = "ours", "ours, as in a build"
LESS = 10 if QUICK else 1


@dataclass(frozen=True)
class Case:
    """An instance and how long it may be searched."""

    instance: Instance
    how: Annealing


def cases() -> list[Case]:
    """All instances; nug30 only where its file is."""
    found = [
        Case(permuted_grid(64), Annealing(1_000_000, (0.05,), 2)),
        Case(planted(64, 31, 3.0), Annealing(40_000_000 // LESS, (HEAT,), REACH)),
        Case(full_convolution(128), Annealing(200_000_000 // LESS, (HEAT,), REACH)),
    ]
    small = nug30()
    if small is not None:
        found.insert(0, Case(small, Annealing(1_000_000, (0.15,) * 20, 6)))
    return found


def ways(case: Case) -> dict[str, Callable[[], Any]]:
    """Every placement of a case, by name."""
    instance = case.instance
    flows, slots, centres = instance.flows, instance.slots, instance.centres
    found: dict[str, Callable[[], Any]] = {
        name: (lambda way=way: way(flows, slots)) for name, way in BASELINES.items()
    }
    if centres is not None:
        found["image positions"] = lambda: snapped(centres, slots)
    found["embedding of the graph"] = lambda: embedded(flows, slots)
    found["embedding + force-directed"] = lambda: relaxed(flows, slots, embedded(flows, slots), 4)
    found[BUILD] = lambda: place(flows, centres, slots, 0)
    found[OURS] = lambda: search(flows, centres, slots, 0, case.how)
    return found


def compare(case: Case) -> list[dict[str, Any]]:
    """Hops, gap and link loads of all placements of an instance."""
    instance = case.instance
    flows, slots = instance.flows, instance.slots
    packets = int(flows.packets.sum())
    bound = hop_bound(flows, slots)
    rows = []
    for name, way in ways(case).items():
        begin = time.process_time()
        chosen = way()
        seconds = time.process_time() - begin
        hops = int(slots.hops(chosen[flows.source], chosen[flows.target]) @ flows.packets)
        rows.append(
            {
                "instance": instance.name,
                "cores": flows.cores,
                "flows": len(flows.source),
                "way": name,
                "hops": hops,
                "average_hop": hops / packets,
                "bound": bound / packets,
                "gap": hops / bound - 1,
                "known": None if instance.known is None else instance.known / packets,
                "link_load_max": int(link_loads(flows, slots, chosen).max()),
                "cpu_s": seconds,
                "peak_bytes": peak_bytes(),
                "jin2023": asdict(jin2023(flows, slots, chosen)),
            }
        )
        if name == OURS and instance.centres is not None:
            rows.append(_evened(rows[-1], instance, chosen))
    return rows


def _evened(before: dict[str, Any], instance: Instance, chosen: Any) -> dict[str, Any]:
    """The same placement with even link loads for a hundredth of its hops."""
    flows, slots = instance.flows, instance.slots
    begin = time.process_time()
    found = evened(flows, slots, chosen, 1_000_000, before["hops"] // 100, 0)
    hops = int(slots.hops(found[flows.source], found[flows.target]) @ flows.packets)
    packets = int(flows.packets.sum())
    return before | {
        "way": f"{OURS} + link loads",
        "hops": hops,
        "average_hop": hops / packets,
        "gap": hops / packets / before["bound"] - 1,
        "link_load_max": int(link_loads(flows, slots, found).max()),
        "cpu_s": before["cpu_s"] + time.process_time() - begin,
        "jin2023": asdict(jin2023(flows, slots, found)),
    }


def warm() -> None:
    """Compile everything, so that no time below is a compiler's."""
    instance = planted(8, 3, 1.0)
    case = Case(instance, Annealing(1000, (1.0,), 2))
    _evened(compare(case)[-1], instance, np.arange(64, dtype=np.int32))


def measure() -> Rows:
    """All instances; prints the table."""
    warm()
    rows = [row for case in cases() for row in compare(case)]
    print(table(HEAD, [_cells(row) for row in rows]))
    ours = {row["instance"]: row for row in rows if row["way"] == OURS}
    found: list[Figure] = []
    for name, row in ours.items():
        goal, seconds = GOALS[name.split(",")[0].split(" 64")[0]]
        value, unit = row["average_hop"], "hops per packet"
        if name == "QAPLIB nug30":
            value, unit = row["hops"], "hops"
        elif name.startswith("planted"):
            value, unit = value / row["known"], "times planted"
        found.append(Figure(name, value, unit, COMMAND, goal))
        found.append(Figure(f"{name}: CPU seconds", row["cpu_s"], "s", COMMAND, seconds))
    large = next(row for row in rows if row["flows"] > 100_000 and row["way"] == OURS)
    found.append(
        Figure(
            f"peak memory with {large['cores']:,} cores and {large['flows']:,} flows",
            *(large["peak_bytes"], "B", COMMAND, "< 2e9"),
        )
    )
    return found, rows


GOALS = {
    "QAPLIB nug30": ("= 6124", "<= 10"),
    "permuted grid": ("< 1.2", "<= 60"),
    "planted": ("<= 1.10", "<= 60"),
    "full convolution": ("<= 1.75", "<= 60"),
}
HEAD = (
    *("instance", "cores", "flows", "placement", "hops per packet", "at least", "gap"),
    *("known", "busiest link", "CPU s"),
)


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        *(row["instance"], f"{row['cores']:,}", f"{row['flows']:,}", row["way"]),
        *(f"{row['average_hop']:.3f}", f"{row['bound']:.3f}", f"{100 * row['gap']:.0f} %"),
        "" if row["known"] is None else f"{row['known']:.3f}",
        *(f"{row['link_load_max']:,}", f"{row['cpu_s']:.1f}"),
    )
