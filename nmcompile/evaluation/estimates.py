"""Means with their errors, and paired differences.

Two questions need two errors. How sure is the figure *on these videos*: the error inside the
sequences, with neighbouring frames taken as dependent. How sure is it *for other videos*: the
spread between the sequences. Every published figure carries both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "Estimate",
    "Paired",
    "independent_error",
    "jackknife",
    "over_sequences",
    "paired",
    "series_error",
]

Values = npt.NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean.

    Attributes:
        mean: of the sequences' means.
        within: standard error of the mean on these very sequences; None when none has two values.
        between: standard error over the sequences; None below two sequences.
        sequences: how many sequences.
        samples: values of all sequences together.
    """

    mean: float
    within: float | None
    between: float | None
    sequences: int
    samples: int

    @property
    def error(self) -> float | None:
        """The larger of the two standard errors, None when neither is known."""
        known = [e for e in (self.within, self.between) if e is not None]
        return max(known) if known else None


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean of the differences `other - reference` of paired samples.

    Attributes:
        difference: the mean.
        standard_error: of the mean; None below two pairs.
        pairs: how many.
    """

    difference: float
    standard_error: float | None
    pairs: int

    @property
    def is_significant(self) -> bool:
        """Whether zero lies outside the 95 % interval of Student's t."""
        from scipy.stats import t

        if self.standard_error is None:
            return False
        factor = float(t.ppf(0.975, self.pairs - 1))
        return abs(self.difference) > factor * self.standard_error


def series_error(values: Values) -> float | None:
    """Standard error of the mean of a first-order autoregressive series.

    Frames of a video are not independent: the variance is multiplied by (1 + r) / (1 - r), r the
    correlation of neighbouring frames (Bartlett 1946). None below two values.
    """
    count = len(values)
    if count < 2:
        return None
    deviation = values - values.mean()
    power = float(deviation @ deviation)
    if power == 0.0:
        return 0.0
    neighbour = min(max(float(deviation[1:] @ deviation[:-1]) / power, 0.0), 0.99)
    return float(np.sqrt(power / (count - 1) / count * (1.0 + neighbour) / (1.0 - neighbour)))


def independent_error(values: Values) -> float | None:
    """Standard error of the mean of independent values; None below two."""
    if len(values) < 2:
        return None
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def over_sequences(
    samples: Sequence[Values], error: Callable[[Values], float | None] = independent_error
) -> Estimate:
    """Mean over sequences of their means.

    Args:
        samples: the values of each sequence; sequences without values are left out.
        error: standard error of one sequence's mean.

    Raises:
        ValueError: no sequence has a value.
    """
    filled = [s for s in samples if len(s)]
    if not filled:
        raise ValueError("no sequence has a value")
    means = np.array([s.mean() for s in filled])
    inside = [e for e in (error(s) for s in filled) if e is not None]
    within = float(np.sqrt(np.sum(np.square(inside)))) / len(filled) if inside else None
    if len(inside) < len(filled):
        within = None  # an unknown part makes the whole unknown
    return Estimate(
        mean=float(means.mean()),
        within=within,
        between=independent_error(means),
        sequences=len(filled),
        samples=sum(len(s) for s in filled),
    )


def jackknife(items: Sequence[T], figure: Callable[[Sequence[T]], float]) -> float | None:
    """Standard error of a figure of independent items; None below two.

    Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9(3), 1981.
    """
    count = len(items)
    if count < 2:
        return None
    without = np.array([figure([*items[:i], *items[i + 1 :]]) for i in range(count)])
    if not np.isfinite(without).all():
        return None
    return float(np.sqrt((count - 1) / count * np.square(without - without.mean()).sum()))


def paired(reference: Values, other: Values) -> Paired:
    """The mean difference of samples that belong together pair by pair.

    Raises:
        ValueError: the lengths differ, or there is no pair.
    """
    if reference.shape != other.shape or not len(reference):
        raise ValueError(f"{len(reference)} and {len(other)} samples make no pairs")
    difference = other - reference
    return Paired(float(difference.mean()), independent_error(difference), len(difference))
