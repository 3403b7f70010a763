"""Output extents of windows."""

from __future__ import annotations

import itertools

import pytest

from nmcompile.ir.infer import pool_extent


@pytest.mark.torch
def test_pool_extent_is_that_of_torch() -> None:
    import torch

    for size, kernel, stride in itertools.product(range(1, 12), range(1, 5), range(1, 6)):
        if kernel > size:
            continue
        for ceil in (False, True):
            image = torch.zeros(1, 1, size, size)
            pooled = torch.nn.functional.max_pool2d(image, kernel, stride, ceil_mode=ceil)
            assert pool_extent(size, kernel, stride, ceil=ceil) == pooled.shape[-1]
