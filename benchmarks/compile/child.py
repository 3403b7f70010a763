"""One compilation in a process of its own: load, lower and map, or say why not; JSON to stdout."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from figures import peak_bytes  # noqa: E402

from nmcompile.build.compiled import Options  # noqa: E402
from nmcompile.build.feasibility import feasibility  # noqa: E402
from nmcompile.diagnostics import NmError  # noqa: E402
from nmcompile.frontends import load  # noqa: E402
from nmcompile.target import load_target  # noqa: E402


def main(path: Path, target: str) -> None:
    """What `nmcompile check` finds, with its time and the most memory."""
    started = time.process_time()
    model = load(path)
    loaded = time.process_time()
    found: dict[str, Any] = {}
    try:
        fit = feasibility(model, load_target(target), Options(verify=False))
        problems = fit.problems
        found["cores"] = sum(n.cores or 0 for n in fit.networks)
        found["chips"] = fit.chips
    except NmError as error:
        problems = error.diagnostics
    reasons = Counter(d.code for d in problems if d.is_error)
    found["outcome"] = "why-not" if reasons else "mapped"
    found["reasons"] = dict(sorted(reasons.items()))
    found["import_cpu_s"] = started
    found["load_cpu_s"] = loaded - started
    found["check_cpu_s"] = time.process_time() - loaded
    found["peak_bytes"] = peak_bytes()
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
