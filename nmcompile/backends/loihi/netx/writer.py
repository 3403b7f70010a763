"""Write a golden network as a lava-dl `.net` file that `lava.lib.dl.netx.hdf5.Network` loads.

Written are the layers `input`, `conv`, `flatten` and `dense` with CUBA or sigma-delta neurons, as
integers that the loader passes on unchanged. `nmcompile.frontends.netx` reads them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nmcompile.backends.loihi.netx.chain import ChainLayer, NoChainError, chain_of
from nmcompile.backends.loihi.netx.parameters import neuron_fields, stored_bias, stored_weight
from nmcompile.frontends.netx_fields import LONGEST_DELAY
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import SigmaDelta

if TYPE_CHECKING:
    import h5py

README: Final = "README.md"
LOAD: Final = "`lava.lib.dl.netx.hdf5.Network('{name}.net'{options})`"


def emit_nets(networks: Sequence[Network], folder: Path) -> None:
    """`folder`/NAME.net for every chain, and a README.md that says how to load it, or why not.

    Args:
        networks: golden level.
        folder: `emit/netx` of a deployment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sections = []
    for network in networks:
        try:
            chain = chain_of(network)
            _write(folder / f"{network.name}.net", _fields(network, chain))
        except NoChainError as reason:
            text = f"There is no `.net` file. {reason}."
        else:
            text = _how_to_load(network, chain)
        sections.append(f"# `{network.name}` for lava-dl\n\n{text}\n")
    (folder / README).write_text("\n".join(sections), encoding="utf-8")


def write_net(network: Network, path: Path) -> None:
    """Write `path`; the same network gives the same bytes.

    Raises:
        NoChainError: when a `.net` file cannot hold the network.
    """
    _write(path, _fields(network, chain_of(network)))


def _how_to_load(network: Network, chain: tuple[ChainLayer, ...]) -> str:
    first, name = chain[0], network.name
    if _free_running(chain):
        options = "" if _is_entry(first) else ", input_message_bits=16"
        return f"{LOAD.format(name=name, options=options)} runs it as it is."
    silent = sum(int(layer.lag.max(initial=0)) for layer in chain if layer.lag is not None)
    interval = network.timesteps + silent
    offset = "" if first.synapse is None else ", reset_offset=1"
    text = LOAD.format(name=name, options=f", reset_interval={interval}{offset}")
    wait = f", then {silent} silent ones for the delays" if silent else ""
    return (
        f"{text} starts every inference with empty neurons. The input of one takes "
        f"{network.timesteps} timesteps{wait}."
    )


def _fields(network: Network, chain: tuple[ChainLayer, ...]) -> list[dict[str, Any]]:
    """What every layer of the file holds."""
    layers: list[dict[str, Any]] = []
    shape = network.types[network.input.name].shape
    synaptic = chain
    if chain and (chain[0].synapse is None or _is_entry(chain[0])):
        layers.append(_entry(chain[0]))
        synaptic = chain[1:]
    elif len(shape) == 3:
        layers.append({"type": "input", "shape": shape})
    if not synaptic:
        raise NoChainError(network.output, "no layer with synapses")
    taken = _taken_ticks(chain, synaptic)
    for layer in synaptic:
        if layer.flatten and layers and len(layers[-1]["shape"]) == 3:
            size = int(np.prod(layers[-1]["shape"]))
            layers.append({"type": "flatten", "shape": (size, 1, 1)})
        layers.append(_layer(layer, taken))
    layers[0]["simulation"] = network.timesteps
    return layers


def _taken_ticks(chain: tuple[ChainLayer, ...], synaptic: tuple[ChainLayer, ...]) -> int:
    """Timesteps of every delay that a synapse takes anyway when all layers run from the first on.

    Without a bias nothing happens before the first input, and it does not matter who waits.
    """
    if not _free_running(chain):
        return 0
    waiting = next((x for x in synaptic if x.lag is not None and x.lag.min() < 1), None)
    biased = any(x.model.bias.data.any() for x in synaptic)
    if waiting is not None and biased:
        reason = "biased sigma-delta layers that wait for their first input; in lava-dl none does"
        raise NoChainError(waiting.population, reason)
    return int(waiting is None)


def _entry(layer: ChainLayer) -> dict[str, Any]:
    """The input layer with neurons; a column of them was a vector."""
    shape = layer.shape[:1] if layer.shape[1:] == (1, 1) else layer.shape
    fields = neuron_fields(layer.population, layer.model)
    if np.any(layer.model.bias.data):
        raise NoChainError(layer.population, "a bias beside the image")
    return {"type": "input", "shape": shape, "neuron": fields}


def _layer(layer: ChainLayer, taken: int) -> dict[str, Any]:
    if layer.synapse is None or layer.weight is None or layer.lag is None:
        raise NoChainError(layer.population, "an image that enters behind the first layer")
    if _is_entry(layer):
        raise NoChainError(layer.population, "neurons that receive values behind the first layer")
    op = layer.synapse.op
    fields: dict[str, Any] = {
        "type": "conv" if isinstance(op, ops.Conv2d) else "dense",
        "shape": layer.shape,
        "neuron": neuron_fields(layer.population, layer.model),
        "weight": stored_weight(layer),
    }
    bias = stored_bias(layer.population, layer.model)
    if bias is not None:
        fields["bias"] = bias.T if bias.ndim else np.broadcast_to(bias, layer.shape[:1])
    delay = layer.lag - taken
    longest = 0 if isinstance(op, ops.Conv2d) else LONGEST_DELAY
    if delay.max() > longest:
        reason = f"a delay of {delay.max()}; the file has at most {longest} here"
        raise NoChainError(layer.population, reason)
    if delay.max() > 0:
        fields["delay"] = delay
    if isinstance(op, ops.Conv2d):
        fields |= {"stride": op.stride, "padding": op.padding, "dilation": op.dilation}
        fields["groups"] = op.groups
    return fields


def _free_running(chain: tuple[ChainLayer, ...]) -> bool:
    """Sigma-delta neurons are never reset: all layers run from the first timestep on."""
    return any(isinstance(layer.model, SigmaDelta) for layer in chain)


def _is_entry(layer: ChainLayer) -> bool:
    """Whether the neurons receive values, one each: an input layer."""
    if not isinstance(layer.model, SigmaDelta) or layer.model.receives != "values":
        return False
    op = layer.synapse.op if layer.synapse is not None else None
    one_each = isinstance(op, ops.Conv2d) and op.weight.shape == (op.groups, 1, 1, 1)
    if not (one_each and isinstance(op, ops.Conv2d) and np.all(op.weight.data == 1)):
        raise NoChainError(layer.population, "neurons that receive weighted values")
    return True


def _write(path: Path, layers: list[dict[str, Any]]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["simulation/Ts"] = 1
        file["simulation/tSample"] = layers[0].pop("simulation")
        for index, fields in enumerate(layers):
            _write_group(file.create_group(f"layer/{index}"), fields)


def _write_group(group: h5py.Group, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, dict):
            _write_group(group.create_group(name), value)
        elif isinstance(value, str):
            group.create_dataset(name, data=np.array([value.encode()], "S10"))
        else:
            array = np.asarray(value)
            whole = array.dtype.kind == "i" and array.ndim > 1
            group.create_dataset(name, data=array.astype(np.int32) if whole else array)
