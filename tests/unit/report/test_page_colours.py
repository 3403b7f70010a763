"""Contrast of the page's colours, computed from its style sheet (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STYLE = (files("nmcompile.report") / "templates" / "style.css.j2").read_text(encoding="utf-8")
TEXT = 4.5
DRAWING = 3.0
MODES = ("light", "dark", "print")


def colours(mode):
    """Names and colours in one mode: what it does not change stays as in the light one."""
    light, dark, paper = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", light))
    changed = {"light": "", "dark": dark, "print": paper}[mode]
    return found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", changed))


def luminance(colour):
    digits = colour[1:]
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white():
    assert contrast("#000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *((text, "paper") for text in ("ink", "soft", "accent", "good", "warn", "bad")),
        *((text, "raised") for text in ("ink", "soft")),
        *((text, f"{text}-back") for text in ("good", "warn", "bad")),
        ("paper", "ink"),  # the chosen shading
    ],
)
def test_text_can_be_read(mode, text, ground):
    named = colours(mode)
    assert contrast(named[text], named[ground]) >= TEXT


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "part",
    ["synapse", "neuron", "routing", "offchip", "static", "host", "total", "whisker", "soft"],
)
def test_drawings_can_be_seen(mode, part):
    named = colours(mode)
    assert contrast(named[part], named["paper"]) >= DRAWING


@pytest.mark.parametrize("mode", MODES)
def test_shades_follow_one_direction(mode):
    """Darker is more on white, lighter is more on black: the order survives without colour."""
    named = colours(mode)
    shades = [luminance(named[f"h{n}"]) for n in range(1, 8)]
    assert shades == sorted(shades, reverse=mode != "dark")
    assert contrast(named["h7"], named["raised"]) >= DRAWING


def test_every_colour_that_is_used_is_defined():
    for mode in MODES:
        named = colours(mode)
        used = set(re.findall(r"var\(--([\w-]+)\)", STYLE)) - {"h"}
        assert used <= set(named)
