"""The ``nmcompile`` program: finds the command, loads only that one, and runs it."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, NoReturn

import typer

from nmcompile import __version__
from nmcompile.cli.harness import envelope, show
from nmcompile.diagnostics import Diagnostic, ExitCode

# command (or "group command") -> where it is; the order is that of --help
COMMANDS: Final[dict[str, str]] = {
    "build": "nmcompile.cli.build:build",
    "check": "nmcompile.cli.check:check",
    "run": "nmcompile.cli.run:run",
    "noc": "nmcompile.cli.noc:noc",
    "track": "nmcompile.cli.track:track",
    "evaluate": "nmcompile.cli.evaluate:evaluate",
    "explore": "nmcompile.cli.explore:explore",
    "report": "nmcompile.cli.report:report",
    "diff": "nmcompile.cli.diff:diff",
    "budget": "nmcompile.cli.budget:budget",
    "wrap": "nmcompile.cli.wrap:wrap",
    "ranc run": "nmcompile.cli.ranc:run_ranc",
    "ranc export": "nmcompile.cli.ranc:export_ranc",
    "events simulate": "nmcompile.cli.events:simulate",
    "events info": "nmcompile.cli.events:info",
    "events render": "nmcompile.cli.events:render",
    "targets list": "nmcompile.cli.targets:list_targets",
    "targets show": "nmcompile.cli.targets:show_target",
    "targets validate": "nmcompile.cli.targets:validate_targets",
    "models list": "nmcompile.cli.models:list_models",
    "models info": "nmcompile.cli.models:model_info",
    "doctor": "nmcompile.cli.doctor:doctor",
    "explain": "nmcompile.cli.explain:explain_code",
    "completion": "nmcompile.cli.completion:completion",
}

GROUPS: Final = {
    "ranc": "Exchange networks with RANC, a simulator of crossbar cores.",
    "events": "Recordings of event cameras: made, described, shown.",
    "targets": "The chips that nmcompile knows.",
    "models": "The trained models that come with nmcompile.",
}


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"nmcompile {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Put a trained tracker on a neuromorphic chip, and see what a frame costs."""


def build_app() -> typer.Typer:
    """The whole command tree. Command files import nothing heavy, so loading all is cheap."""
    app = typer.Typer(
        name="nmcompile",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # plain help: fast, and the same on every terminal
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="Exit codes: 0 ok, 1 bad input, 2 usage, 3 does not fit, 4 over budget, "
        "5 mismatch, 6 tool missing, 70 our bug, 130 interrupted.",
    )
    app.callback()(_root)
    groups: dict[str, typer.Typer] = {}
    for name, place in COMMANDS.items():
        module, attribute = place.split(":")
        function = getattr(importlib.import_module(module), attribute)
        group, _, inner = name.rpartition(" ")
        if group and group not in groups:
            groups[group] = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
            app.add_typer(groups[group], name=group, help=GROUPS[group])
        groups.get(group, app).command(inner)(function)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        code: Any = build_app()(args=list(arguments), prog_name="nmcompile", standalone_mode=False)
        return int(code or 0)
    except (KeyboardInterrupt, typer.Abort):
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        usage = _usage_diagnostic(error)
        if usage is None:
            raise
        if "--json" in arguments:
            print(envelope(int(ExitCode.USAGE), [usage], None))
        else:
            show([usage])
        return int(ExitCode.USAGE)


def _usage_diagnostic(error: Exception) -> Diagnostic | None:
    """What the parser of the command line did not accept; None for any other exception.

    Typer carries its own parser or uses click's, depending on its version: both tell a usage
    error by these two methods.
    """
    explain = getattr(error, "format_message", None)
    if explain is None or not hasattr(error, "exit_code"):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "nmcompile"
    message = str(explain()).rstrip(".")
    return Diagnostic(
        code="NM0001",
        message=message[:1].lower() + message[1:],
        where=path,
        help=(f"see `{path} --help`",),
    )


def main() -> NoReturn:
    """Entry point of the console script."""
    # A terminated build cleans up as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))
