"""``nmcompile models list | info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.text import table

if TYPE_CHECKING:
    from nmcompile.models import ModelCard


@command
def list_models(session: Session) -> dict[str, Any]:
    """List the trained models that come with nmcompile."""
    from nmcompile.models import model_card, model_names

    cards = [model_card(name) for name in model_names()]
    rows = [(c.name, c.architecture, c.licence, ", ".join(c.targets), c.title) for c in cards]
    if rows:
        session.out(table(rows, ("name", "architecture", "licence", "targets", "title")))
    else:
        session.say("no models are installed")
    return {"models": [_content(card) for card in cards]}


@command
def model_info(
    session: Session,
    name: Annotated[str, typer.Argument(help="Name of a shipped model.", show_default=False)],
) -> dict[str, Any]:
    """Show where a model comes from, how good it is, and where its checkpoint lies."""
    from nmcompile.diagnostics import Diagnostic
    from nmcompile.models import model_card

    card = model_card(name)
    problem = card.problem()
    if problem:
        session.report(
            Diagnostic(
                code="NM0612", message=problem, where=str(card.checkpoint_path), severity="warning"
            )
        )
    facts = [
        ("checkpoint", card.checkpoint_path),
        ("sha256", card.sha256),
        ("architecture", f"{card.architecture}, {card.timesteps} timesteps"),
        ("targets", ", ".join(card.targets)),
        ("licence", card.licence),
        ("origin", card.origin),
        *(("note", note) for note in card.notes),
    ]
    session.out(f"{card.name}: {card.title}\n\n{table(facts)}")
    if card.accuracy:
        rows = [(a.data, a.level, a.metric, f"{a.value:.3f}", _range(a)) for a in card.accuracy]
        session.out("\n" + table(rows, ("data", "level", "metric", "value", "range"), "   r"))
    return _content(card)


def _range(figure: Any) -> str:
    return "-" if figure.low is None else f"{figure.low:.3f} to {figure.high:.3f}"


def _content(card: ModelCard) -> dict[str, Any]:
    content: dict[str, Any] = card.model_dump(mode="json")
    return {**content, "path": str(card.checkpoint_path)}
