"""The lazy public names resolve, and unknown ones are ordinary attribute errors."""

from __future__ import annotations

import pytest

import nmcompile


@pytest.mark.parametrize("name", sorted(nmcompile.__all__))
def test_public_name_resolves(name: str) -> None:
    assert getattr(nmcompile, name) is not None


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nmcompile.nothing
