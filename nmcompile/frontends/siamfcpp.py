"""A SiamFC++ checkpoint -> a program of four networks.

on_init       crop_template (host) -> template: crop -> spike counts
                                      neck:     counts -> kernels                  -> slot z
every_frame   crop_search (host)   -> search:   crop -> spike counts
                                      head:     counts * z -> two towers -> maps
              select (host)        <- maps

Classification and box regression are one chain: convolutions of both stand side by side, and those
of the towers are in two groups. The maps are `(6, S, S)`: logits of score and centre, and the
logarithms of the distances to the left, top, right and bottom side in strides of the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import LIF
from nmcompile.ir.program import Step

if TYPE_CHECKING:
    import torch

    from nmcompile.architectures.siamfcpp import SiamFCpp

ARCHITECTURE: Final = "siamfcpp"
TEMPLATE: Final = "template"
NECK: Final = "neck"
SEARCH: Final = "search"
HEAD: Final = "head"
SLOT: Final = "z"
BRANCHES: Final = 2
"""Classification and regression."""
Real = npt.NDArray[np.float64]


def networks(module: SiamFCpp) -> tuple[Network, ...]:
    """Template, neck, search and head of a module in evaluation mode."""
    config = module.config
    template = _backbone(module, TEMPLATE, config.exemplar_size)
    neck = _neck(module, template)
    search = _backbone(module, SEARCH, config.search_size)
    return template, neck, search, _head(module, search, neck)


def _backbone(module: SiamFCpp, network: str, size: int) -> Network:
    """The backbone on crops of side `size`; a spiking one ends in counts."""
    from nmcompile.architectures.siamfcpp import POOL_KERNEL, POOL_STRIDE, POOLED

    steps, layers = module.config.timesteps, len(module.backbone.convs)
    pool = ((POOL_KERNEL, POOL_KERNEL), (POOL_STRIDE, POOL_STRIDE), True)
    nodes = [Node("input", ops.Input("values", (3, size, size)))]
    for layer in range(layers):
        block: Any = module.backbone.convs[layer]
        conv, norm = block
        label = f"backbone.convs.{layer}"
        stride = (int(conv.stride[0]), int(conv.stride[1]))
        weight, bias = _array(conv.weight), _array(conv.bias)
        name, source, groups = f"conv{layer + 1}", nodes[-1].name, int(conv.groups)
        nodes += _chain(source, name, label, weight, bias, stride=stride, groups=groups)
        nodes.append(_normalised(nodes[-1].name, f"norm{layer + 1}", label, [norm]))
        act: ops.Op = ops.Activation()
        if steps:
            act = ops.Neuron(_neuron(module, layer))
        if steps or layer + 1 < layers:
            own = f"backbone.neurons.{layer}" if steps else f"{label}.relu"
            nodes.append(Node(f"act{layer + 1}", act, (nodes[-1].name,), own))
        if layer < POOLED:
            op = ops.SpikeMaxPool2d(*pool, rule="or") if steps else ops.MaxPool2d(*pool)
            label = f"backbone.pool{layer + 1}"
            nodes.append(Node(f"pool{layer + 1}", op, (nodes[-1].name,), label))
    if steps:
        nodes.append(Node("counts", ops.Decode(), (nodes[-1].name,), "backbone.mean"))
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    return _checked(Network(network, tuple(nodes), max(1, steps)))


def _neuron(module: SiamFCpp, layer: int) -> LIF:
    import torch

    lif: Any = module.backbone.neurons[layer]
    with torch.no_grad():
        leak, threshold = float(torch.sigmoid(lif.leak)), float(lif.threshold.exp())
    return LIF(
        v_keep=Array(np.float64(leak)),
        gain=Array(np.float64(1.0)),
        threshold=Array(np.float64(threshold)),
        reset="subtract",
        at_threshold=True,
    )


def _neck(module: SiamFCpp, template: Network) -> Network:
    """Features of the exemplar -> its kernels, both branches one after the other."""
    branches = [module.exemplar_class, module.exemplar_box]
    nodes = [Node("input", _features(module, template))]
    nodes += _first(module, "input", "exemplar", branches)
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    return _checked(Network(NECK, tuple(nodes)))


def _head(module: SiamFCpp, search: Network, neck: Network) -> Network:
    channels = BRANCHES * module.config.head
    kernels = neck.types[neck.output.name].shape
    nodes = [Node("input", _features(module, search))]
    nodes += _first(module, "input", "search", [module.search_class, module.search_box])
    nodes.append(Node(SLOT, ops.Slot(SLOT, kernels), origin=f"slot {SLOT}"))
    match = ops.Correlate(groups=channels)
    nodes.append(Node("correlate", match, (nodes[-2].name, SLOT), "correlation"))
    nodes += _towers(module, nodes[-1].name)
    nodes += _maps(module, nodes[-1].name)
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    return _checked(Network(HEAD, tuple(nodes)))


def _features(module: SiamFCpp, backbone: Network) -> ops.Input:
    """What a network behind the backbone gets: counts up to T, or real features."""
    bits = module.config.timesteps.bit_length()
    return ops.Input("values", backbone.types[backbone.output.name].shape, bits, signed=not bits)


def _first(
    module: SiamFCpp, source: str, name: str, branches: list[torch.nn.Sequential]
) -> list[Node]:
    """The neck's convolution of counts: they are T times the mean that it was trained with."""
    convs, norms = [b[0] for b in branches], [b[1] for b in branches]
    weight, bias = _stacked("weight", convs), _stacked("bias", convs)
    label = f"{name}_class+{name}_box"
    found = _chain(source, name, label, weight / max(1, module.config.timesteps), bias)
    return [*found, _normalised(name, f"{name}_norm", label, norms)]


