"""Which integer a membrane of 1 is, in every stream of a network with NI-LIF neurons.

A stream is what shortcuts join: all of its values have one unit per channel, so that adding them
rounds nothing. Each convolution that enters has weights of its own width, at the stream's unit over
a power of two 2^e, and its sums are shifted left by e. The finest convolution of a channel decides
its unit:

    unit_c = max over the convolutions of (2^(bits - 1) - 1) unit_in / max |w_c|,  at most `FINEST`

Units are odd: then no sum lies half-way between two levels of the neurons, and cores that round
halves upwards send what neurons send that round them to even.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import Bilinear, Offset, Repeat
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import NILIF
from nmcompile.passes.recipe import Recipe

Int = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
FINEST: Final = 2.0**16
"""No unit is finer: channels with tiny weights would make the streams wide for nothing."""
FINEST_ALONE: Final = 2.0**12
"""Of a convolution with neurons of its own, so that cores find their levels by a multiplication."""
SILENT: Final = 2.0**10
"""Unit of a channel without any weight."""
JOINING: Final = (ops.Add, Offset, Repeat, ops.Conv2d, ops.Linear, Bilinear, ops.Output)


def has_membranes(network: Network) -> bool:
    """Whether the neurons of a float network are NI-LIF."""
    return any(
        isinstance(n.op, ops.Neuron) and isinstance(n.op.model, NILIF) for n in network.nodes
    )


@dataclass(frozen=True)
class Stream:
    """Nodes whose values share their units.

    Attributes:
        root: name of its first node.
        members: names, in network order.
        channels: of the narrowest; a wider one has the same channels for several steps.
        convolutions: that enter it.
    """

    root: str
    members: tuple[str, ...]
    channels: int
    convolutions: tuple[Node, ...]


def streams(network: Network) -> dict[str, Stream]:
    """Member name -> its stream, for every value that an integer has to be chosen for."""
    root: dict[str, str] = {}
    for node in network.nodes:
        if network.types[node.name].kind != "values" or not isinstance(node.op, JOINING):
            continue
        joined = [i for i in node.inputs if i in root]
        if isinstance(node.op, ops.Conv2d | ops.Linear) or not joined:
            root[node.name] = node.name
            continue
        # The first of several streams, in network order, takes the others in.
        gone = {root[i] for i in joined}
        first = next(name for name in root if name in gone)
        root = {name: first if r in gone else r for name, r in root.items()}
        root[node.name] = first
    members: dict[str, list[str]] = {}
    for name, first in root.items():
        members.setdefault(first, []).append(name)
    found = {first: _stream(network, first, names) for first, names in members.items()}
    return {name: found[first] for name, first in root.items()}


def _stream(network: Network, root: str, names: list[str]) -> Stream:
    nodes = [network.by_name[name] for name in names]
    return Stream(
        root,
        tuple(names),
        min(network.types[name].shape[0] for name in names),
        tuple(n for n in nodes if isinstance(n.op, ops.Conv2d | ops.Linear)),
    )


def finest(node: Node, unit_in: float, recipe: Recipe) -> Real:
    """`(C,)`: the finest unit at which the weights of a convolution have their width.

    Args:
        node: a convolution or linear layer. unit_in: of what it reads. recipe: for its width.
    """
    op = node.op
    if not isinstance(op, ops.Conv2d | ops.Linear):
        raise TypeError(node.name)
    largest = np.abs(op.weight.data.reshape(len(op.weight.data), -1)).max(axis=1, initial=0.0)
    most = 2 ** (recipe.weight_bits_of(node.label) - 1) - 1
    with np.errstate(divide="ignore"):
        return np.asarray(most * unit_in / largest.astype(np.float64))


def unit_of(stream: Stream, finest_of: dict[str, Real], coarser: float) -> Int:
    """`(channels,)`: the integer of a membrane of 1, in every channel of a stream.

    Args:
        stream: with convolutions. finest_of: of each, by name. coarser: factor on all units.

    Raises:
        NmError: NM0338 where a channel has weights so large that nothing is left of it.
    """
    best = np.zeros(stream.channels)
    for node in stream.convolutions:
        own = finest_of[node.name].reshape(-1, stream.channels)
        best = np.maximum(best, np.where(np.isfinite(own), own, 0.0).max(axis=0))
    most = FINEST if len(stream.members) > 1 else FINEST_ALONE
    best = np.minimum(np.where(best > 0, best, SILENT), most) * coarser
    if best.min() < 1:
        node = stream.convolutions[0]
        raise NmError(
            Diagnostic(
                code="NM0338",
                message="the weights of a channel leave no integer for a membrane of 1",
                where=node.label,
                limit="a unit of at least 1",
                found=f"{best.min():.3g}, channel {int(best.argmin())}",
                help=("use wider weights (`weight_bits`), or train with weight decay",),
            )
        )
    units: Int = np.floor(best).astype(np.int64)
    return units - 1 + units % 2


def shifts(unit: Int, own: Real) -> Int:
    """`(C,)`: e of one convolution, see the module.

    Args:
        unit: of the stream, one for each output channel. own: `finest` of the convolution.
    """
    ratio = np.where(np.isfinite(own), unit / own, 1.0)
    exponents: Int = np.maximum(0, np.ceil(np.log2(ratio))).astype(np.int64)
    return exponents
