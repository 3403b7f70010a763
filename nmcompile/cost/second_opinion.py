"""The costs of another source for the same chip, where a target names them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nmcompile.cost.rates import Rates, rates_of
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.target import Target, load_target


@dataclass(frozen=True, slots=True)
class Opinion:
    """Another table of costs.

    Attributes:
        target: the target that holds it.
        rates: what to charge with: its energies and times, the rest as before.
        tables: which of its tables count; only "energy" where only the energies are shared.
    """

    target: Target
    rates: Rates
    tables: tuple[str, ...]


def stated_by(target: Target) -> Target:
    """The target whose second opinion and measurements speak about the energies of `target`.

    Raises:
        NmError: NM0607, `energies_of` names no target.
    """
    return target if target.energies_of is None else load_target(target.energies_of)


def second_opinion(target: Target, rates: Rates) -> Opinion | None:
    """The second table of costs of a target, or None.

    A chip that borrows its energies (`energies_of`) keeps its times: the other source fitted
    those of another chip. Static power is always the target's own.

    Args:
        target: the target. rates: its own tables.

    Raises:
        NmError: NM0607, a name is no target; NM0613, it is one of another family.
    """
    origin = stated_by(target)
    if origin.second_opinion is None:
        return None
    other = load_target(origin.second_opinion)
    if other.family != target.family:
        raise NmError(
            Diagnostic(
                code="NM0613",
                message="the second opinion on costs is about a chip of another family",
                where=target.label,
                limit=f'family = "{target.family}"',
                found=f'second_opinion = "{other.name}", family = "{other.family}"',
                help=("name a target that `extends` this one, or leave `second_opinion` out",),
            )
        )
    theirs = rates_of(other)
    if origin is not target:
        return Opinion(other, replace(rates, energy=theirs.energy), ("energy",))
    return Opinion(
        other, replace(rates, energy=theirs.energy, time=theirs.time), ("energy", "time")
    )
