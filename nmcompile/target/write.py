"""Write a target as TOML: one inline table per number, tables in the order of the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmcompile.target.schema import Target


def target_toml(target: Target) -> str:
    """The whole target as TOML text, independent of the file that it was read from."""
    content = target.model_dump(mode="json", exclude_none=True)
    lines = [f"{key} = {_value(v)}" for key, v in content.items() if not isinstance(v, dict)]
    for section, table in content.items():
        if isinstance(table, dict):
            lines += ["", f"[{section}]", *(f"{key} = {_value(v)}" for key, v in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, float):
        return repr(value)
    # strings, integers and booleans: their JSON text is also their TOML text
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")
