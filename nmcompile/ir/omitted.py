"""Fields that came later than the files that programs are stored in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

OMITTED: Final[Mapping[str, bool]] = MappingProxyType({"omit_default": True})
"""Of fields that a stored program leaves out while they have their default, so that a program
without them keeps the digest that it had before there were such fields."""