def _towers(module: SiamFCpp, source: str) -> list[Node]:
    """Convolution, (normalisation,) ReLU, in two groups."""
    import torch

    nodes: list[Node] = []
    towers = (module.class_tower, module.box_tower)
    convs = [[m for m in tower if isinstance(m, torch.nn.Conv2d)] for tower in towers]
    norms = [[m for m in tower if isinstance(m, torch.nn.BatchNorm2d)] for tower in towers]
    for layer, pair in enumerate(zip(*convs, strict=True)):
        both, name, label = list(pair), f"tower{layer + 1}", f"towers.{layer}"
        weight, bias = _stacked("weight", both), _stacked("bias", both)
        nodes += _chain(source, name, label, weight, bias, groups=BRANCHES)
        if layer + 1 == len(convs[0]):
            nodes.append(_normalised(name, f"{name}_norm", label, [n[0] for n in norms]))
        source = f"{name}_relu"
        nodes.append(Node(source, ops.Activation(), (nodes[-1].name,), f"{label}.relu"))
    return nodes


def _maps(module: SiamFCpp, source: str) -> list[Node]:
    """Score and centre from the first tower, distances from the second; scale and shift folded."""
    outs = [module.score, module.centre, module.box]
    convs, norms = [o[0] for o in outs], [o[1] for o in outs]
    head = module.config.head
    rows = _stacked("weight", convs)
    weight = np.zeros((len(rows), BRANCHES * head, 1, 1))
    box = slice(len(rows) - module.box[0].out_channels, None)  # type: ignore[operator]
    weight[: box.start, :head], weight[box, head:] = rows[: box.start], rows[box]
    nodes = _chain(source, "maps", "score+centre+box", weight, _stacked("bias", convs))
    norm = _normalised("maps", "maps_norm", "score+centre+box", norms)
    if not isinstance(norm.op, ops.BatchNorm2d):
        raise TypeError("a normalisation is one")
    gain, shift = norm.op.weight.data.copy(), norm.op.bias.data.copy()
    scale, offset = (float(p.detach()) for p in (module.box_scale, module.box_bias))
    gain[box], shift[box] = gain[box] * scale, shift[box] * scale + offset
    op = ops.BatchNorm2d(Array(gain), Array(shift), norm.op.mean, norm.op.variance, norm.op.eps)
    return [*nodes, Node(norm.name, op, norm.inputs, norm.origin)]


def _chain(
    source: str,
    name: str,
    label: str,
    weight: Real,
    bias: Real,
    *,
    stride: ops.Pair = (1, 1),
    groups: int = 1,
) -> list[Node]:
    op = ops.Conv2d(Array(weight), Array(bias), stride, groups=groups)
    return [Node(name, op, (source,), label)]


def _normalised(source: str, name: str, label: str, norms: list[Any]) -> Node:
    """Batch normalisation of several modules side by side."""
    op = ops.BatchNorm2d(
        weight=Array(_stacked("weight", norms)),
        bias=Array(_stacked("bias", norms)),
        mean=Array(_stacked("running_mean", norms)),
        variance=Array(_stacked("running_var", norms)),
        eps=float(norms[0].eps),
    )
    return Node(name, op, (source,), f"{label}.norm")


def _stacked(name: str, modules: list[Any]) -> Real:
    return np.concatenate([_array(getattr(m, name)) for m in modules])


def _array(tensor: Any) -> Real:
    values: Real = tensor.detach().numpy().astype(np.float64)
    return values


def _checked(network: Network) -> Network:
    _ = network.types
    return network


def schedule() -> tuple[Step, ...]:
    """Template and neck once, search and head with every frame."""
    crop = "cropping and resizing read frame memory at addresses that depend on the last box"
    return (
        Step("crop_template", "on_init", "host", reason=crop),
        Step(TEMPLATE, "on_init", "chip", TEMPLATE, reads="crop_template"),
        Step(NECK, "on_init", "chip", NECK, writes=SLOT, reads=TEMPLATE),
        Step("crop_search", "every_frame", "host", reason=crop),
        Step(SEARCH, "every_frame", "chip", SEARCH, reads="crop_search"),
        Step(HEAD, "every_frame", "chip", HEAD, reads=SEARCH),
        Step(
            "select",
            "every_frame",
            "host",
            reads=HEAD,
            reason="sigmoid, exponential, penalty and arg-max need real arithmetic over all places",
        ),
    )
