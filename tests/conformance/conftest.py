"""The verdict of the comparison with Lava, one line at the end of a run."""

from __future__ import annotations

from collections import Counter

import pytest

COMPARED = pytest.StashKey[Counter[str]]()


@pytest.fixture
def compared(request: pytest.FixtureRequest) -> Counter[str]:
    """What was compared with Lava and found equal: networks, stock ones, frames, spikes."""
    return request.config.stash.setdefault(COMPARED, Counter())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remember the failures for the verdict."""
    found = session.config.stash.get(COMPARED, None)
    if found is not None:
        found["failed"] = session.testsfailed


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line says how much was equal."""
    found = config.stash.get(COMPARED, None)
    if found is None or hasattr(config, "workerinput"):
        return
    verdict = f"{found['failed']} TESTS FAILED" if found["failed"] else "EQUAL"
    config.get_terminal_writer().line(
        f"verdict: {verdict}: cores, Lava and scalar arithmetic agree on {found['networks']} "
        f"random networks ({found['stock']} of stock processes only), {found['frames']} frames, "
        f"{found['spikes']} spikes, {found['states']} final states"
    )
