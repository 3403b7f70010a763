"""``nmcompile targets list | show | validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.text import table

if TYPE_CHECKING:
    from nmcompile.target import Codes, Count, Measure, Target


@command
def list_targets(session: Session) -> dict[str, Any]:
    """List the chips that nmcompile knows."""
    from nmcompile.target import load_target, plugin_problems, target_files

    session.report(*plugin_problems())
    found = [(file, load_target(file.name)) for file in target_files()]
    rows = [(f.name, ", ".join(f.aliases) or "-", t.backend, t.title) for f, t in found]
    session.out(table(rows, ("name", "aliases", "backend", "title")))
    return {
        "targets": [
            {
                "name": file.name,
                "aliases": list(file.aliases),
                "backend": target.backend,
                "title": target.title,
                "origin": file.origin,
                "digest": target.digest,
            }
            for file, target in found
        ]
    }


@command
def show_target(
    session: Session,
    target: Annotated[
        str, typer.Argument(help="Name, alias, or path of a target file.", show_default=False)
    ],
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the resolved file, nothing inherited.")
    ] = False,
) -> dict[str, Any]:
    """Show every number of a target: its value, range, kind and source."""
    from nmcompile.target import load_target

    loaded = load_target(target)
    session.out(loaded.to_toml().rstrip() if toml else _text(loaded))
    return loaded.as_json()


def _text(target: Target) -> str:
    rows = [
        (path, _value(number), number.kind, _origin(number.source, number.where))
        for path, number in target.numbers()
    ]
    capabilities = list(target.capabilities())
    sources = [(key, s.title, s.at) for key, s in target.sources.items()]
    return "\n\n".join(
        [
            f"{target.name}: {target.title}\n{target.evidence}".rstrip(),
            table(rows, ("number", "value", "kind", "source")),
            table(capabilities),
            *_opinions(target),
            table(sources, ("source", "title", "")),
            f"digest {target.digest}",
        ]
    )


def _opinions(target: Target) -> list[str]:
    """Whose energies these are, other costs of the chip, and measurements of it."""
    named = [
        ("energies of", target.energies_of or ""),
        ("second opinion on the costs", target.second_opinion or ""),
        ("placements also by the metrics of", target.cost_model or ""),
    ]
    measured = [(k, _value(m.energy), m.title, m.source) for k, m in target.measured.items()]
    return [
        *([table(rows)] if (rows := [row for row in named if row[1]]) else []),
        *([table(measured, ("measured", "energy", "what", "source"))] if measured else []),
    ]


def _value(number: Count | Codes | Measure) -> str:
    if isinstance(number.value, tuple):
        return f"{', '.join(map(str, number.value))} {number.unit}"
    if number.value is None:
        return "unknown"
    unit = "" if number.unit == "1" else f" {number.unit}"
    text = f"{number.value:,}{unit}" if isinstance(number.value, int) else f"{number.value}{unit}"
    if number.low is not None or number.high is not None:
        low = number.value if number.low is None else number.low
        high = number.value if number.high is None else number.high
        text += f" ({low} to {high})"
    return f"at least {text}" if getattr(number, "at_least", False) else text


def _origin(source: str, where: str) -> str:
    return f"{source}, {where}" if where else source


@command
def validate_targets(
    session: Session,
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Names or paths; all built-in ones if none.", show_default=False),
    ] = None,
) -> dict[str, Any]:
    """Check target files and report every error with its line and column."""
    from nmcompile.cost.rates import rates_of
    from nmcompile.cost.second_opinion import second_opinion
    from nmcompile.diagnostics import NmError
    from nmcompile.target import load_target, target_names

    valid: dict[str, str] = {}
    for name in files or target_names():
        try:
            # a bare file name such as chip.toml is a path as well
            target = load_target(Path(name) if name.endswith(".toml") else name)
            second_opinion(target, rates_of(target))
        except NmError as error:
            session.report(*error.diagnostics)
            continue
        valid[name] = target.digest
        session.out(f"{name}: ok")
    return {"valid": valid}
