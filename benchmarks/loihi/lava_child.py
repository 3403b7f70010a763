"""Runs one case of `speed.py` on stock Lava processes and writes spikes and seconds.

python lava_child.py FOLDER STEPS DU DV
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from nmcompile.backends.loihi.lava import compat as lava_compat

lava_compat.prepare()

from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.proc.conv.process import Conv  # noqa: E402
from lava.proc.dense.process import Dense  # noqa: E402
from lava.proc.lif.process import LIF  # noqa: E402

from nmcompile.backends.loihi.lava.arrays import conv_kernel  # noqa: E402
from nmcompile.backends.loihi.lava.simulation import (  # noqa: E402
    SpikeSink,
    StimulusSource,
)
from nmcompile.backends.loihi.lava.window import Window  # noqa: E402


def main(folder: Path, steps: int, du: int, dv: int) -> None:
    """Build the chain, run one step, then time the others."""
    with np.load(folder / "case.npz") as stored:
        case = dict(stored)
    stimulus = case["stimulus"]
    layers = sum(name.startswith("weight") for name in case)
    static = stimulus.ndim == case["weight0"].ndim - 1
    train = stimulus[None] if static else stimulus
    if train.ndim == 4:
        train = train.transpose(0, 3, 2, 1)
    window = Window(0, steps + layers, steps + layers)
    source = StimulusSource(frames=train[None].astype(np.int32), window=window, repeat=static)
    port = source.s_out
    for i in range(layers):
        weight, threshold = case[f"weight{i}"], int(case[f"threshold{i}"])
        bits = 8 if static and i == 0 else 0
        if weight.ndim == 4:
            shape = train.shape[1:]
            synapses = Conv(
                weight=conv_kernel(weight),
                input_shape=shape,
                stride=(2, 2),
                num_message_bits=bits,
            )
        else:
            # Even values are stored as they are.
            synapses = Dense(weights=weight.astype(np.int32), num_message_bits=bits)
        port.connect(synapses.s_in)
        neurons = LIF(shape=synapses.a_out.shape, vth=threshold, du=du, dv=dv, bias_mant=0)
        synapses.a_out.connect(neurons.a_in)
        port = neurons.s_out
    file = folder / "spikes.npy"
    # The last layer works `layers` steps after the input.
    sink = SpikeSink(
        shape=neurons.s_out.shape,
        window=Window(layers, steps, steps + layers),
        frames=1,
        file=file,
    )
    port.connect(sink.s_in)
    config = Loihi2SimCfg(select_tag="fixed_pt")
    source.run(condition=RunSteps(num_steps=layers), run_cfg=config)
    begin = time.perf_counter()
    source.run(condition=RunSteps(num_steps=steps), run_cfg=config)
    seconds = time.perf_counter() - begin
    source.stop()
    spikes = np.load(file)[0]
    if spikes.ndim == 4:
        spikes = spikes.transpose(0, 3, 2, 1)
    np.save(file, spikes)
    body = json.dumps({"run_s": seconds})
    (folder / "result.json").write_text(body, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(word) for word in sys.argv[2:]))
