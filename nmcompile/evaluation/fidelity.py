"""Fidelity: does the converted network answer as the float tracker's network does?

A closed loop is noisy: a pixel more or less in the first box moves the mean overlap by more than
most configurations differ. Fidelity needs no loop. Search crops are cut around the true box, moved
by a known random jitter, and the response map of the converted network is compared with that of
the float network on the same crop and template. `nmcompile.evaluation.response_maps` says which map
of which tracker that is.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.build.execute import ProgramExecutor
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.estimates import Estimate, Paired, over_sequences, paired
from nmcompile.evaluation.response_maps import CropParams, responder_of
from nmcompile.trackers.crops import crop_square
from nmcompile.trackers.siamfc import context_side

__all__ = [
    "Crop",
    "Fidelity",
    "Observed",
    "compare",
    "correlations",
    "crops_of",
    "fidelity",
    "observe",
    "sample_crops",
    "shares",
]

Image = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]

DEFAULT_CROPS: Final = 60
JITTER_PIXELS: Final = 32.0
"""Largest displacement of the object from the centre, in pixels of a 255 pixel crop."""
HIT_PIXELS: Final = 16.0
"""A place this close to the true centre is a hit, in pixels of a 255 pixel crop."""
_REFERENCE_SIZE: Final = 255.0


@dataclass(frozen=True)
class Crop:
    """One jittered search crop.

    Attributes:
        sequence: where it comes from.
        frame: index of its frame in the annotated part of the sequence.
        template: exemplar crop of that sequence's first frame, RGB uint8; the same object for
            all crops of a sequence.
        search: RGB uint8 `(H, W, 3)`.
        target: x, y of the true centre relative to the crop's centre, crop pixels.
    """

    sequence: str
    frame: int
    template: Image
    search: Image
    target: tuple[float, float]


@dataclass(frozen=True)
class Observed:
    """What one executor answered.

    Attributes:
        sequences: name of each crop's sequence.
        responses: `(crops, h, w)`.
        hits: `(crops,)` 1 where the networks see the object near its true place, else 0.
        sops: synaptic operations per search crop; None where the level counts nothing.
        macs: multiply-accumulates per search crop; None where the level counts nothing.
    """

    sequences: tuple[str, ...]
    responses: Values
    hits: Values
    sops: Values | None
    macs: Values | None

    @property
    def sops_per_crop(self) -> float | None:
        """Mean synaptic operations of one search crop."""
        return None if self.sops is None else float(self.sops.mean())

    @property
    def macs_per_crop(self) -> float | None:
        """Mean multiply-accumulates of one search crop."""
        return None if self.macs is None else float(self.macs.mean())

    def grouped(self, values: Values) -> list[Values]:
        """Values per crop as one array per sequence."""
        names = np.array(self.sequences)
        return [values[names == name] for name in dict.fromkeys(self.sequences)]


@dataclass(frozen=True)
class Fidelity:
    """How far a network follows the float tracker's on the same crops.

    Attributes:
        correlation: mean Pearson correlation of the response maps.
        hit16: share of crops where the object is seen within 16 pixels of a 255 pixel crop.
        reference_hit16: the same of the reference.
        hit16_difference: paired, other - reference.
        sops_per_crop: mean synaptic operations of one search crop; None where not counted.
        macs_per_crop: mean multiply-accumulates (real-valued inputs); None where not counted.
        crops: how many.
    """

    correlation: Estimate
    hit16: Estimate
    reference_hit16: Estimate
    hit16_difference: Paired
    sops_per_crop: float | None
    macs_per_crop: float | None
    crops: int


def sample_crops(
    sequences: Sequence[VideoSequence],
    params: CropParams,
    count: int = DEFAULT_CROPS,
    seed: int = 0,
) -> tuple[Crop, ...]:
    """Cut jittered crops around true boxes, spread evenly over the sequences.

    Args:
        sequences: with ground truth; those without are left out.
        params: sizes and context of the tracker.
        count: crops in total; the first sequences get the remainder.
        seed: of frames and jitter. A sequence's draws depend on its name, not on its place.

    Raises:
        ValueError: no sequence has a box.
    """
    parts = [p for p in (s.annotated() for s in sequences) if p.first_box is not None]
    if not parts:
        raise ValueError("no sequence has a box")
    return tuple(
        crop
        for part, share in zip(parts, shares(count, len(parts)), strict=True)
        for crop in crops_of(part, params, share, seed)
    )


def shares(count: int, parts: int) -> list[int]:
    """`count` spread over `parts`, as evenly as possible, the first ones getting the remainder."""
    return [count // parts + (i < count % parts) for i in range(parts)]


def crops_of(part: VideoSequence, params: CropParams, count: int, seed: int) -> Iterator[Crop]:
    """`count` jittered crops of the annotated part of one sequence."""
    boxes = part.boxes
    if boxes is None or count == 0:
        return
    rng = np.random.default_rng([seed, zlib.crc32(part.name.encode())])
    known = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    later = known[1:] if len(known) > 1 else known
    frames = np.sort(rng.choice(later, count, replace=count > len(later)))
    reach = JITTER_PIXELS * params.search_size / _REFERENCE_SIZE
    jitter = rng.uniform(-reach, reach, (count, 2))
    template = _cut(part.frames[0], boxes[0], params, params.exemplar_size, (0.0, 0.0))
    for frame, (dx, dy) in zip(frames.tolist(), jitter.tolist(), strict=True):
        search = _cut(part.frames[frame], boxes[frame], params, params.search_size, (dx, dy))
        yield Crop(part.name, frame, template, search, (-dx, -dy))


def observe(
    executor: ProgramExecutor, crops: Sequence[Crop], tick: Callable[[], None] = lambda: None
) -> Observed:
    """Run an executor on crops; its counters of these runs stay in `executor.counted`."""
    networks = responder_of(executor)
    executor.counted.clear()
    template = None
    answers = []
    for crop in crops:
        if crop.template is not template:
            networks.engine.set_template(crop.template)
            template = crop.template
        answers.append(networks.answer(crop.search))
        tick()
    return Observed(
        tuple(crop.sequence for crop in crops),
        np.stack([answer.response for answer in answers]),
        _hits(np.stack([answer.place for answer in answers]), crops),
        _counted(executor, "sops"),
        _counted(executor, "macs"),
    )


def compare(reference: Observed, other: Observed) -> Fidelity:
    """Judge one executor's answers by another's, usually the float network's, on the same crops."""
    return Fidelity(
        correlation=over_sequences(other.grouped(correlations(reference, other))),
        hit16=over_sequences(other.grouped(other.hits)),
        reference_hit16=over_sequences(reference.grouped(reference.hits)),
        hit16_difference=paired(reference.hits, other.hits),
        sops_per_crop=other.sops_per_crop,
        macs_per_crop=other.macs_per_crop,
        crops=len(other.sequences),
    )


