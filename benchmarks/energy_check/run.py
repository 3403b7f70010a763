"""The cost model beside published measurements: energy and timestep, by every table of costs.

    python benchmarks/energy_check/run.py          (QUICK=1 does the same: it is arithmetic)

Measurements and the counters of their workloads are data: `[measured]` in the target files. The
exit code is 1 when a target's own costs miss a measured energy or timestep by more than a quarter.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from figures import Figure, table, write  # noqa: E402

from nmcompile.config import read_toml  # noqa: E402
from nmcompile.report.opinions import checked_sections  # noqa: E402
from nmcompile.target import load_target, target_files  # noqa: E402
from nmcompile.units import format_si  # noqa: E402

COMMAND = "python benchmarks/energy_check/run.py"
WITHIN = 0.25
GOAL = f"within {100 * WITHIN:.0f} % of the measured figure"


@dataclass(frozen=True)
class Row:
    """One figure of one measurement by one table of costs; energies in J, timesteps in s."""

    measurement: str
    what: str
    costs: str
    own: bool
    measured: float
    modelled: float
    unit: str
    ratio: float
    open_counters: tuple[float, float]
    range_of_costs: tuple[float, float]

    @property
    def missed(self) -> bool:
        """Whether a target's own costs are too far off."""
        return self.own and abs(self.ratio - 1.0) > WITHIN


def rows() -> Iterator[Row]:
    """All measurements of the built-in chips; boards and variants only repeat them."""
    for file in target_files():
        if file.origin != "built-in" or "extends" in read_toml(file.path).data:
            continue
        target = load_target(file.name)
        for check in checked_sections(target):
            if check.target != target.name:
                continue
            for by in check.tables:
                energy = (", ".join(check.covers), check.energy, by.energy_j, by.energy)
                for what, measured, modelled, ratio in (
                    energy,
                    ("timestep", check.tick, by.tick_s, by.tick),
                ):
                    if measured and measured.value and modelled and ratio:
                        yield Row(
                            check.title,
                            what,
                            by.target,
                            by.target == target.name,
                            measured.value,
                            modelled,
                            measured.unit,
                            ratio.value,
                            (ratio.counters_low, ratio.counters_high),
                            (ratio.costs_low, ratio.costs_high),
                        )


def figures(found: list[Row]) -> list[Figure]:
    """The same in the form of all benchmarks."""
    return [
        Figure(
            name=f"{row.measurement}: {row.what}, costs of {row.costs}",
            value=row.modelled,
            unit=row.unit,
            command=COMMAND,
            goal=GOAL if row.own else None,
            peer="measured on the chip",
            peer_value=row.measured,
        )
        for row in found
    ]


def main() -> int:
    """Print the table, write result.json, compare."""
    found = list(rows())
    print(
        table(
            ("measurement", "what", "costs of", "measured", "model", "ratio", "counters", "costs"),
            (
                (
                    row.measurement,
                    row.what,
                    row.costs,
                    format_si(row.measured, row.unit),
                    format_si(row.modelled, row.unit),
                    f"{row.ratio:.2f}",
                    "{:.2f} to {:.2f}".format(*row.open_counters),
                    "{:.2f} to {:.2f}".format(*row.range_of_costs),
                )
                for row in found
            ),
        )
    )
    write(HERE, figures(found), [asdict(row) for row in found])
    missed = [f"{row.measurement}, {row.what}: x {row.ratio:.2f}" for row in found if row.missed]
    for line in missed:
        print(f"missed {GOAL}: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
