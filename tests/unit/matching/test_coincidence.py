"""The cost of matching on cores without run-time synapses, and what a gate computes."""

from __future__ import annotations

import numpy as np
import pytest

from nmcompile.matching.coincidence import gates


def test_the_shipped_tracker_and_the_full_one() -> None:
    """9 x 9 x 32 over 25 x 25 at T = 16, and 6 x 6 x 256 over 22 x 22 at T = 20, signed."""
    small = gates((32, 9, 9), (1, 17, 17), 16, signed=False)
    assert (small.products, small.planes, small.cores(256)) == (749_088, 5, 14_631)
    full = gates((256, 6, 6), (1, 17, 17), 20, signed=True)
    assert full.products == 4 * 2_663_424
    assert full.cores(256) == 208_080


@pytest.mark.parametrize("timesteps", range(2, 40))
def test_bits_of_a_count_are_fewer_than_lags(timesteps: int) -> None:
    each = gates((1, 1, 1), (1, 1, 1), timesteps, signed=False)
    assert each.neurons < 2 * timesteps - 1


def test_a_coincidence_per_timestep_is_not_the_product_of_counts() -> None:
    """The mean over random trains is Z X / T; open gates for the bits of Z give Z X itself."""
    rng = np.random.default_rng(0)
    steps, z_count, x_count = 16, 6, 5
    trains = [
        [np.isin(np.arange(steps), rng.permutation(steps)[:n]) for n in (z_count, x_count)]
        for _ in range(4000)
    ]
    found = np.array([(z & x).sum() for z, x in trains])
    assert found.mean() == pytest.approx(z_count * x_count / steps, rel=0.05)
    assert found.std() > 0.4 * found.mean()
    x = trains[0][1]
    planes = [(z_count >> k) & 1 for k in range(3)]
    assert sum(2**k * int((x & bool(bit)).sum()) for k, bit in enumerate(planes)) == 30
