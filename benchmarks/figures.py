"""What all benchmarks write: figures in one form, the machine and the versions beside them."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

QUICK = os.environ.get("QUICK") == "1"
"""Measure the same things with less repetition."""


@dataclass(frozen=True)
class Figure:
    """One measured figure; `goal` and `peer` are None where there is none."""

    name: str
    value: float | int | None
    unit: str
    command: str
    goal: str | None = None
    peer: str | None = None
    peer_value: float | int | None = None


Rows = tuple[list[Figure], list[dict[str, Any]]]
"""What a part of a benchmark returns: its figures, and the rows that they come from."""


def peak_bytes() -> int:
    """The most memory that this process has had; `getrusage` would inherit its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii").split()
    return int(status[status.index("VmHWM:") + 1]) * 1024


def write(folder: Path, figures: Iterable[Figure], rows: Any, *packages: str) -> Path:
    """`folder`/result.json (result-quick.json); returns it."""
    body = {
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "numba", *packages)},
        },
        "figures": [asdict(figure) for figure in figures],
        "rows": rows,
    }
    path = folder / ("result-quick.json" if QUICK else "result.json")
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return path


def run_parts(folder: Path, parts: Mapping[str, Callable[[], Rows]], *packages: str) -> None:
    """Measure the parts that the command line names; write when it was all of them.

    Args:
        folder: of the benchmark.
        parts: by name; each prints its tables and returns its figures and rows.
        packages: whose versions are written beside numpy's and numba's.
    """
    chosen = sys.argv[1:] or list(parts)
    found: list[Figure] = []
    rows: dict[str, Any] = {}
    for name in chosen:
        if name not in parts:
            sys.exit(f"there is no part `{name}`: {', '.join(parts)}")
        print(f"\n## {name}\n", flush=True)
        part, rows[name] = parts[name]()
        found += part
    if set(chosen) == set(parts):
        write(folder, found, rows, *packages)


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
