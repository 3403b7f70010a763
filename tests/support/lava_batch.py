"""Many emitted networks in one Lava process: starting Lava costs more than running a small one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmcompile.backends.loihi.lava.compare import LavaResult, result_of
from nmcompile.backends.loihi.lava.emit import emit_lava
from nmcompile.backends.loihi.lava.runner import run_module
from nmcompile.ir.network import Network

RUN = """
import importlib, sys
from pathlib import Path
import numpy as np

for name in sys.argv[1:]:
    importlib.import_module(name)
    network = importlib.import_module(f"{name}.network")
    simulation = importlib.import_module(f"{name}.simulation")
    (process,) = [v for k, v in vars(network).items() if k.endswith("Network")]
    stimulus = dict(np.load(f"{name}.stimulus.npz"))
    frames = stimulus.pop("frames")
    print(name, flush=True)
    results = simulation.simulate(process(), frames, stimulus)
    np.savez(f"{name}.result.npz", **results)
"""


@dataclass(frozen=True)
class Case:
    """A network, its frames, and the contents of its slots in every frame."""

    network: Network
    frames: Sequence[Any]
    slots: Sequence[dict[str, Any]] = ()


def run_batch(cases: Sequence[Case], folder: Path, time_limit_s: float = 240) -> list[LavaResult]:
    """Emit every network and run them one after the other; names must differ."""
    names = []
    for case in cases:
        name = emit_lava(case.network, folder).name
        arrays = {"frames": np.stack(case.frames)}
        for slot in case.slots[0] if case.slots else ():
            arrays[slot] = np.stack([given[slot] for given in case.slots])
        np.savez(folder / f"{name}.stimulus.npz", **arrays)
        names.append(name)
    batch = folder / "batch"
    batch.mkdir()
    (batch / "__init__.py").write_text("")
    (batch / "run.py").write_text(RUN)
    leftovers = run_module(batch, names, folder / "lava.log", time_limit_s)
    assert str(leftovers) == ""
    return [result_of(dict(np.load(folder / f"{name}.result.npz"))) for name in names]
