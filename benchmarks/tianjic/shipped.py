"""The shipped models on cores: every spike and activation equal to the golden network's.

    python benchmarks/tianjic/run.py shipped     (QUICK=1: DashNet alone)

DashNet is the small trained one (76 x 76): a hybrid program, whose output is one window of events.
SiamSNN runs three scales a frame; as an ANN it keeps its activations, rounded to 8 bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from figures import Figure, table

from nmcompile.build.compiled import Options, compile_model
from nmcompile.build.reporting import make_report
from nmcompile.frontends import load
from nmcompile.passes.presets import PRESETS
from nmcompile.report.schema import Report
from nmcompile.target import load_target

COMMAND = "make bench-tianjic"
MODELS = Path(__file__).resolve().parents[2] / "models"
CASES = (
    ("DashNet, trained, 76 x 76", "dashnet/dashnet.pt", "default"),
    ("SiamSNN", "siamsnn/siamsnn.pt", "default"),
    ("SiamSNN as 8-bit ANN", "siamsnn/siamsnn.pt", "ann-8bit"),
    ("SiamSNN for TrueNorth", "siamsnn-truenorth/siamsnn-truenorth.pt", "default"),
)
HEAD = (
    *("model", "cores", "chips", "phases", "FPS", "latency ms", "SOPs M", "MACs M"),
    *("uJ, at least", "range uJ", "response error", "spikes compared"),
)


def rows(quick: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Build, verify and charge every model that is there."""
    found: list[Figure] = []
    results: list[dict[str, Any]] = []
    lines: list[tuple[object, ...]] = []
    for name, file, preset in CASES[: 1 if quick else None]:
        if not (MODELS / file).is_file():
            print(f"{name}: {file} is not there\n")
            continue
        options = Options(PRESETS[preset])
        target = load_target("tianjic")
        build = compile_model(load(MODELS / file), target, options, lambda _: None)
        report = make_report(build, "")
        lines.append(_line(name, report))
        results.append(_row(name, report))
        found += [
            Figure(f"{name}: cores", report.headline.cores, "1", COMMAND),
            Figure(f"{name}: FPS", report.headline.fps.value, "1/s", COMMAND),
            Figure(
                *(f"{name}: energy per output, at least", report.headline.energy_per_frame.value),
                *("J", COMMAND),
            ),
        ]
    print(table(HEAD, lines))
    return found, results


def _row(name: str, report: Report) -> dict[str, Any]:
    energy = report.headline.energy_per_frame
    return {
        "model": name,
        "cores": report.headline.cores,
        "chips": report.headline.chips,
        "ticks": {s.step: s.ticks for s in report.timing.steps},
        "fps": report.headline.fps.value,
        "latency_s": report.headline.latency.value,
        "sops": report.counters.sops_per_frame,
        "macs": report.counters.macs_per_frame,
        "energy_j_at_least": energy.value,
        "energy_j_low": energy.low,
        "energy_j_known_high": energy.known_high,
        "response_relative_error": report.accuracy.response_relative_error,
        "stimulus": report.accuracy.stimulus,
        "spikes_compared": sum(v.compared.spikes for v in report.verification),
        "equal": all(v.equal for v in report.verification),
    }


def _line(name: str, report: Report) -> tuple[object, ...]:
    row = _row(name, report)
    if not row["equal"]:
        raise RuntimeError(f"{name}: the mapped cores differ from the golden network")
    ticks = ", ".join(f"{step} {count}" for step, count in row["ticks"].items())
    return (
        name,
        row["cores"],
        row["chips"],
        ticks,
        f"{row['fps']:.1f}",
        f"{1e3 * row['latency_s']:.2f}",
        f"{row['sops'] / 1e6:.2f}",
        f"{row['macs'] / 1e6:.2f}",
        f"{1e6 * row['energy_j_at_least']:.1f}",
        " to ".join(f"{1e6 * row[end]:.1f}" for end in ("energy_j_low", "energy_j_known_high")),
        f"{row['response_relative_error']:.1%}",
        f"{row['spikes_compared']:,}",
    )
