"""Load `.net` files with lava-dl's own loader and run them on Lava's CPU runtime, as a script.

    python lava_dl.py FOLDER

FOLDER/jobs.json names the jobs; job J is FOLDER/J.npz with `net`, `steps`, `reset_interval`,
`reset_offset`, `message_bits` and `source` (..., T) or `bias`. FOLDER/J.out.npz gets `output`
(..., steps) and the `seconds` of all steps but the first. Only lava-dl's loader is imported: what
it takes from slayer (and with it torch) is the parameters of a neuron that no job has.
"""

from __future__ import annotations

import json
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np


def stub_slayer() -> None:
    """Stand-ins for the modules that would import torch."""
    for name in ("netx.sequential_modules", "slayer", "slayer.neuron", "slayer.neuron.rf"):
        module = types.ModuleType(f"lava.lib.dl.{name}")
        module.__path__ = []
        # Lava looks for process models in the folder of every module; this one has none.
        module.__file__ = "no-folder/stub.py"
        module.neuron_params = dict  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module


def run(job: dict[str, Any]) -> tuple[Any, float]:
    """The output spikes of every step, and the seconds of all but the first."""
    from lava.lib.dl.netx import hdf5
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc import io

    steps = int(job["steps"])
    net = hdf5.Network(
        net_config=str(job["net"]),
        reset_interval=int(job["reset_interval"]) or None,
        reset_offset=int(job["reset_offset"]),
        input_message_bits=int(job["message_bits"]),
    )
    sink = io.sink.RingBuffer(shape=net.out_layer.out.shape, buffer=steps)
    net.out_layer.out.connect(sink.a_in)
    if "source" in job:
        source = io.source.RingBuffer(data=job["source"])
        entry = net.in_layer.neuron.a_in if net.in_layer.block == "Input" else net.inp
        source.s_out.connect(entry)
    if "bias" in job:
        net.in_layer.neuron.bias_mant.init = job["bias"]
    config = Loihi2SimCfg(select_tag="fixed_pt")
    net.run(condition=RunSteps(num_steps=1), run_cfg=config)
    begin = time.perf_counter()
    net.run(condition=RunSteps(num_steps=steps - 1), run_cfg=config)
    seconds = time.perf_counter() - begin
    output = sink.data.get()
    net.stop()
    return output, seconds


def main(folder: Path) -> None:
    """Run all jobs of a folder."""
    from nmcompile.backends.loihi.lava.compat import prepare

    prepare()
    stub_slayer()
    for name in json.loads((folder / "jobs.json").read_text()):
        with np.load(folder / f"{name}.npz") as job:
            output, seconds = run(dict(job))
        np.savez(folder / f"{name}.out.npz", output=output, seconds=seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
