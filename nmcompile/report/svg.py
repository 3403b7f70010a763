"""Inline SVG: bars with range whiskers, tick timelines. No script, no fixed width."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from nmcompile.report.figure import Figure
from nmcompile.units import format_si

_HEIGHT = 18
_MIDDLE = _HEIGHT / 2
_COLUMN = Markup(
    '<rect x="{x}" y="{y}" width=".86" height="{h}"><title>tick {n}: {t}</title></rect>'
)
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


def timeline(seconds: Sequence[float], label: str) -> Markup:
    """One column a tick, its height the tick's length."""
    longest = max(seconds, default=0.0)
    if longest <= 0:
        return Markup("")
    height = 48.0
    columns = Markup("").join(
        _COLUMN.format(
            x=index,
            y=_number(height * (1 - value / longest)),
            h=_number(height * value / longest),
            n=index + 1,
            t=format_si(value, "s"),
        )
        for index, value in enumerate(seconds)
    )
    return Markup(
        '<svg class="timeline" role="img" aria-label="{label}" viewBox="0 0 {n} {h}" '
        'preserveAspectRatio="none" style="max-width:{w}rem">{columns}</svg>'
    ).format(label=label, n=len(seconds), h=int(height), w=2 * len(seconds), columns=columns)


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