def correlations(reference: Observed, other: Observed) -> Values:
    """`(crops,)` Pearson correlation of the response maps."""
    pairs = zip(reference.responses, other.responses, strict=True)
    return np.array([_correlation(a, b) for a, b in pairs])


def fidelity(reference: ProgramExecutor, other: ProgramExecutor, crops: Sequence[Crop]) -> Fidelity:
    """Compare two executors on the same crops; the counts per crop are those of `other`.

    To compare several with one reference, `observe` that once and `compare` it with each.
    """
    return compare(observe(reference, crops), observe(other, crops))


def _cut(
    image: Image, box: Values, params: CropParams, size: int, shift: tuple[float, float]
) -> Image:
    """A crop of `size` whose centre lies `shift` crop pixels from the box's centre."""
    x, y, width, height = (float(v) for v in box)
    per_pixel = context_side(width, height, params.context) / params.exemplar_size
    center = (
        x + (width - 1.0) / 2.0 + shift[0] * per_pixel,
        y + (height - 1.0) / 2.0 + shift[1] * per_pixel,
    )
    return crop_square(image, center, per_pixel * size, size, image.mean(axis=(0, 1)))


def _hits(places: Values, crops: Sequence[Crop]) -> Values:
    """1 where the object is seen within 16 pixels (of a 255 pixel crop) of its place, else 0."""
    targets = np.array([crop.target for crop in crops])
    limits = [HIT_PIXELS * crop.search.shape[0] / _REFERENCE_SIZE for crop in crops]
    return np.asarray(np.hypot(*(places - targets).T) <= limits, np.float64)


def _correlation(a: Values, b: Values) -> float:
    """Pearson, 0 when either map is flat: a flat map says nothing."""
    if a.std() == 0.0 or b.std() == 0.0:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _counted(executor: ProgramExecutor, what: str) -> Values | None:
    """Sum over the every-frame steps, one value per crop."""
    steps = [s.name for s in executor.program.schedule if s.trigger == "every_frame"]
    found = [executor.counted[name] for name in steps if name in executor.counted]
    if not found:
        return None
    counts = np.array([[getattr(c, what) for c in runs] for runs in found], np.float64)
    return np.asarray(counts.sum(axis=0), np.float64)
