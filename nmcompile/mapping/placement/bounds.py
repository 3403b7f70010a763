"""Lower bounds on packet hops: no placement has fewer.

* Degree bound: the heaviest flows of a core take the nearest places. Half the sum over cores.
* Gilmore-Lawler bound (Gilmore 1962, Lawler 1963): the same with the true distances from every
  slot, and the cores assigned to slots at the least sum. For up to `EXACT_MAX` cores.

Even at a proven optimum the gap to these bounds is large: 35 % for nug30 of QAPLIB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.slots import Slots

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

EXACT_MAX = 1024
"""Cores up to which the Gilmore-Lawler bound is taken as well."""


def hop_bound(flows: Flows, slots: Slots) -> float:
    """Least packet hops of any placement on these slots: the better of the bounds.

    Args:
        flows: traffic.
        slots: the places.
    """
    partners = heaviest_first(flows)
    bound = degree_bound(partners, slots.mesh.cores_per_router)
    if 0 < flows.cores <= EXACT_MAX:
        bound = max(bound, gilmore_lawler(partners, slots))
    return bound


def heaviest_first(flows: Flows) -> I64:
    """`(cores, most partners)` packets with every partner, heaviest first, 0 for none."""
    first, _, weight = flows.neighbours()
    degree = np.diff(first)
    core = np.repeat(np.arange(flows.cores), degree)
    order = np.lexsort((-weight, core))
    rank = np.arange(len(weight)) - np.repeat(first[:-1], degree)
    found = np.zeros((flows.cores, int(degree.max(initial=0))), np.int64)
    found[core, rank] = weight[order]
    return found


def degree_bound(partners: I64, cores_per_router: int) -> float:
    """Half the packet hops of all cores, each with its partners at the nearest places.

    Args:
        partners: from `heaviest_first`.
        cores_per_router: of the mesh, which has no end here.
    """
    distances = [0] * (cores_per_router - 1)
    radius = 1
    while len(distances) < partners.shape[1]:
        distances += [radius] * (4 * radius * cores_per_router)
        radius += 1
    nearest = np.array(distances[: partners.shape[1]], np.int64)
    return int((partners @ nearest).sum()) / 2


def gilmore_lawler(partners: I64, slots: Slots) -> float:
    """Half the least sum over an assignment of cores to slots, partners at the nearest slots.

    Args:
        partners: from `heaviest_first`.
        slots: the places, at least as many as cores.
    """
    column, row = slots.column.astype(np.int64), slots.row.astype(np.int64)
    most = partners.shape[1]
    nearest = np.zeros((len(column), most))
    for slot in range(len(column)):
        far = np.abs(column - column[slot]) + np.abs(row - row[slot])
        nearest[slot] = np.sort(np.delete(far, slot))[:most]
    # whole numbers below 2**53: exact in any order of summation
    costs: F64 = partners.astype(np.float64) @ nearest.T
    return float(costs[linear_sum_assignment(costs)].sum()) / 2
