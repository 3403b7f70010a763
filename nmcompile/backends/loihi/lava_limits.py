"""Which networks the emitted Lava processes cannot express, and the note that is left instead."""

from __future__ import annotations

from pathlib import Path

from nmcompile.backends.loihi.lava_specs import package_name
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron


def without_lava_form(network: Network) -> tuple[str, ...]:
    """One reason for every layer that needs what the emitted processes do not have."""
    found = ((node, _reason(node)) for node in network.nodes)
    return tuple(f"`{node.label}`: {reason}" for node, reason in found if reason)


def _reason(node: Node) -> str | None:
    op = node.op
    if isinstance(op, ops.SpikeMaxPool2d) and op.rule == "gate":
        return "gated pooling, which passes the spike of a window's argmax"
    if isinstance(op, ops.Encode) and op.spikes:
        return f"{op.mode} coding of the input"
    model = op.model if isinstance(op, ops.Neuron) else None
    if isinstance(model, IntegerNeuron) and model.payloads != (1,):
        return f"thresholds and payloads {model.payloads} that follow a schedule"
    if isinstance(op, ops.Input) and op.kind == "spikes" and op.bits > 1:
        return "input spikes with payloads"
    return None


def leave_note(network: Network, reasons: tuple[str, ...], folder: Path) -> None:
    """`folder`/PACKAGE/README.md: why there is no package."""
    package = folder / package_name(network.name)
    package.mkdir(parents=True, exist_ok=True)
    lines = [
        f"# No Lava package of `{network.name}`",
        "",
        "The emitted Lava processes have binary spikes, constant thresholds and running-maximum or",
        "OR pooling. This network needs more: it was mapped and checked, but not emitted.",
        "",
        *(f"* {reason}" for reason in reasons),
    ]
    (package / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
