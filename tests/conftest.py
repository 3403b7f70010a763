"""What all tests share: tests of real data are skipped where there is none; long ones go first."""

from __future__ import annotations

import pytest
from support.data import DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip `data` tests when the folder is missing; -ra shows it in the summary."""
    # A long test that starts last would leave all workers but one idle.
    items.sort(key=lambda item: "slow" not in item.keywords)
    if DATA.is_dir():
        return
    skip = pytest.mark.skip(reason=f"no real data at {DATA}: set NMCOMPILE_DATA")
    for item in items:
        if "data" in item.keywords:
            item.add_marker(skip)
