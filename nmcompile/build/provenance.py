"""What a build follows from beside model and target: options, passes, seeds, scales."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping

from nmcompile.build import stimuli
from nmcompile.build.compiled import Compiled, Options
from nmcompile.mapping.placement import place
from nmcompile.report.sections import Provenance, Setting


def provenance(compiled: Compiled) -> Provenance:
    """For the report: names are paths such as `recipe.coding.name`."""
    return Provenance(
        passes=compiled.pass_digests,
        seeds=seeds(),
        choices=_settings(choices(compiled.options)),
        scales=_settings(compiled.scales),
    )


def seeds() -> dict[str, int]:
    """What random numbers start from."""
    return {"placement": place.SEED, "stimulus": stimuli.SEED}


def choices(options: Options) -> dict[str, object]:
    """What changes the result: the contents of files, not where they lie."""
    chosen = dataclasses.asdict(options)
    del chosen["dump_passes"], chosen["input"]
    if options.input is not None:
        chosen["input"] = hashlib.sha256(options.input.read_bytes()).hexdigest()
    return {**chosen, "recipe": options.recipe.model_dump(mode="json")}


def _settings(values: Mapping[str, object]) -> tuple[Setting, ...]:
    return tuple(
        Setting(name=name, value=value if isinstance(value, _PLAIN) else str(value))
        for name, value in _flat(values)
    )


_PLAIN = (str, int, float, bool, type(None))


def _flat(values: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
