"""What each ATen operator becomes in the IR; one small function per operator.

A handler gets the converter and the call, and returns the name of the IR node that holds its
result. It raises `UnsupportedError` for a form of the operator that the IR does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from nmcompile.frontends.aten import AtenNode, Ref
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array


class UnsupportedError(Exception):
    """This call has no IR form: what was found, and the ways out."""

    def __init__(self, found: str, *help_: str) -> None:
        super().__init__(found)
        self.found = found
        self.help = help_


class Builder(Protocol):
    """What handlers may ask of the converter."""

    def source(self, value: Any) -> str:
        """IR node of a data tensor."""

    def constant(self, value: Any) -> npt.NDArray[np.float32] | None:
        """A parameter or buffer; None for an absent one."""

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Static shape of a tensor, batch included."""

    def emit(self, node: AtenNode, op: ops.Op, *inputs: str) -> str:
        """Add an IR node for `node`; returns its name."""


Handler = Callable[[Builder, AtenNode], str]


def _pair(value: Any, default: int = 0) -> tuple[int, int]:
    items = list(value) if isinstance(value, list) else [default if value is None else value]
    if not items:
        items = [default]
    return (int(items[0]), int(items[-1]))


def _only(node: AtenNode, name: str, allowed: Any, *help_: str) -> None:
    """Refuse an argument that differs from its only supported value."""
    value = node.arguments.get(name, allowed)
    if value != allowed:
        raise UnsupportedError(f"{name}={value}", *help_)


def _conv2d(build: Builder, node: AtenNode) -> str:
    _only(node, "transposed", False)
    a = node.arguments
    weight = build.constant(a["weight"])
    if weight is None or weight.ndim != 4:
        raise UnsupportedError("a convolution that is not two-dimensional")
    if len(build.shape(a["input"].name)) != 4:
        raise UnsupportedError("an input without batch axis", "export with input (N, C, H, W)")
    stride, dilation = _pair(a.get("stride"), 1), _pair(a.get("dilation"), 1)
    padding = _padding(a.get("padding"), weight, stride, dilation)
    bias = build.constant(a.get("bias"))
    op = ops.Conv2d(
        weight=Array(weight),
        bias=Array(np.zeros(weight.shape[0], np.float32) if bias is None else bias),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=int(a.get("groups", 1)),
    )
    return build.emit(node, op, build.source(a["input"]))


