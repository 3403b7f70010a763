"""SpikeTrack's losses: focal loss on the centre, GIoU and L1 on the box; and what they decode."""

from __future__ import annotations

from typing import Final

import torch

from nmcompile.architectures.spiketrack.head import Maps

GIOU, L1, SCORE = 2.0, 5.0, 1.0
"""Weights of the published training."""
SIDES: Final = 1.5
"""Weight of the sides' logarithms, which the published training does not ask for.

A loop that follows sizes multiplies their errors frame by frame: GIoU and L1 alone left sides 7 %
too large in the mean, which lost every second target.
"""
REACH: Final = 1.5
"""Places within this distance of the centre learn the box as well, less with the distance.

The published training tells the box at the centre's place alone; small maps gain by more.
"""
OVERLAP: Final = 0.7
"""A corner pair within the target's radius still overlaps the box by this much."""


def radius(box: torch.Tensor) -> torch.Tensor:
    """Radius of the Gaussian target, in places, of boxes (..., 4) likewise (CornerNet's rule)."""
    w, h = box[..., 2], box[..., 3]
    grown, area = w + h, w * h

    def root(a: float, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return (b + torch.sqrt((b * b - 4 * a * c).clamp(min=0))) / 2

    return torch.stack(
        [
            root(1, grown, area * (1 - OVERLAP) / (1 + OVERLAP)),
            root(4, 2 * grown, (1 - OVERLAP) * area),
            root(4 * OVERLAP, -2 * OVERLAP * grown, (OVERLAP - 1) * area),
        ]
    ).amin(0)


def places(side: int, boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """x and y of every place minus those of the centre's place, (N, P, P), places."""
    centre = (boxes[:, :2] * side).floor().clamp(0, side - 1)
    grid = torch.arange(side, dtype=boxes.dtype)
    dx = grid[None, None, :] - centre[:, 0, None, None]
    dy = grid[None, :, None] - centre[:, 1, None, None]
    return dx.expand(-1, side, -1), dy.expand(-1, -1, side)


def focal(score: torch.Tensor, boxes: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """CenterNet's focal loss (alpha 2, beta 4) of scores (N, 1, P, P), mean over the crops.

    A crop without the target (`present` (N,) false) has to be low everywhere.
    """
    side = score.shape[-1]
    dx, dy = places(side, boxes)
    sigma = (2 * radius(boxes * side).floor().clamp(min=0) + 1) / 6
    target = torch.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma)[:, None, None])
    target = target * present[:, None, None]
    p, hit = score[:, 0], target == 1
    near = -torch.log(p) * (1 - p).square()
    away = -torch.log(1 - p) * p.square() * (1 - target).pow(4)
    return torch.where(hit, near, away).sum((1, 2)).mean()


def boxes_of(maps: Maps) -> torch.Tensor:
    """The box that every place tells, (N, P, P, 4): centre, width, height in parts of the crop."""
    side = maps.score.shape[-1]
    grid = torch.arange(side, dtype=maps.offset.dtype)
    x = (grid[None, None, :] + maps.offset[:, 0]) / side
    y = (grid[None, :, None] + maps.offset[:, 1]) / side
    return torch.stack([x, y, maps.size[:, 0], maps.size[:, 1]], -1)


def generalised_overlap(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and GIoU of boxes (..., 4)."""
    a_low, a_high = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2
    b_low, b_high = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2
    shared = (torch.minimum(a_high, b_high) - torch.maximum(a_low, b_low)).clamp(min=0).prod(-1)
    hull = (torch.maximum(a_high, b_high) - torch.minimum(a_low, b_low)).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared
    iou = shared / union
    return iou, iou - (hull - union) / hull


def box_losses(
    maps: Maps, boxes: torch.Tensor, outlined: torch.Tensor, present: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """1 - GIoU, L1, L1 of the sides' logarithms; of boxes (N, 4).

    Without an outline only the area of a box is told.
    """
    side = maps.score.shape[-1]
    told = boxes_of(maps)
    square = told[..., 2:].prod(-1, keepdim=True).sqrt().expand(-1, -1, -1, 2)
    seen = outlined[:, None, None, None]
    told = torch.cat([told[..., :2], torch.where(seen, told[..., 2:], square)], -1)
    dx, dy = places(side, boxes)
    weight = (1 - torch.sqrt(dx * dx + dy * dy) / REACH).clamp(min=0)
    weight = weight * present[:, None, None]
    weight = weight / weight.sum()
    truth = boxes[:, None, None, :].expand_as(told)
    giou = ((1 - generalised_overlap(told, truth)[1]) * weight).sum()
    sides = (told[..., 2:].log() - truth[..., 2:].log()).abs().mean(-1)
    return giou, ((told - truth).abs().mean(-1) * weight).sum(), (sides * weight).sum()


def loss(
    maps: Maps, boxes: torch.Tensor, outlined: torch.Tensor, present: torch.Tensor
) -> torch.Tensor:
    """The published sum and the sides, of maps in single precision."""
    giou, l1, sides = box_losses(maps, boxes, outlined, present)
    score = focal(maps.score, boxes, present)
    return SCORE * score + GIOU * giou + L1 * l1 + SIDES * sides


def found(maps: Maps) -> torch.Tensor:
    """The box (N, 4) at the highest score, without a window."""
    best = maps.score.flatten(1).argmax(1)
    return boxes_of(maps).flatten(1, 2)[torch.arange(len(best)), best]
