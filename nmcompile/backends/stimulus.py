"""What the host sends into mapped cores, timestep by timestep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.graph import MappedGraph
from nmcompile.reference.populations import Encoder

I32 = npt.NDArray[np.int32]


def check_shape(graph: MappedGraph, stimulus: npt.NDArray[Any]) -> None:
    """Refuse a stimulus that is not of the network.

    Raises:
        NmError: NM0204.
    """
    train = graph.input_mode == "spikes"
    wanted = (graph.timesteps, *graph.input_shape) if train else graph.input_shape
    if stimulus.shape != wanted:
        raise NmError(
            Diagnostic(
                code="NM0204",
                message="the stimulus has the wrong shape",
                where=f"{graph.network}: input",
                limit=str(wanted),
                found=str(stimulus.shape),
            )
        )


def spike_train(graph: MappedGraph, stimulus: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """`(T, inputs)` spikes of a chip whose packets carry nothing.

    Args:
        graph: the mapped network. stimulus: as the network takes it.

    Raises:
        NmError: NM0204 when the shape is wrong, NM0218 when the host would have to send values.
    """
    check_shape(graph, stimulus)
    train = np.zeros((graph.timesteps, int(np.prod(graph.input_shape))), np.bool_)
    for t, values in enumerate(host_steps(graph, stimulus)):
        if ((values != 0) & (values != 1)).any():
            raise NmError(
                Diagnostic(
                    code="NM0218",
                    message="a packet of this chip carries no value, the input has values",
                    where=f"{graph.network}: input, timestep {t + 1}",
                    limit="0 and 1",
                    found=str(int(values[(values != 0) & (values != 1)][0])),
                    help=(
                        "run the first layer on the host, or code the input as spikes",
                        "check the type of the recorded stimulus",
                    ),
                )
            )
        train[t] = values != 0
    return train


def host_steps(graph: MappedGraph, stimulus: npt.NDArray[Any]) -> Iterator[I32]:
    """What the host sends in every timestep, flat; of an impulse the first one only."""
    if graph.input_mode == "spikes":
        yield from stimulus.reshape(graph.timesteps, -1).astype(np.int32)
        return
    values = stimulus.reshape(-1).astype(np.int32)
    encoder = None if graph.encode is None or graph.input_mode != "coded" else Encoder(graph.encode)
    for _ in range(1 if graph.input_mode == "impulse" else graph.timesteps):
        yield values if encoder is None else encoder.step(values)
