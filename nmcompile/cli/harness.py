"""What all commands share: options, output rules, diagnostics, exit codes.

How to write a command, in a file of its own::

    from nmcompile.cli.harness import Session, command

    @command
    def run(
        session: Session,
        build: Annotated[Path, typer.Argument(help="a build folder", show_default=False)],
        frames: Annotated[int, typer.Option(help="frames to run")] = 2,
    ) -> dict[str, Any]:
        \"\"\"Run the mapped cores of a build.\"\"\"        # the --help text
        from nmcompile.build import Deployment           # heavy imports go inside

        deployment = Deployment.open(build)              # raises NmError: rendered, exit code set
        session.say("running 2 frames")                  # talk: stderr, silent with --quiet
        session.report(Diagnostic(..., severity="warning"))  # shown or put into the JSON object
        session.out("table for people")                  # data: stdout, silent with --json
        return {"spikes": 12}                            # the `result` of --json

and in ``main.py`` one line of ``COMMANDS``: ``"run": "nmcompile.cli.run:run",``.

* Every command has ``--json``, ``--quiet`` and ``--debug``; the decorator adds them.
* With ``--json`` exactly one object goes to stdout, also on failure:
  ``{schema, ok, exit_code, diagnostics, result}``.
* A command that fails *with* a result (a mismatch, a budget) calls ``session.report`` with an
  error and returns its result: the exit code is that of the first error.
* ``session.progress(items, "frames")`` shows a bar on a terminal only.
* A file that the system refuses to read or write is the user's to mend: NM0527, exit 1.
* Any other exception is our bug: a short apology, a crash report, exit 70.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from errno import EDQUOT, ENOSPC
from typing import Annotated, Any, Final, TypeVar

import typer

from nmcompile.cli.text import diagnostics_text, wants_colour
from nmcompile.diagnostics import Diagnostic, DiagnosticBag, ExitCode, NmError, as_json

SCHEMA: Final = "nmcompile.command/1"

T = TypeVar("T")
Result = dict[str, Any] | None


@dataclass
class Session:
    """How one command talks to its user.

    Attributes:
        json: print one JSON object instead of text.
        quiet: keep stderr silent except for errors.
        debug: show the traceback of a crash.
    """

    json: bool = False
    quiet: bool = False
    debug: bool = False
    _bag: DiagnosticBag = field(default_factory=DiagnosticBag)

    def out(self, text: str) -> None:
        """Data for people, to stdout; nothing with --json."""
        if not self.json:
            print(text)

    def say(self, text: str) -> None:
        """Talk, to stderr; nothing with --quiet or --json."""
        if not (self.quiet or self.json):
            print(text, file=sys.stderr, flush=True)

    def report(self, *diagnostics: Diagnostic) -> None:
        """Keep diagnostics for the end of the command; an error among them makes it fail."""
        self._bag.extend(diagnostics)

    def progress(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Iterate with a progress bar on stderr if that is a terminal and people watch."""
        if self.quiet or self.json or not wants_progress():
            yield from items
            return
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True, no_color=not wants_colour(sys.stderr))
        yield from track(items, label, total, transient=True, console=console)

    def finish(self, result: Result) -> int:
        """Print what is left to print and return the exit code."""
        errors = [d for d in self._bag if d.is_error]
        code = int(errors[0].exit_code) if errors else int(ExitCode.OK)
        if self.json:
            print(envelope(code, list(self._bag), result))
        else:
            shown = errors if self.quiet else list(self._bag)
            show(shown)
        sys.stdout.flush()
        return code


def wants_progress() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def show(diagnostics: list[Diagnostic]) -> None:
    """Diagnostics as text to stderr, below whatever stdout already shows."""
    if diagnostics:
        sys.stdout.flush()
        text = diagnostics_text(diagnostics, colour=wants_colour(sys.stderr))
        print(text, file=sys.stderr, flush=True)


def envelope(exit_code: int, diagnostics: list[Diagnostic], result: Result) -> str:
    """The one object of --json."""
    content = {
        "schema": SCHEMA,
        "ok": exit_code == 0,
        "exit_code": exit_code,
        "diagnostics": [as_json(d) for d in diagnostics],
        "result": result,
    }
    return json.dumps(content, indent=2, allow_nan=False)


_COMMON: Final = {
    "json": Annotated[
        bool, typer.Option("--json", help="Print one JSON object to stdout, also on failure.")
    ],
    "quiet": Annotated[
        bool, typer.Option("--quiet", "-q", help="Keep stderr silent except for errors.")
    ],
    "debug": Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")
    ],
}


def command(function: Callable[..., Result]) -> Callable[..., None]:
    """Turn a function of a :class:`Session` into a command with the common options."""
    signature = inspect.signature(function, eval_str=True)
    own = [p for p in signature.parameters.values() if p.name != "session"]
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in _COMMON.items()
    ]

    def wrapper(**arguments: Any) -> None:
        session = Session(**{name: arguments.pop(name) for name in _COMMON})
        code = run_guarded(session, lambda: function(session, **arguments))
        if code:
            raise typer.Exit(code)

    wrapper.__name__ = function.__name__
    wrapper.__module__ = function.__module__
    wrapper.__doc__ = function.__doc__
    ordered = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + common
    wrapper.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in ordered}
    return wrapper


def run_guarded(session: Session, body: Callable[[], Result]) -> int:
    """Run a command's body and turn whatever happens into output and an exit code."""
    try:
        return session.finish(body())
    except NmError as error:
        session.report(*error.diagnostics)
        return session.finish(None)
    except KeyboardInterrupt:
        session.report(Diagnostic(code="NM0002", message="interrupted"))
        return session.finish(None)
    except BrokenPipeError:
        # the reader (head, less) has seen enough; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        refused = _refused_file(error)
        if refused is not None:
            session.report(refused)
            return session.finish(None)
        from nmcompile.cli.crash import crash_diagnostic

        if session.debug:
            import traceback

            traceback.print_exc()
        session.report(crash_diagnostic(error))
        return session.finish(None)


def _refused_file(error: Exception) -> Diagnostic | None:
    """NM0527 for a path or a full disk that the system refused, None for anything else."""
    if not isinstance(error, OSError):
        return None
    if error.filename is None and error.errno not in (ENOSPC, EDQUOT):
        return None
    return Diagnostic(
        code="NM0527",
        message="the system refuses to read or write this file",
        where="" if error.filename is None else str(error.filename),
        found=error.strerror or type(error).__name__,
        help=("choose a path in a folder that exists and that you may write to",),
    )