def _padding(
    value: Any, weight: npt.NDArray[np.float32], stride: ops.Pair, dilation: ops.Pair
) -> ops.Pair:
    if not isinstance(value, str):
        return _pair(value)
    if value == "valid":
        return (0, 0)
    spans = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    if stride != (1, 1) or any(s % 2 for s in spans):
        raise UnsupportedError(
            "padding='same' that is not symmetric", "state the padding in numbers"
        )
    return (spans[0] // 2, spans[1] // 2)


def _batch_norm(build: Builder, node: AtenNode) -> str:
    _only(node, "training", False, "call `model.eval()` before `torch.export.export`")
    a = node.arguments
    mean, variance = build.constant(a["running_mean"]), build.constant(a["running_var"])
    if mean is None or variance is None:
        raise UnsupportedError("batch normalisation without running statistics")
    if len(build.shape(a["input"].name)) != 4:
        raise UnsupportedError("batch normalisation of something else than (N, C, H, W)")
    weight, bias = build.constant(a.get("weight")), build.constant(a.get("bias"))
    op = ops.BatchNorm2d(
        weight=Array(np.ones_like(mean) if weight is None else weight),
        bias=Array(np.zeros_like(mean) if bias is None else bias),
        mean=Array(mean),
        variance=Array(variance),
        eps=float(a["eps"]),
    )
    return build.emit(node, op, build.source(a["input"]))


def _relu(build: Builder, node: AtenNode) -> str:
    return build.emit(node, ops.Activation("relu"), build.source(node.arguments["self"]))


def _max_pool2d(build: Builder, node: AtenNode) -> str:
    a = node.arguments
    if any(_pair(a.get("padding"))):
        raise UnsupportedError(
            f"padding={a['padding']}", "pad before the pool, or pool without padding"
        )
    if _pair(a.get("dilation"), 1) != (1, 1):
        raise UnsupportedError(f"dilation={a['dilation']}")
    kernel = _pair(a["kernel_size"])
    stride = _pair(a["stride"]) if a.get("stride") else kernel
    op = ops.MaxPool2d(kernel, stride, bool(a.get("ceil_mode", False)))
    return build.emit(node, op, build.source(a["self"]))


def _avg_pool2d(build: Builder, node: AtenNode) -> str:
    a = node.arguments
    _only(node, "ceil_mode", False)
    _only(node, "divisor_override", None)
    padding = _pair(a.get("padding"))
    if any(padding):
        _only(node, "count_include_pad", True)
    kernel = _pair(a["kernel_size"])
    stride = _pair(a["stride"]) if a.get("stride") else kernel
    return build.emit(node, ops.AvgPool2d(kernel, stride, padding), build.source(a["self"]))


def _adaptive_avg_pool2d(build: Builder, node: AtenNode) -> str:
    a = node.arguments
    height, width = build.shape(a["self"].name)[-2:]
    rows, columns = _pair(a["output_size"])
    if height % rows or width % columns:
        found = f"{height}x{width} into {rows}x{columns} windows of unequal size"
        raise UnsupportedError(found, "use an output size that divides the input's")
    window = (height // rows, width // columns)
    return build.emit(node, ops.AvgPool2d(window, window), build.source(a["self"]))


def _mean(build: Builder, node: AtenNode) -> str:
    """Global average pooling written as `x.mean((2, 3))`."""
    a = node.arguments
    shape = build.shape(a["self"].name)
    axes = sorted(d % len(shape) for d in a.get("dim") or [])
    if len(shape) != 4 or axes != [2, 3]:
        raise UnsupportedError(f"mean over axes {a.get('dim')}")
    window = (shape[2], shape[3])
    pooled = build.emit(node, ops.AvgPool2d(window, window), build.source(a["self"]))
    return pooled if a.get("keepdim", False) else build.emit(node, ops.Flatten(), pooled)


def _linear(build: Builder, node: AtenNode) -> str:
    a = node.arguments
    weight, bias = build.constant(a["weight"]), build.constant(a.get("bias"))
    if weight is None or len(build.shape(a["input"].name)) != 2:
        raise UnsupportedError(
            "a linear layer on something else than (N, features)", "flatten first"
        )
    zeros = np.zeros(weight.shape[0], np.float32)
    op = ops.Linear(Array(weight), Array(zeros if bias is None else bias))
    return build.emit(node, op, build.source(a["input"]))


def _reshape(build: Builder, node: AtenNode) -> str:
    """flatten, view, reshape: only what keeps the batch and flattens the rest (or nothing)."""
    before = build.shape(node.arguments["self"].name)
    after = build.shape(node.outputs[0])
    source = build.source(node.arguments["self"])
    if after == before:
        return source
    if len(after) == 2 and after[0] == before[0]:
        return build.emit(node, ops.Flatten(), source)
    raise UnsupportedError(f"{before} to {after}", "only flattening to (N, features) is supported")


def _add(build: Builder, node: AtenNode) -> str:
    _only(node, "alpha", 1)
    left, right = node.arguments["self"], node.arguments["other"]
    if not isinstance(right, Ref):
        return build.emit(node, ops.Scale(1.0, float(right)), build.source(left))
    if build.shape(left.name) != build.shape(right.name):
        raise UnsupportedError(f"{build.shape(left.name)} plus {build.shape(right.name)}")
    return build.emit(node, ops.Add(), build.source(left), build.source(right))


def _factor(invert: bool) -> Handler:
    def handle(build: Builder, node: AtenNode) -> str:
        other = node.arguments["other"]
        if isinstance(other, Ref):
            raise UnsupportedError(
                "a product of two tensors" if not invert else "a quotient of tensors"
            )
        factor = 1.0 / float(other) if invert else float(other)
        return build.emit(node, ops.Scale(factor), build.source(node.arguments["self"]))

    return handle


def _identity(name: str) -> Handler:
    def handle(build: Builder, node: AtenNode) -> str:
        return build.source(node.arguments[name])

    return handle


def _dropout(build: Builder, node: AtenNode) -> str:
    _only(node, "train", False, "call `model.eval()` before `torch.export.export`")
    return build.source(node.arguments["input"])


HANDLERS: Final[Mapping[str, Handler]] = {
    "aten.conv2d.default": _conv2d,
    "aten.conv2d.padding": _conv2d,
    "aten.convolution.default": _conv2d,
    "aten.batch_norm.default": _batch_norm,
    "aten.relu.default": _relu,
    "aten.relu_.default": _relu,
    "aten.max_pool2d.default": _max_pool2d,
    "aten.avg_pool2d.default": _avg_pool2d,
    "aten.adaptive_avg_pool2d.default": _adaptive_avg_pool2d,
    "aten.mean.dim": _mean,
    "aten.linear.default": _linear,
    "aten.flatten.using_ints": _reshape,
    "aten.view.default": _reshape,
    "aten.reshape.default": _reshape,
    "aten.add.Tensor": _add,
    "aten.add_.Tensor": _add,
    "aten.mul.Tensor": _factor(invert=False),
    "aten.div.Tensor": _factor(invert=True),
    "aten.dropout.default": _dropout,
    "aten.dropout_.default": _dropout,
    "aten.feature_dropout.default": _dropout,
    "aten.clone.default": _identity("self"),
    "aten.contiguous.default": _identity("self"),
    "aten.alias.default": _identity("self"),
    "aten.detach.default": _identity("self"),
}
"""All supported operators, by the name that torch.export gives them."""
