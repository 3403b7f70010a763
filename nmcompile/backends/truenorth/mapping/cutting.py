"""The inner loops of tiling: boxes split until their neurons and copies fit, and packed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@njit
def reads(
    kernel: int, stride: int, dilation: int, padding: int, size_in: int, size_out: int
) -> I64:
    """`(size_out + 1, size_out + 1)` inputs along an axis that the outputs low..high-1 read.

    Args: those of a `Window`.
    """
    found = np.zeros((size_out + 1, size_out + 1), np.int64)
    last = np.full(size_in, -1, np.int64)  # the first output of the interval that counted an input
    for low in range(size_out):
        count = 0
        for output in range(low, size_out):
            for tap in range(kernel):
                source = output * stride + tap * dilation - padding
                if 0 <= source < size_in and last[source] != low:
                    last[source] = low
                    count += 1
            found[low, output + 1] = count
    return found


@njit
def split_boxes(
    boxes: I32, slots: I32, most: int, reads_y: I64, reads_x: I64, groups: tuple[int, int]
) -> I32:
    """Cut every box into the fewest boxes along one axis whose neurons fit a core.

    Where no axis alone will do, the longest is halved first. A single output that needs more is
    left as it is.

    Args:
        boxes: `(n, 6)`, see `forms.Boxes`.
        slots: `(C, H, W)` neurons of a core that every output takes, its copies included.
        most: neurons of a core.
        reads_y, reads_x: `(size + 1, size + 1)` inputs along an axis that the outputs low..high-1
            read; among cuts into equally many boxes that with the fewest inputs wins.
        groups: output and input channels of a group.
    """
    found = np.empty((slots.size + 1, 6), np.int32)
    count = 0
    stack = np.empty((256, 6), np.int32)
    size = np.empty(3, np.int64)
    longest = max(slots.shape[0], slots.shape[1], slots.shape[2])
    sums = np.empty((3, longest), np.int64)
    for b in range(len(boxes)):
        stack[0] = boxes[b]
        depth = 1
        while depth > 0:
            depth -= 1
            y0, y1, x0, x1, c0, c1 = stack[depth]
            size[0], size[1], size[2] = y1 - y0, x1 - x0, c1 - c0
            sums[:] = 0
            for c in range(c0, c1):
                for y in range(y0, y1):
                    for x in range(x0, x1):
                        one = slots[c, y, x]
                        sums[0, y - y0] += one
                        sums[1, x - x0] += one
                        sums[2, c - c0] += one
            total = sums[0, : size[0]].sum()
            if total <= most or size[0] * size[1] * size[2] == 1:
                found[count] = stack[depth]
                count += 1
                continue
            best, best_parts, best_reads = -1, np.int64(0), np.int64(0)
            for axis in range(3):
                if size[axis] == 1 or sums[axis, : size[axis]].max() > most:
                    continue
                low = (y0, x0, c0)[axis]
                parts, reads, held, first = np.int64(1), np.int64(0), np.int64(0), 0
                for k in range(size[axis]):
                    if held + sums[axis, k] > most:
                        reads += _reads(axis, low + first, low + k, reads_y, reads_x, groups)
                        parts, held, first = parts + 1, np.int64(0), k
                    held += sums[axis, k]
                reads += _reads(axis, low + first, low + size[axis], reads_y, reads_x, groups)
                for other in range(3):
                    if other != axis:
                        start = (y0, x0, c0)[other]
                        reads *= _reads(other, start, start + size[other], reads_y, reads_x, groups)
                if best < 0 or (parts, reads) < (best_parts, best_reads):
                    best, best_parts, best_reads = axis, parts, reads
            if best < 0:
                axis = int(np.argmax(size))
                middle = stack[depth, 2 * axis] + size[axis] // 2
                stack[depth + 1] = stack[depth]
                stack[depth, 2 * axis + 1] = middle
                stack[depth + 1, 2 * axis] = middle
                depth += 2
                continue
            held = np.int64(0)
            found[count] = stack[depth]
            for k in range(size[best]):
                if held + sums[best, k] > most:
                    edge = stack[depth, 2 * best] + k
                    found[count, 2 * best + 1] = edge
                    count += 1
                    found[count] = stack[depth]
                    found[count, 2 * best] = edge
                    held = np.int64(0)
                held += sums[best, k]
            count += 1
    return found[:count].copy()


@njit
def _reads(
    axis: int, low: int, high: int, reads_y: I64, reads_x: I64, groups: tuple[int, int]
) -> int:
    if axis == 2:
        return ((high - 1) // groups[0] - low // groups[0] + 1) * groups[1]
    return int(reads_y[low, high] if axis == 0 else reads_x[low, high])


@njit
def sums_of(boxes: I32, slots: I32) -> I64:
    """`(n,)` sum of `slots` over every box."""
    found = np.zeros(len(boxes), np.int64)
    for b in range(len(boxes)):
        y0, y1, x0, x1, c0, c1 = boxes[b]
        for c in range(c0, c1):
            for y in range(y0, y1):
                for x in range(x0, x1):
                    found[b] += slots[c, y, x]
    return found


@njit
def pack(axons: I64, neurons: I64, most_axons: int, most_neurons: int) -> I64:
    """The core of every box: first fit in the given order.

    Boxes that leave too little room for even the smallest box are not looked at again.
    """
    core = np.empty(len(axons), np.int64)
    least_axons, least_neurons = axons.min(), neurons.min()
    open_cores = np.empty(len(axons), np.int64)
    used = np.zeros((len(axons), 2), np.int64)
    count = opened = 0
    for b in range(len(axons)):
        place = -1
        for k in range(opened):
            at = open_cores[k]
            if used[at, 0] + axons[b] <= most_axons and used[at, 1] + neurons[b] <= most_neurons:
                place = k
                break
        if place < 0:
            open_cores[opened] = count
            place = opened
            opened, count = opened + 1, count + 1
        at = open_cores[place]
        core[b] = at
        used[at, 0] += axons[b]
        used[at, 1] += neurons[b]
        if used[at, 0] + least_axons > most_axons or used[at, 1] + least_neurons > most_neurons:
            opened -= 1
            for k in range(place, opened):
                open_cores[k] = open_cores[k + 1]
    return core


@njit
def count_reads(
    found: I32,
    form: I64,
    rows: I64,
    columns: I64,
    row0: I64,
    column0: I64,
    channel: I32,
    channel0: I64,
    counts: I32,
    count0: I64,
    shape: I64,
) -> None:
    """Add to `found`, `(C, H, W)` of the source, the axons that boxes make of every input.

    Args:
        found: written.
        form: `(boxes,)` index into `shape`, `channel0` and `count0`.
        rows: source rows, those of box b from `row0[b]`. columns: likewise, `column0`.
        channel: source channels of all forms. counts: axons of all forms, (channel, y, x).
        shape: `(forms, 3)` channels, rows, columns of a form.
    """
    for b in range(len(form)):
        f = form[b]
        at = count0[f]
        for k in range(shape[f, 0]):
            c = channel[channel0[f] + k]
            for i in range(shape[f, 1]):
                y = rows[row0[b] + i]
                for j in range(shape[f, 2]):
                    found[c, y, columns[column0[b] + j]] += counts[at]
                    at += 1


@njit
def relay_groups(wanted: I64, own: I64, most: int) -> tuple[I64, I64]:
    """Which neurons of a core send through relays, and how many targets each relay serves.

    The neurons with the most targets come first, so that few relays are needed.

    Args:
        wanted: targets of every neuron that may go through relays.
        own: neurons that it takes beside those.
        most: neurons of a core, and targets of one relay input.

    Returns:
        Neuron and targets of every relay input; empty where all copies fit.
    """
    left = wanted.copy()
    inputs = np.zeros(len(wanted), np.int64)
    excess = np.maximum(wanted + own, 1).sum() - most
    owner = np.empty(max(0, excess), np.int64)
    served = np.empty(max(0, excess), np.int64)
    count = 0
    order = np.argsort(-wanted, kind="mergesort")
    while excess > 0:
        before = excess
        for n in order:
            width = min(left[n], most, excess + 1)
            if width < 2 or excess <= 0:
                continue
            owner[count], served[count] = n, width
            count += 1
            left[n] -= width
            inputs[n] += 1
            excess -= width - 1
        if excess == before:
            return owner[:0].copy(), np.full(1, -1, np.int64)
    return owner[:count].copy(), served[:count].copy()


@njit
def relayed(core: I64, wanted: I64, own: I64, cores: int, most: int) -> int:
    """Targets of all relays of a population; -1 where a core's neurons do not fit even so.

    Args:
        core: of every neuron, ascending. wanted, own: see `relay_groups`.
    """
    total = 0
    first = 0
    for k in range(cores):
        last = first
        while last < len(core) and core[last] == k:
            last += 1
        _, served = relay_groups(wanted[first:last], own[first:last], most)
        if len(served) and served[0] < 0:
            return -1
        total += served.sum()
        first = last
    return total


@njit
def fill(boxes: I32, values: I64, found: I64) -> None:
    """Write `values[b]` to the outputs of box b of `found`, `(C, H, W)`."""
    for b in range(len(boxes)):
        y0, y1, x0, x1, c0, c1 = boxes[b]
        found[c0:c1, y0:y1, x0:x1] = values[b]
