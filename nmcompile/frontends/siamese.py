"""A Siamese checkpoint -> a program of two networks that share weights through a slot.

on_init       crop_template (host) -> template: image -> features        -> slot z
every_frame   crop_search (host)   -> search:   image -> features * z    -> response
              peak (host)          <- response of each scale
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends.torch_export import exported_to_network
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Step

if TYPE_CHECKING:
    import torch

    from nmcompile.architectures.siamfc import SiamFC

SLOT: Final = "z"
SCALE_COUNT: Final = 3
"""Scales per frame when the checkpoint's tracker settings do not say (SiamFC-3s)."""


def networks(module: SiamFC) -> tuple[Network, ...]:
    """Template and search branch.

    Args:
        module: in evaluation mode.

    Raises:
        NmError: NM0120 (operators without IR form).
    """
    config = module.config
    template = _branch(module, "template", config.exemplar_size)
    features = _branch(module, "search", config.search_size)
    search = _correlated(features, template, config.response_scale, config.response_bias)
    return template, search


def _branch(module: SiamFC, name: str, size: int) -> Network:
    """The backbone on crops of side `size` as a network."""
    import torch

    class Branch(torch.nn.Module):
        """Keeps `backbone` as an attribute, so that layer names start with it."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone = module.backbone

        def forward(self, crop: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.backbone(crop)
            return result

    with torch.no_grad():
        exported = torch.export.export(Branch().eval(), (torch.zeros(1, 3, size, size),))
    return exported_to_network(exported, name)


def _correlated(features: Network, template: Network, scale: float, bias: float) -> Network:
    """`features` with its output correlated with the slot, scaled and shifted."""
    shape = template.types[template.output.name].shape
    (source,) = features.output.inputs
    nodes = (
        *features.nodes[:-1],
        Node(SLOT, ops.Slot(SLOT, shape), origin=f"slot {SLOT}"),
        Node("correlate", ops.Correlate(), (source, SLOT), "correlate"),
        Node("response", ops.Scale(scale, bias), ("correlate",), "response"),
        Node("output", ops.Output(), ("response",)),
    )
    network = features.replace(nodes=nodes)
    _ = network.types
    return network


def _scale_count(settings: Mapping[str, object]) -> int:
    value = settings.get("scale_count", SCALE_COUNT)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise NmError(
        Diagnostic(
            code="NM0115",
            message="`tracker` of the checkpoint is missing or wrong",
            where="tracker.scale_count",
            limit="a positive integer",
            found=repr(value),
        )
    )


def schedule(settings: Mapping[str, object]) -> tuple[Step, ...]:
    """The template once, the search for every scale of every frame.

    Args:
        settings: the checkpoint's tracker settings.

    Raises:
        NmError: NM0115 (scale_count).
    """
    scales = _scale_count(settings)
    crop = "cropping and resizing read frame memory at addresses that depend on the last box"
    return (
        Step("crop_template", "on_init", "host", reason=crop),
        Step("template", "on_init", "chip", "template", writes=SLOT, reads="crop_template"),
        Step("crop_search", "every_frame", "host", repeat=scales, reason=crop),
        Step("search", "every_frame", "chip", "search", repeat=scales, reads="crop_search"),
        Step(
            "peak",
            "every_frame",
            "host",
            reads="search",
            reason="window, scale penalty and arg-max need real arithmetic over all scales",
        ),
    )
