"""One message to the user, and the exception that carries messages to the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from nmcompile.diagnostics.exit_codes import ExitCode, exit_code_of

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What is wrong, where, which limit met which value, and how to go on.

    Attributes:
        code: ``NM`` and four digits; the family (first two digits) decides the exit code.
        message: lower case, no full stop, names what was found; never contains the fix.
        where: in the user's words: a layer name (``conv2``) or ``file:line:col``.
        limit: the limit that was met, with its origin: ``256 axons (targets/truenorth.toml)``.
        found: the value that met it: ``576``.
        notes: further facts, one line each.
        help: ways to go on, one line each.
        severity: only ``error`` ends a command.
    """

    code: str
    message: str
    where: str = ""
    limit: str = ""
    found: str = ""
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    severity: Severity = "error"

    def __post_init__(self) -> None:
        exit_code_of(self.code)  # a code outside the table is a bug: fail where it is made
        for name in ("notes", "help"):
            if isinstance(getattr(self, name), str):
                raise TypeError(f"Diagnostic.{name} is a tuple of lines, not one string")
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this diagnostic asks for if it is an error."""
        return exit_code_of(self.code)

    @property
    def is_error(self) -> bool:
        """Whether this diagnostic ends the command."""
        return self.severity == "error"


class NmError(Exception):
    """The user can act on this: one or more diagnostics, at least one of them an error."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        if not any(d.is_error for d in diagnostics):
            raise ValueError("NmError needs at least one diagnostic of severity 'error'")
        super().__init__(*diagnostics)
        self.diagnostics: Final = diagnostics

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the first error."""
        return next(d.exit_code for d in self.diagnostics if d.is_error)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all diagnostics, in order."""
        return tuple(d.code for d in self.diagnostics)

    def __str__(self) -> str:
        from nmcompile.diagnostics.render import as_text

        return "\n".join(as_text(d) for d in self.diagnostics)


@dataclass(slots=True)
class DiagnosticBag:
    """Collects independent diagnostics, so that a user meets all of them in one run."""

    items: list[Diagnostic] = field(default_factory=list)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep one diagnostic; an identical one is kept once."""
        if diagnostic not in self.items:
            self.items.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep several diagnostics."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def has_errors(self) -> bool:
        """Whether anything collected ends the command."""
        return any(d.is_error for d in self.items)

    def raise_errors(self) -> None:
        """Raise everything collected as one :class:`NmError` if there is an error among it."""
        if self.has_errors:
            raise NmError(*self.items)
