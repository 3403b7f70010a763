"""Papers' formulas on round counts."""

from __future__ import annotations

import pytest

from nmcompile.cost.conventions import conventions


def test_formulas_by_hand():
    by_name = {row.name: row for row in conventions(sops=1e9, macs=1e6)}
    assert by_name["mac_ac_45nm"].energy_j == pytest.approx(1e9 * 0.9e-12 + 1e6 * 4.6e-12)
    assert by_name["peak_gsops"].energy_j == pytest.approx(2.5e-3)
    assert by_name["peak_gsops_as_printed"].energy_j == pytest.approx(5e-5)


def test_siamsnn_table_iii_and_its_factor():
    """1.10e9 operations: the paper prints 5.5e-5 J, a consistent reading gives 50 times that."""
    by_name = {row.name: row for row in conventions(sops=1.10e9, macs=0)}
    printed = by_name["peak_gsops_as_printed"]
    assert printed.energy_j == pytest.approx(5.5e-5)
    assert by_name["peak_gsops"].energy_j / printed.energy_j == pytest.approx(50)
    assert "factor of 50" in printed.leaves_out


def test_the_factor_needs_both_figures():
    row = conventions(sops=400e9, macs=0)[2]
    assert row.factor(3.0) == pytest.approx(3.0)
    assert row.factor(None) is None
    assert conventions(sops=0, macs=0)[0].factor(1.0) is None


@pytest.mark.parametrize("row", conventions(1, 1), ids=lambda row: row.name)
def test_every_convention_says_what_it_leaves_out_and_where_it_is_from(row):
    assert len(row.leaves_out) > 40
    assert not row.leaves_out.endswith(".")
    assert row.source
