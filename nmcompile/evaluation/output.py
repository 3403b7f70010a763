"""The folder that `evaluate` writes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.evaluation.plots import PLOTS, write_plots
from nmcompile.evaluation.run import Plan
from nmcompile.evaluation.tables import results_markdown
from nmcompile.evaluation.tasks import Result
from nmcompile.evaluation.toolkit import write_toolkit_results

__all__ = ["PARTS", "RESULTS", "check_folder", "write_outputs"]

RESULTS: Final = "results.json"
PARTS: Final = "parts"


def check_folder(folder: Path) -> None:
    """Make the folder, or accept one that an earlier evaluation wrote.

    Raises:
        NmError: NM0538 when it holds something else.
    """
    if folder.is_dir() and any(folder.iterdir()):
        if (folder / PARTS).is_dir() or (folder / RESULTS).is_file():
            return
    elif not folder.exists() or folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        return
    raise NmError(
        Diagnostic(
            code="NM0538",
            message="the output path exists and holds no evaluation",
            where=str(folder),
            help=("choose another path with -o, or remove it yourself",),
        )
    )


def write_outputs(
    folder: Path, plan: Plan, parts: Mapping[str, Result], results: dict[str, Any]
) -> None:
    """Tables, plots and boxes; `results.json` last, in one piece: where it is, all is.

    What an evaluation with other protocols left is removed, its parts stay.
    """
    for old in (folder / RESULTS, *(f for name in PLOTS for f in folder.glob(f"{name}.*"))):
        old.unlink(missing_ok=True)
    shutil.rmtree(folder / "results", ignore_errors=True)
    (folder / "summary.md").write_text(results_markdown(results) + "\n", encoding="utf-8")
    write_plots(results, folder)
    write_toolkit_results(plan, parts, folder / "results")
    partial = folder / f".{RESULTS}.partial"
    text = json.dumps(results, indent=1, sort_keys=True, allow_nan=False)
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, folder / RESULTS)
