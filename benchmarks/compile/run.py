"""Does a network of this size compile, in what time and in how much memory?

make bench-compile                                  (QUICK=1: two sizes, SiamFC-3s on one target)
python benchmarks/compile/run.py growth trackers    (or one of the two)

`growth`: generated convolution networks from 10 thousand to 10 million neurons. `trackers`: the
full-size networks. Each is loaded, lowered and mapped (what `nmcompile check` does) in a process
of its own that may use 120 s of processor time and 6 GB; it ends with a mapping or with the reasons
why there is none. Processor time, as other programs run on the same machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from figures import QUICK, Figure, Rows, run_parts, table  # noqa: E402

COMMAND = "make bench-compile"
CPU_S, MEMORY_BYTES = 120.0, 6e9
LOOK_S = 0.2
SIZES = (10_000, 100_000) if QUICK else (10_000, 100_000, 1_000_000, 10_000_000)
TARGETS = ("loihi2",) if QUICK else ("loihi2", "loihi1", "truenorth", "tianjic")
TRACKERS = ("SiamFC-3s",) if QUICK else ("SiamFC-3s", "SiamFC++ AlexNet", "SpikeTrack B256")
HEAD = ("network", "target", "outcome", "cores", "chips", "load s", "check s", "GB")
GROWTH_HEAD = ("target", "from", "to", "time as neurons to the", "memory as neurons to the")
SELF = {**os.environ, "OMP_NUM_THREADS": "1"}


def growth() -> Rows:
    """Generated networks of rising size; what stops at a limit is not tried at the next one."""
    figures, rows = _all([(_title(size), str(size)) for size in SIZES], stop=True)
    ran = {(row["network"], row["target"]): row for row in rows if "check_cpu_s" in row}
    steps = []
    for target in TARGETS:
        for small, large in pairwise(SIZES):
            one, two = ran.get((_title(small), target)), ran.get((_title(large), target))
            if one is None or two is None:
                continue
            time_power, memory_power = (
                log(two[of] / one[of]) / log(large / small) for of in ("check_cpu_s", "peak_bytes")
            )
            step = (target, f"{small:,}", f"{large:,}")
            steps.append((*step, f"{time_power:.2f}", f"{memory_power:.2f}"))
            name = f"growth of processor time on {target}, {small:,} to {large:,} neurons"
            figures.append(Figure(name, time_power, "exponent", COMMAND))
    print("\n" + table(GROWTH_HEAD, steps))
    return figures, rows


def trackers() -> Rows:
    """The full-size trackers."""
    return _all([(name, name) for name in TRACKERS], stop=False)


def _title(size: int) -> str:
    return f"{size:,} neurons"


def _all(cases: list[tuple[str, str]], *, stop: bool) -> Rows:
    rows: list[dict[str, Any]] = []
    stopped: set[str] = set()
    with tempfile.TemporaryDirectory() as scratch:
        for title, name in cases:
            path = Path(scratch) / "model.pt"
            made = [sys.executable, str(HERE / "nets.py"), name, str(path)]
            subprocess.run(made, check=True, env=SELF)
            for target in TARGETS:
                if target in stopped:
                    continue
                rows.append({"network": title, "target": target, **_limited(path, target)})
                print("  ".join(_cells(rows[-1])), file=sys.stderr, flush=True)
                if stop and rows[-1]["outcome"].startswith("stopped"):
                    stopped.add(target)
            path.unlink()
    print(table(HEAD, [_cells(row) for row in rows]))
    return [figure for row in rows for figure in _figures(row)], rows


def _limited(path: Path, target: str) -> dict[str, Any]:
    """What the child printed, or the limit that it was stopped at, with time and memory."""
    command = [sys.executable, str(HERE / "child.py"), str(path), target]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=SELF, text=True)
    memory = cpu = 0.0
    outcome = ""
    while process.poll() is None:
        memory, cpu = max(memory, _memory(process.pid)), max(cpu, _cpu(process.pid))
        if cpu > CPU_S or memory > MEMORY_BYTES:
            outcome = f"stopped at {CPU_S:.0f} s" if cpu > CPU_S else "stopped at 6 GB"
            process.kill()
            process.wait()
            break
        time.sleep(LOOK_S)
    text = process.stdout.read() if process.stdout is not None else ""
    if outcome:
        return {"outcome": outcome, "cpu_s": cpu, "peak_bytes": memory}
    if process.returncode:
        return {"outcome": f"failed: {process.returncode}", "cpu_s": cpu, "peak_bytes": memory}
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    spent = found["import_cpu_s"] + found["load_cpu_s"] + found["check_cpu_s"]
    return {**found, "cpu_s": spent}


def _memory(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/status").read_text(encoding="ascii").split()
        return float(words[words.index("VmHWM:") + 1]) * 1024
    except (OSError, ValueError):
        return 0.0


def _cpu(pid: int) -> float:
    """Seconds of all threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0.0


def _figures(row: dict[str, Any]) -> list[Figure]:
    name = f"{row['network']} on {row['target']}, {row['outcome']}"
    return [
        Figure(f"{name}: processor time", row["cpu_s"], "s", COMMAND, f"at most {CPU_S:.0f}"),
        Figure(f"{name}: memory", row["peak_bytes"], "byte", COMMAND, "at most 6e9"),
    ]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    reasons = ", ".join(f"{n} x {code}" for code, n in row.get("reasons", {}).items())
    cores, chips = row.get("cores"), row.get("chips")
    return (
        row["network"],
        row["target"],
        f"{row['outcome']} ({reasons})" if reasons else row["outcome"],
        "-" if not cores or reasons else f"{cores:,}",
        "-" if not chips or reasons else f"{chips:,}",
        f"{row['load_cpu_s']:.1f}" if "load_cpu_s" in row else "-",
        f"{row['check_cpu_s']:.1f}" if "check_cpu_s" in row else f"over {row['cpu_s']:.0f}",
        f"{row['peak_bytes'] / 1e9:.2f}",
    )


if __name__ == "__main__":
    run_parts(HERE, {"growth": growth, "trackers": trackers})
