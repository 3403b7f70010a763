"""Where the real data lies; tests that need it are marked `data`."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared" / "data"))
