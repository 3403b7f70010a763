"""What exact matching would take on cores of binary spikes: a neuron per product.

    y[i, j] = sum_{c, a, b} Z[c, a, b] X[c, i + a, j + b],  Z = sum_t z[t], X = sum_t x[t]

Cross-points that the host rewrites can hold the bits of Z, and one neuron then adds up the taps of
a channel and a bit (`nmcompile.passes.template_taps`); but a core sends nothing but spikes, so that
such a sum leaves it rounded. Without rounding the products are the work of neurons: one whose
threshold both spikes together reach, or one that repeats spikes unless its membrane was written far
below. No neuron can stand for two products, because what it adds up before its threshold is a sum,
not a sum of products. That makes one neuron for every tap, channel and position of the response.

It is also not the sum above: such a neuron counts sum_t z[t] x[t], which is Z X / T in the mean
for trains that have nothing to do with each other, and anything up to the smaller count for others.
Two ways lead to the exact product, with axon delays of at most D ticks:

* every lag a neuron of its own, sum_d sum_t z[t - d] x[t]: 2 T - 1 of them, for T <= D only;
* every bit of Z a neuron of its own, open for the whole frame or closed: bits(T) of them, whose
  sums the read-out weights by 1, 2, 4, ... The product costs no further time.

The second one is the cheaper for every T > 1, and is what `gates` counts. It leaves out the copies
of the search spikes (each reaches every tap of its channel) and the neurons that add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Gates:
    """Neurons that would multiply.

    Attributes:
        products: taps x channels x positions of the response.
        planes: neurons for each, the bits of a template's count.
    """

    products: int
    planes: int

    @property
    def neurons(self) -> int:
        """Of one correlation."""
        return self.products * self.planes

    def cores(self, neurons: int) -> int:
        """Fewest cores of so many neurons, full of gates and nothing else."""
        return -(-self.neurons // neurons)


def gates(
    template: tuple[int, ...], response: tuple[int, ...], largest: int, *, signed: bool
) -> Gates:
    """The gates of one correlation.

    Args:
        template: `(C, h, w)`. response: `(1, H, W)`.
        largest: count that an element of the template can have, T in rate coding.
        signed: whether elements have a sign: then template and search spikes come on two lines
            each, and every product is four.
    """
    signs = 4 if signed else 1
    return Gates(prod(template) * prod(response[-2:]) * signs, int(largest).bit_length())
