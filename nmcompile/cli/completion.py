"""``nmcompile completion SHELL``: a static completion script."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from nmcompile.cli.harness import Session, command


class Shell(StrEnum):
    """The shells that completion knows."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


_BASH: Final = """\
_nmcompile() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local command=${COMP_WORDS[1]}
    if [[ $previous == --target || $previous == --targets ]]; then
        COMPREPLY=($(compgen -W "%(targets)s" -- "$current"))
    elif [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "%(commands)s --help --version" -- "$current"))
    else
        case $command in
%(cases)s
        esac
        COMPREPLY+=($(compgen -f -- "$current"))
    fi
}
complete -o filenames -F _nmcompile nmcompile
"""

_FISH_HEAD: Final = "complete -c nmcompile -n '__fish_use_subcommand' -f -a '%s'\n"
_FISH_INNER: Final = "complete -c nmcompile -n '__fish_seen_subcommand_from %s' -f -a '%s'\n"
_FISH_TARGET: Final = "complete -c nmcompile -l target -l targets -x -a '%s'\n"


@command
def completion(
    session: Session,
    shell: Annotated[Shell, typer.Argument(help="The shell.", show_default=False)],
) -> dict[str, Any]:
    """Print a completion script: `source <(nmcompile completion bash)`."""
    script = completion_script(shell)
    session.out(script.rstrip())
    return {"shell": shell.value, "script": script}


def completion_script(shell: Shell) -> str:
    """The completion script of one shell, with the targets known now."""
    from nmcompile.cli.main import COMMANDS
    from nmcompile.target import target_files

    inner: dict[str, list[str]] = {}
    for name in COMMANDS:
        first, _, second = name.partition(" ")
        inner.setdefault(first, []).extend([second] if second else [])
    targets = " ".join(sorted(n for f in target_files() for n in (f.name, *f.aliases)))
    commands = " ".join(inner)
    if shell is Shell.fish:
        parts = [_FISH_HEAD % commands]
        parts += [_FISH_INNER % (k, " ".join(v)) for k, v in inner.items() if v]
        return "".join([*parts, _FISH_TARGET % targets])
    cases = "\n".join(
        f'            {k}) COMPREPLY=($(compgen -W "{" ".join(v)}" -- "$current")) ;;'
        for k, v in inner.items()
        if v
    )
    script = _BASH % {"targets": targets, "commands": commands, "cases": cases}
    if shell is Shell.zsh:
        return f"autoload -U +X bashcompinit && bashcompinit\n{script}"
    return script
