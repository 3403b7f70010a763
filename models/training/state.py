"""The file from which a training goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def write_state(path: Path, body: dict[str, Any]) -> None:
    """Write all of it, or leave the file that is there."""
    part = path.with_name(path.name + ".part")
    torch.save(body, part)
    part.replace(path)
