"""A Siamese checkpoint -> a program of two networks that share weights through a slot.

on_init       crop_template (host) -> template: image -> features        -> slot z
every_frame   crop_search (host)   -> search:   image -> features * z    -> response
              peak (host)          <- response of each scale
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nmcompile.diagnostics import Diagnostic, DiagnosticBag, NmError, nearest
from nmcompile.frontends.checkpoint import Checkpoint
from nmcompile.frontends.torch_export import exported_to_network
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step

if TYPE_CHECKING:
    import torch

TRACKERS: Final = {"siamfc": "siamfc"}
"""Architecture -> tracker loop that drives it."""

SLOT: Final = "z"
SCALE_COUNT: Final = 3
"""Scales per frame when the checkpoint's tracker settings do not say (SiamFC-3s)."""


def checkpoint_to_program(checkpoint: Checkpoint, name: str = "model") -> Program:
    """Build the architecture, load the weights strictly and convert both branches.

    Args:
        checkpoint: a validated checkpoint.
        name: of the program.

    Raises:
        NmError: NM0110 (architecture), NM0111 (configuration), NM0116 (weights that do not
            fit), NM0115 (scale_count), NM0120 (operators without IR form).
    """
    from nmcompile import architectures

    module: Any = architectures.build(checkpoint.architecture, checkpoint.config)
    load_state(module, checkpoint)
    config = module.config
    template = _branch(module, "template", config.exemplar_size)
    features = _branch(module, "search", config.search_size)
    search = _correlated(features, template, config.response_scale, config.response_bias)
    return Program(
        name=name,
        level="float",
        networks=(template, search),
        schedule=_schedule(_scale_count(checkpoint)),
        preprocess=checkpoint.preprocess,
        tracker=TRACKERS.get(checkpoint.architecture, ""),
        settings=tuple(sorted(checkpoint.tracker.items())),
    )


def load_state(module: torch.nn.Module, checkpoint: Checkpoint) -> None:
    """Load the checkpoint's weights into `module`, every name and shape exactly.

    Raises:
        NmError: NM0116 with one diagnostic for each missing, unexpected or misshapen tensor.
    """
    import numpy as np
    import torch

    wanted = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    found = {k: tuple(v.shape) for k, v in checkpoint.state.items()}
    bag = DiagnosticBag()
    for key in sorted(wanted.keys() - found.keys()):
        close = nearest(key, found.keys() - wanted.keys())
        bag.add(_unfit(key, f"shape {wanted[key]}", "no such tensor", close))
    for key in sorted(found.keys() - wanted.keys()):
        bag.add(_unfit(key, "no such parameter", f"shape {found[key]}", None))
    for key in sorted(wanted.keys() & found.keys()):
        if wanted[key] != found[key]:
            bag.add(_unfit(key, f"shape {wanted[key]}", f"shape {found[key]}", None))
    bag.raise_errors()
    state = {k: torch.from_numpy(np.array(v)) for k, v in checkpoint.state.items()}
    module.load_state_dict(state, strict=True)
    module.eval()


def _unfit(key: str, limit: str, found: str, close: str | None) -> Diagnostic:
    return Diagnostic(
        code="NM0116",
        message="the checkpoint's weights do not fit its architecture",
        where=key,
        limit=limit,
        found=found,
        help=(f"the checkpoint has `{close}` instead",) if close else (),
    )


def _branch(module: Any, name: str, size: int) -> Network:
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


def _scale_count(checkpoint: Checkpoint) -> int:
    value = checkpoint.tracker.get("scale_count", SCALE_COUNT)
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


def _schedule(scales: int) -> tuple[Step, ...]:
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
