"""lava-dl networks (`.net`) -> programs that are integer already, network `main`.

The numbers are those that lava-dl's loader (`lava.lib.dl.netx.hdf5.Network`) hands to Lava, and
time is kept so that Lava's CPU runtime computes the same, spike for spike:

* Networks of CUBA and LOIHI neurons start every inference with all currents and membranes at 0,
  each layer when the first spikes reach it: the loader's `reset_interval`. Nothing is under way
  then, which in the loader is so where no layer has both delays and spikes from before.
* Sigma-delta neurons have no reset there. All layers start at the first timestep, and a synapse
  takes one timestep (a `Delay` of 1): biases travel through the layers before the first input
  does, and with thresholds that makes a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nmcompile.frontends.netx_file import read_net
from nmcompile.frontends.netx_layers import NETWORK, Converter
from nmcompile.ir import ops
from nmcompile.ir.program import Program, Step

TIMESTEPS: Final = 16
"""T where neither the user nor the file says."""
RESET: Final = (
    "every inference of the .net starts with currents and membranes at 0, as with reset_interval "
    "in lava-dl's loader"
)
UNDER_WAY: Final = (
    "no delayed spike is under way when an inference of the .net starts; the reset_interval of "
    "lava-dl's loader lets the spikes of the timesteps before arrive"
)
FREE: Final = (
    "all layers of the .net start at the first timestep and a synapse takes one timestep, as with "
    "lava-dl's loader: the answer to an input comes {latency} timesteps later"
)


@dataclass(frozen=True)
class LoadedNet:
    """A `.net` file, understood.

    Attributes:
        program: level integer, one network.
        span: (lowest, highest) input that x in -1..1 becomes by the file's own transform; None
            where spikes enter.
    """

    program: Program
    span: tuple[int, int] | None


def load_net(path: Path, name: str) -> LoadedNet:
    """A `.net` file as an integer program whose network `main` runs on every frame.

    Raises:
        NmError: NM0105, NM0106, NM0140 (the file), NM0141 (layers), NM0142 (neurons), NM0143
            (weights), NM0144 (how the layers follow each other).
    """
    file = read_net(path)
    converter = Converter(file)
    network = converter.run(file.timesteps or TIMESTEPS)
    latency = sum(1 for _ in network.of_type(ops.Delay))
    program = Program(
        name=name,
        level="integer",
        networks=(network,),
        schedule=(Step(NETWORK, "every_frame", "chip", network=NETWORK),),
    )
    if converter.free_running:
        time: tuple[str, ...] = (FREE.format(latency=latency),)
    else:
        time = (RESET, UNDER_WAY) if latency else (RESET,)
    return LoadedNet(program.assume(*time, *converter.notes), converter.span)
