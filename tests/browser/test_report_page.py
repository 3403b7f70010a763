"""The report's page in a browser: it renders, it is right, and it works without a mouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.chromium import Chromium

from nmcompile.report.floorplan import core_link_load, utilisation
from nmcompile.report.schema import Report
from nmcompile.report.sections import FloorPlan
from nmcompile.report.serialise import report_to_json

pytestmark = pytest.mark.browser


def plan_of(report: Report) -> FloorPlan:
    plan = report.mapping.networks[0].floor_plan
    assert plan is not None
    return plan


def at(values: Any, path: str) -> Any:
    """What a path such as `energy.layers.0.total.value` leads to in report.json."""
    for name in path.split("."):
        values = values[int(name)] if isinstance(values, list) else values[name]
    return values


@pytest.fixture
def shown(browser: Chromium, page: Path) -> Iterator[Chromium]:
    browser.open(page)
    yield browser
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.call("Emulation.setScriptExecutionDisabled", value=False)


def heat_maps(browser: Chromium) -> list[str]:
    """Shadings of the first plan that can be seen."""
    found: list[str] = browser.evaluate(
        "[...document.querySelector('.floor').querySelectorAll('.screen .heat')]"
        ".filter(e => getComputedStyle(e).display !== 'none').map(e => e.id)"
    )
    return found


def said(browser: Chromium) -> dict[str, str]:
    """What the first plan says about a core."""
    found: dict[str, str] = browser.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.floor')][0]"
        ".querySelectorAll('dl > div').values()"
        ".map(e => [e.children[0].textContent, e.children[1].textContent]))"
    )
    return found


@pytest.mark.parametrize("which", ["page", "large_page"])
def test_it_renders_in_silence_and_asks_for_nothing(
    browser: Chromium, which: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(which)
    browser.open(path)
    assert browser.evaluate("document.readyState") == "complete"
    assert browser.evaluate("document.querySelector('main').getBoundingClientRect().height") > 2000
    assert browser.complaints() == []
    assert browser.requests() == [path.as_uri()]


def test_every_figure_is_the_reports(shown: Chromium, report: Report) -> None:
    values = json.loads(report_to_json(report))
    found = shown.evaluate(
        "[...document.querySelectorAll('data')].map(e => [e.dataset.path, e.value])"
    )
    for path, text in found:
        wanted = at(values, path)
        assert (text == "") if wanted is None else (float(text) == wanted), path
    paths = {path for path, _ in found}
    head = ("energy_per_frame.value", "fps.value", "latency.value", "sops_per_frame", "cores")
    further = ("on_chip_share", "host_ops_per_frame", "mean_overlap")
    energy = values["energy"]
    parts = ("synapse", "neuron", "total")
    assert paths == {
        *(f"headline.{name}" for name in (*head, *further)),
        "energy.total.value",
        *(f"energy.components.{n}.figure.value" for n in range(len(energy["components"]))),
        *(
            f"energy.layers.{n}.{part}.value"
            for n in range(len(energy["layers"]))
            for part in parts
        ),
    }


def test_what_can_be_read_is_the_reports(shown: Chromium, report: Report) -> None:
    text = " ".join(shown.evaluate("document.querySelector('main').innerText").split())
    text = text.replace(" µ", " u")
    for row in report.accuracy.tracking:
        assert f"{row.sequence} {row.level} {row.mean_iou:.3f}" in text
    for assumption in report.assumptions:
        assert assumption[1:] in text
    assert f"manifest digest {report.manifest_digest}" in text
    assert "numpy 2.0.0" in text
    assert "A budget is exceeded." in text


def test_heat_maps_change_by_keyboard(shown: Chromium) -> None:
    keys = ["utilisation", "spikes", "accesses", "links"]
    assert heat_maps(shown) == ["plan-1-utilisation-shapes"]
    shown.evaluate("document.querySelector('#plan-1-utilisation').focus()")
    for key in (*keys[1:], keys[0]):
        shown.press("ArrowRight")
        assert heat_maps(shown) == [f"plan-1-{key}-shapes"]


def test_heat_maps_change_without_scripts(browser: Chromium, page: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    assert browser.evaluate("document.querySelector('.inspect').checkVisibility()") is False
    browser.click("label[for=plan-1-links]")
    assert heat_maps(browser) == ["plan-1-links-shapes"]
    titles = browser.evaluate("document.querySelectorAll('.tips title').length")
    assert titles == browser.evaluate(
        "[...document.querySelectorAll('[data-plan] > script')]"
        ".reduce((n, e) => n + JSON.parse(e.textContent).x.length, 0)"
    )
    browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_a_core_is_named_by_number_arrow_and_pointer(shown: Chromium, report: Report) -> None:
    plan = plan_of(report)
    shown.evaluate(
        "(() => { const e = document.querySelector('.inspect input'); e.value = 9;"
        "e.dispatchEvent(new Event('input')); })()"
    )
    found = said(shown)
    assert found["place"] == f"({plan.x[9]}, {plan.y[9]})"
    assert found["holds"] == plan.layers[plan.held[9]]
    assert found["neurons"] == f"{plan.neurons[9]:,} of 8,192"
    assert found["input axons"] == f"{plan.axons[9]:,} of 4,096"
    assert found["spikes sent"] == f"{plan.spikes[9]:,}"
    assert found["packets received"] == f"{plan.packets[9]:,}"
    assert found["synapse accesses"] == f"{plan.sops[9]:,}"
    assert found["busiest link of its router"] == f"{core_link_load(plan)[9]:,}"
    shown.evaluate("document.querySelector('.screen svg').focus()")
    shown.press("ArrowUp")
    assert said(shown)["place"] == f"({plan.x[9]}, {plan.y[9] - 1})"
    shown.press("ArrowRight")
    shown.press("ArrowRight")
    shown.press("ArrowRight")  # there is no core beyond the third
    assert said(shown)["place"] == f"({max(plan.x)}, {plan.y[9] - 1})"
    x, y = shown.middle(".tips rect:nth-of-type(3)")
    shown.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert said(shown)["place"] == f"({plan.x[2]}, {plan.y[2]})"
    assert shown.complaints() == []


def test_a_chip_of_4096_cores(browser: Chromium, large_page: Path, large: Report) -> None:
    assert large_page.stat().st_size < 1_000_000
    plan = plan_of(large)
    browser.open(large_page)
    browser.evaluate("document.querySelector('.screen svg').focus()")
    for _ in range(63):
        browser.press("ArrowDown")
    last = len(plan.x) - 64
    found = said(browser)
    assert found["place"] == "(0, 63)"
    assert found["synapse accesses"] == f"{plan.sops[last]:,}"
    assert found["busiest link of its router"] == f"{plan.link_load[last]:,}"
    shapes = browser.evaluate("document.querySelectorAll('.heat path').length")
    assert shapes <= 4 * 8
    assert max(utilisation(plan)) <= 1.0


def test_colours_follow_the_reader(shown: Chromium) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    assert shown.evaluate(background) == "rgb(255, 255, 255)"
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    shown.call("Emulation.setEmulatedMedia", features=[dark, still])
    channels = shown.evaluate(background).removeprefix("rgb(").rstrip(")").split(",")
    assert all(int(channel) < 40 for channel in channels)
    scrolling = "getComputedStyle(document.documentElement).scrollBehavior"
    assert shown.evaluate(scrolling) == "auto"


def test_everything_is_on_paper_and_nothing_is_cut(shown: Chromium) -> None:
    inner = 688  # px of A4 between its margins
    shown.call(
        "Emulation.setDeviceMetricsOverride",
        width=inner,
        height=1000,
        deviceScaleFactor=1,
        mobile=False,
    )
    shown.call("Emulation.setEmulatedMedia", media="print")
    assert shown.evaluate("document.querySelectorAll('.paper figure').length") == 2 * 4
    assert shown.evaluate(
        "[...document.querySelectorAll('.paper figure, details table')]"
        ".every(e => e.getBoundingClientRect().height > 20)"
    )
    assert shown.evaluate("document.querySelector('.screen').checkVisibility()") is False
    wide = shown.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.sr'))"
        ".filter(e => !e.closest('svg') || e.tagName === 'svg')"
        f".filter(e => e.getBoundingClientRect().right > {inner} + 1)"
        ".map(e => e.tagName + ' ' + e.textContent.slice(0, 40))"
    )
    assert wide == []
    assert len(shown.call("Page.printToPDF")["data"]) > 50_000


def test_a_narrow_screen_scrolls_tables_not_the_page(shown: Chromium) -> None:
    shown.call(
        "Emulation.setDeviceMetricsOverride",
        width=400,
        height=800,
        deviceScaleFactor=1,
        mobile=True,
    )
    assert shown.evaluate("document.documentElement.scrollWidth") <= 400


def test_the_keyboard_is_seen(shown: Chromium) -> None:
    shown.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    outlined = "getComputedStyle(document.activeElement).outlineStyle"
    assert shown.evaluate("document.activeElement.getBoundingClientRect().x") >= 0
    for _ in range(16):
        shown.press("Tab")
        assert shown.evaluate(outlined) != "none"
    shown.evaluate("document.querySelector('#plan-1-spikes').focus()")
    shown.press("ArrowRight")
    label = "getComputedStyle(document.activeElement.nextElementSibling).outlineStyle"
    assert shown.evaluate(label) == "solid"


def test_controls_and_pictures_have_names(shown: Chromium) -> None:
    nodes = shown.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("radio", "spinbutton", "image", "img", "region", "table", "navigation")
    named = [n for n in nodes if not n.get("ignored") and n["role"]["value"] in roles]
    assert {n["role"]["value"] for n in named} >= {"radio", "spinbutton", "table", "navigation"}
    groups = [n["name"]["value"] for n in nodes if n.get("role", {}).get("value") == "group"]
    assert {"Floor plan: template", "Floor plan: search"} <= set(groups)
    assert [n["role"]["value"] for n in named if not n.get("name", {}).get("value")] == []
