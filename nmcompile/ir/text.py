"""The readable text form of a program: one line per node, stable, made for diffs."""

from __future__ import annotations

import dataclasses

from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program


def program_text(program: Program) -> str:
    """The whole program as text."""
    lines = [f"program {program.name} level={program.level}"]
    for step in program.schedule:
        what = step.network or "host"
        times = f" x{step.repeat}" if step.repeat > 1 else ""
        arrow = f" -> slot {step.writes}" if step.writes else ""
        lines.append(f"  {step.when}: {step.name} = {what} on {step.place}{times}{arrow}")
    for network in program.networks:
        lines += ["", *network_lines(network)]
    return "\n".join(lines) + "\n"


def network_lines(network: Network) -> list[str]:
    """The lines of one network."""
    body = [
        f"  {node_text(node)} : {network.types[node.name]}{_origin(node)}" for node in network.nodes
    ]
    return [f"network {network.name} T={network.timesteps} {{", *body, "}"]


def node_text(node: Node) -> str:
    """`%name = Op(field=value, ...) (%input, ...)` of one node."""
    inputs = ", ".join(f"%{i}" for i in node.inputs)
    return f"%{node.name} = {_value(node.op)} ({inputs})"


def _origin(node: Node) -> str:
    return f"  # {node.origin}" if node.origin else ""


def _value(value: object) -> str:
    if isinstance(value, Array):
        return str(value.data) if value.shape == () else repr(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        body = ", ".join(
            f"{f.name}={_value(getattr(value, f.name))}" for f in dataclasses.fields(value)
        )
        return f"{type(value).__name__}({body})"
    return str(value)
