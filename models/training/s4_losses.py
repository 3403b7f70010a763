"""What is asked of SiamFC++'s maps: the labels, and what a teacher says.

Labels as in SiamFC++ (arXiv 1911.06188): focal loss on the class, cross-entropy on the
centre-ness of FCOS, three times the IoU loss of the box. S4-KD names three distillation losses
without printing them; features, responses and boxes are this project's reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch.nn import functional

from nmcompile.architectures.siamfcpp import Maps, SiamFCppConfig
from training.s4_pairs import Batch

FOCAL_ALPHA: Final = 0.25
FOCAL_GAMMA: Final = 2.0
BOX_WEIGHT: Final = 3.0
TEMPERATURE: Final = 2.0
NOMINAL: Final = 0.45
"""Side of an object without an outline, in exemplar sides."""


class Targets(NamedTuple):
    """At every place of the maps, `(N, S, S)`.

    Attributes:
        inside: 1 in the object. centre: centre-ness, 0 outside. distances: `(N, 4, S, S)` to left,
            top, right, bottom. outlined: 1 in an object whose box is known.
    """

    inside: torch.Tensor
    centre: torch.Tensor
    distances: torch.Tensor
    outlined: torch.Tensor


@dataclass(frozen=True)
class Distillation:
    """Weights of the three distillation losses; 0 switches one off.

    Attributes:
        feature: of the neck's maps. response: of class and centre logits. box: of the boxes.
    """

    feature: float = 0.0
    response: float = 0.0
    box: float = 0.0

    @property
    def any(self) -> bool:
        """Whether there is a teacher at all."""
        return bool(self.feature or self.response or self.box)


NOTHING: Final = Distillation()


class Seen(NamedTuple):
    """A network's answer.

    Attributes:
        maps: of the head. neck: exemplar class, exemplar box, search class, search box.
        rates: spikes per neuron and timestep of every spiking layer in the search crop.
    """

    maps: Maps
    neck: tuple[torch.Tensor, ...]
    rates: tuple[torch.Tensor, ...]


def places(config: SiamFCppConfig) -> torch.Tensor:
    """Search pixel (S,) that each column or row of the maps stands for."""
    size, stride = config.score_size, config.stride
    first = (config.search_size - 1 - (size - 1) * stride) / 2
    return first + stride * torch.arange(size)


def targets(batch: Batch, config: SiamFCppConfig) -> Targets:
    """What the maps should be for a batch."""
    sizes = batch.boxes[:, 2:].nan_to_num(nan=NOMINAL * config.exemplar_size)
    low, high = batch.boxes[:, :2] - sizes / 2, batch.boxes[:, :2] + sizes / 2
    grid = places(config)
    shape = (len(sizes), config.score_size, config.score_size)
    x, y = grid[None, None, :].expand(shape), grid[None, :, None].expand(shape)
    left, top, right, bottom = (
        x - low[:, 0, None, None],
        y - low[:, 1, None, None],
        high[:, 0, None, None] - x,
        high[:, 1, None, None] - y,
    )
    distances = torch.stack([left, top, right, bottom], 1)
    inside = (distances.amin(1) > 0) & batch.present[:, None, None]
    ratio = [
        torch.minimum(a, b).clamp(min=0) / torch.maximum(a, b).clamp(min=1e-6)
        for a, b in ((left, right), (top, bottom))
    ]
    centre = torch.sqrt(ratio[0] * ratio[1]) * inside
    outlined = inside & batch.boxes[:, 2].isfinite()[:, None, None]
    return Targets(inside.float(), centre, distances, outlined.float())


def label_loss(maps: Maps, target: Targets) -> torch.Tensor:
    """Focal class loss + centre cross-entropy + 3 x IoU loss, per place of an object."""
    inside, logit = target.inside, maps.score[:, 0]
    count = inside.sum().clamp(min=1)
    cross = functional.binary_cross_entropy_with_logits(logit, inside, reduction="none")
    probability = torch.sigmoid(logit)
    wrong = torch.where(inside > 0, 1 - probability, probability)
    balance = torch.where(inside > 0, FOCAL_ALPHA, 1 - FOCAL_ALPHA)
    classes = (balance * wrong**FOCAL_GAMMA * cross).sum() / count
    centre = functional.binary_cross_entropy_with_logits(
        maps.centre[:, 0], target.centre, weight=inside, reduction="sum"
    )
    weight = target.centre * target.outlined
    boxes = -torch.log(iou(maps.box, target.distances).clamp(min=1e-3))
    box = (boxes * weight).sum() / weight.sum().clamp(min=1)
    return classes + centre / count + BOX_WEIGHT * box


def iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Intersection over union `(N, S, S)` of boxes around the same place, `(N, 4, S, S)`."""
    shared = torch.minimum(first, second)
    width, height = (shared[:, 0] + shared[:, 2]), (shared[:, 1] + shared[:, 3])
    both = width.clamp(min=0) * height.clamp(min=0)
    return both / (_area(first) + _area(second) - both).clamp(min=1e-6)


def _area(box: torch.Tensor) -> torch.Tensor:
    return (box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3])


def teacher_loss(seen: Seen, taught: Seen, weights: Distillation) -> torch.Tensor:
    """The sum of the distillation losses that are switched on."""
    total = torch.zeros(())
    if weights.feature:
        total = total + weights.feature * feature_loss(seen, taught)
    if weights.response:
        total = total + weights.response * response_loss(seen.maps, taught.maps)
    if weights.box:
        total = total + weights.box * box_loss(seen.maps, taught.maps)
    return total


def feature_loss(seen: Seen, taught: Seen) -> torch.Tensor:
    """Mean squared error of the neck's four maps, which are normalised alike.

    The neck and not the backbone: spikes are never negative, the ANN's last layer is.
    """
    pairs = zip(seen.neck, taught.neck, strict=True)
    return torch.stack([functional.mse_loss(a, b) for a, b in pairs]).mean()


def response_loss(maps: Maps, taught: Maps) -> torch.Tensor:
    """Cross-entropy with the teacher's softened class and centre probabilities."""
    terms = [
        functional.binary_cross_entropy_with_logits(
            mine / TEMPERATURE, torch.sigmoid(other / TEMPERATURE)
        )
        for mine, other in ((maps.score, taught.score), (maps.centre, taught.centre))
    ]
    return TEMPERATURE**2 * torch.stack(terms).mean()


def box_loss(maps: Maps, taught: Maps) -> torch.Tensor:
    """1 - IoU with the teacher's boxes, weighted by the teacher's score of each place."""
    weight = (torch.sigmoid(taught.score) * torch.sigmoid(taught.centre))[:, 0]
    return ((1 - iou(maps.box, taught.box)) * weight).sum() / weight.sum().clamp(min=1e-6)
