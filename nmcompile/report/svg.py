"""Inline SVG: bars with range whiskers, tick timelines. No script, no fixed width."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from nmcompile.report.figure import Figure

_HEIGHT = 18
_MIDDLE = _HEIGHT / 2
_TALL = 56
"""Height of the highest column of a timeline."""
_ROUND = [m * 10**e for e in range(9) for m in (1, 2, 5)]
_COLUMN = Markup('<rect x="{x}%" y="{y}" width="{w}%" height="{h}"><title>{t}</title></rect>')
_OPEN = Markup(
    '<line class="whisker open" x1="{a}%" x2="100%" y1="{m}" y2="{m}"/>'
    '<svg x="100%" overflow="visible"><path class="whisker" d="M-6 5L-1 9L-6 13"/></svg>'
)


def scale_of(figures: Sequence[Figure]) -> float:
    """The right end of a common axis, a little beyond the largest known end."""
    ends = [end for f in figures for end in (f.value, f.known_high) if end is not None]
    return max(ends, default=0.0) * 1.06


def bar(parts: Sequence[tuple[str, Figure]], whole: Figure, scale: float) -> Markup:
    """One horizontal bar, stacked from `parts`, with a whisker for the range of `whole`.

    Args:
        parts: (CSS class, figure), left to right.
        whole: their sum; an open upper end is drawn as a dashed arrow to the right edge.
        scale: value at the right edge.
    """
    if whole.value is None or scale <= 0:
        return Markup(
            '<svg class="bar" width="100%" height="{h}" aria-hidden="true">'
            '<rect class="none" x="0" y="3" width="100%" height="{b}"/></svg>'
        ).format(h=_HEIGHT, b=_HEIGHT - 6)
    pieces, left = Markup(""), 0.0
    for name, part in parts:
        width = 100.0 * (part.value or 0.0) / scale
        if width > 0:
            pieces += Markup('<rect class="{c}" x="{x}%" y="3" width="{w}%" height="{b}"/>').format(
                c=name, x=_number(left), w=_number(max(width, 0.3)), b=_HEIGHT - 6
            )
        left += width
    return Markup(
        '<svg class="bar" width="100%" height="{h}" aria-hidden="true">{p}{w}</svg>'
    ).format(h=_HEIGHT, p=pieces, w=_whisker(whole, scale))


def timeline(values: Sequence[float], titles: Sequence[str], label: str) -> Markup:
    """One column a tick.

    Args:
        values: height of every column.
        titles: words of every column.
        label: what is drawn, for who does not see it.
    """
    longest = max(values, default=0.0)
    if longest <= 0:
        return Markup("")
    step = 100.0 / len(values)
    columns = Markup("").join(
        _COLUMN.format(
            x=_number(index * step),
            w=_number(0.86 * step),
            y=_number(_TALL * (1 - value / longest)),
            h=_number(_TALL * value / longest),
            t=title,
        )
        for index, (value, title) in enumerate(zip(values, titles, strict=True))
    )
    ticks = Markup("").join(
        Markup('<text x="{x}%" y="{y}">{n}</text>').format(
            x=_number((n - 0.57) * step), y=_TALL + 14, n=n
        )
        for n in _labelled(len(values))
    )
    return Markup(
        '<svg class="timeline" role="img" aria-label="{label}" width="100%" height="{h}" '
        'style="max-width:{w}rem">{columns}<line x2="100%" y1="{base}" y2="{base}"/>{ticks}</svg>'
    ).format(label=label, h=_TALL + 18, w=2 * len(values), columns=columns, base=_TALL, ticks=ticks)


def _labelled(ticks: int) -> list[int]:
    """Ticks with their number below: the first, and about ten round ones."""
    every = next(n for n in _ROUND if n * 10 >= ticks)
    return [1, *(n for n in range(every, ticks + 1, every) if n > 1 and n > every / 2)]


def _whisker(whole: Figure, scale: float) -> Markup:
    """The range of the known parts, and a dashed arrow where unknown parts may add to it."""
    if whole.low is None or whole.known_high is None or not whole.value:
        return Markup("")
    low, high = (_number(100.0 * end / scale) for end in (whole.low, whole.known_high))
    drawn = Markup("")
    if low != high:
        line = Markup('<line class="whisker" x1="{a}%" x2="{b}%" y1="{m}" y2="{m}"/>')
        drawn += line.format(a=low, b=high, m=_MIDDLE) + _cap(low) + _cap(high)
    if whole.high is None:
        drawn += _OPEN.format(a=high, m=_MIDDLE)
    return drawn


def _cap(at: str) -> Markup:
    return Markup('<line class="whisker" x1="{a}%" x2="{a}%" y1="5" y2="13"/>').format(a=at)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
