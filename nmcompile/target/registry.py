"""All targets that there are: the built-in files and those of installed plugins.

A plugin registers under the entry-point group ``nmcompile.targets`` an object that is the path of
a target file, or a function without arguments that returns one. A broken plugin never breaks a
command that does not use it; ``nmcompile doctor`` reports it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from nmcompile.config import read_toml
from nmcompile.data import targets_dir
from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean
from nmcompile.target.loader import load_target_file
from nmcompile.target.schema import Target

ENTRY_POINTS: Final = "nmcompile.targets"


@dataclass(frozen=True, slots=True)
class TargetFile:
    """One registered target file.

    Attributes:
        name: the name for ``--target``.
        path: the file.
        aliases: further names.
        origin: ``built-in`` or the plugin's entry point.
    """

    name: str
    path: Path
    aliases: tuple[str, ...]
    origin: str

    @property
    def label(self) -> str:
        """How messages name the file; the same on every machine."""
        return f"targets/{self.path.name}" if self.origin == "built-in" else self.path.name


def _described(path: Path, origin: str) -> TargetFile:
    try:
        data = read_toml(path).data
    except NmError:
        data = {}  # still listed, so that loading it says what is wrong with it
    aliases = data.get("aliases", [])
    known = tuple(a for a in aliases if isinstance(a, str)) if isinstance(aliases, list) else ()
    return TargetFile(str(data.get("name", path.stem)), path, known, origin)


def _plugins() -> tuple[list[TargetFile], list[Diagnostic]]:
    files: list[TargetFile] = []
    problems: list[Diagnostic] = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda p: p.name):
        try:
            loaded = point.load()
            path = Path(loaded() if callable(loaded) else loaded)
            if not path.is_file():
                raise FileNotFoundError(path)
            files.append(_described(path, f"plugin {point.value}"))
        except Exception as error:  # whatever a plugin does, it must not take nmcompile down
            problems.append(
                Diagnostic(
                    code="NM0610",
                    message=f"the target plugin `{point.name}` does not load",
                    where=point.value,
                    found=f"{type(error).__name__}: {error}",
                    severity="warning",
                    help=("repair or uninstall the package that registers it",),
                )
            )
    return files, problems


def target_files() -> tuple[TargetFile, ...]:
    """All registered target files, sorted by name; a built-in name wins over a plugin's."""
    found = {f.name: f for f in _plugins()[0]}
    for path in sorted(targets_dir().glob("*.toml")):
        described = _described(path, "built-in")
        found[described.name] = described
    return tuple(found[name] for name in sorted(found))


def plugin_problems() -> tuple[Diagnostic, ...]:
    """What is wrong with installed target plugins, as warnings."""
    return tuple(_plugins()[1])


def target_names() -> tuple[str, ...]:
    """The names of all targets, without aliases, sorted."""
    return tuple(f.name for f in target_files())


def _find(name: str) -> TargetFile:
    files = target_files()
    for file in files:
        if name == file.name:
            return file
    for file in files:
        if name in file.aliases:
            return file
    names = [n for f in files for n in (f.name, *f.aliases)]
    raise NmError(
        Diagnostic(
            code="NM0607",
            message=f"there is no target `{name}`",
            help=(
                did_you_mean(name, names, "targets"),
                "or give the path of a target file (.toml); see `nmcompile targets list`",
            ),
        )
    )


def _is_path(name: str) -> bool:
    return name.endswith(".toml") or os.sep in name or "/" in name


def load_target(name_or_path: str | Path) -> Target:
    """Load a target by name, alias or path.

    Args:
        name_or_path: ``loihi2``, ``loihi`` (an alias), or the path of a ``.toml`` file.

    Raises:
        NmError: NM0607 unknown name; NM0602 to NM0606, NM0608, NM0609 for a faulty file.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or _is_path(name):
        path = Path(name_or_path)
        return load_target_file(path, str(path), lambda parent: _find(parent).path)
    file = _find(name)
    return load_target_file(file.path, file.label, lambda parent: _find(parent).path)
