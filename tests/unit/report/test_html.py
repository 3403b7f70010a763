"""The page: self-contained, well-formed, escaped, and its figures are the report's."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from nmcompile.report import sections
from nmcompile.report.html import Picture, render_html
from nmcompile.report.text import figure_text

VOID = {"meta", "img", "br", "hr", "input", "link"}
PIXEL = bytes.fromhex("89504e470d0a1a0a")


class Page(HTMLParser):
    """Collects what the tests look at and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self._note(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self._note(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes <{self.open[-1:]}>"
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def _note(self, tag, attrs):
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def html(report) -> str:
    return render_html(report, [Picture(PIXEL, "frame 1", "image/png")])


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_tags_nest_and_ids_are_unique(page):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_fetched_and_nothing_runs(html, page):
    fetching = {"href", "src", "srcset", "action", "data", "poster", "xlink:href"}
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in fetching:
            assert value.startswith(("#", "data:image/")), (tag, name, value)
    assert "<script" not in html
    assert not re.search(r"url\(|@import|<link|<iframe|<object|<embed", html)


def test_links_lead_somewhere(page):
    inner = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert inner <= set(page.ids)


def test_the_verdict_stands_before_any_figure(page):
    assert page.text.index("Verified:") < page.text.index("Energy per frame")


def test_figures_on_the_page_are_the_reports(page, report):
    for shown in (report.energy.total, report.timing.frame, report.timing.fps):
        value = figure_text(shown).split()[-2]
        assert value in page.text
    for part in report.energy.components:
        assert figure_text(part.figure).replace(" u", " µ") in page.text
    for row in report.accuracy.tracking:
        assert f"{row.mean_iou:.3f}" in page.text
    for sentence in report.assumptions:
        assert sentence[1:] in page.text
    assert report.manifest_digest in page.text


def test_unknown_is_said(page):
    assert "unknown no figure for spikes from the host" in page.text
    assert "The energy is a lower bound" in page.text


def test_drawings_have_words(page):
    drawn = [(n, v) for tag, n, v in page.attributes if tag == "svg"]
    labels = [v for n, v in drawn if n == "aria-label"]
    hidden = [v for n, v in drawn if n == "aria-hidden"]
    assert any("Floor plan" in label for label in labels)
    assert labels and hidden


def test_a_core_names_itself(page):
    assert "core 3 (3, 0) conv1: 672 neurons" in page.text


def test_names_from_a_model_are_never_markup(report):
    evil = '<img src=x onerror="alert(1)">'
    model = report.model.model_copy(update={"name": evil})
    plan = report.mapping.networks[0].floor_plan
    layers = tuple(evil for _ in plan.core)
    network = report.mapping.networks[0].model_copy(
        update={"network": evil, "floor_plan": plan.model_copy(update={"layers": layers})}
    )
    mapping = report.mapping.model_copy(update={"networks": (network,)})
    changed = report.model_copy(update={"model": model, "mapping": mapping, "assumptions": (evil,)})
    page = Page(render_html(changed))
    assert not [tag for tag, name, _ in page.attributes if name == "onerror"]
    assert evil in page.text


def test_a_chip_of_4096_cores_stays_below_a_megabyte(report):
    side = 64
    cells = range(side * side)
    plan = sections.FloorPlan(
        columns=side,
        rows=side,
        chip_columns=side,
        chip_rows=side,
        core=tuple(cells),
        x=tuple(i % side for i in cells),
        y=tuple(i // side for i in cells),
        neurons=(256,) * len(cells),
        sops=tuple(1_000_000 + i for i in cells),
        packets=tuple(10_000 + i for i in cells),
        layers=("features.3.conv2",) * len(cells),
    )
    network = report.mapping.networks[0].model_copy(update={"floor_plan": plan})
    mapping = report.mapping.model_copy(update={"networks": (network,)})
    html = render_html(report.model_copy(update={"mapping": mapping}))
    assert len(html.encode()) < 1_000_000


@pytest.mark.parametrize("verdict", ["mismatch", "not verified"])
def test_bad_news_is_first(report, verdict):
    rows = (
        ()
        if verdict == "not verified"
        else (
            report.verification[0].model_copy(
                update={"equal": False, "first_mismatch": "frame 1: 3 spikes of `conv2` differ"}
            ),
        )
    )
    head = report.headline.model_copy(update={"verdict": verdict})
    page = Page(render_html(report.model_copy(update={"verification": rows, "headline": head})))
    assert "Verified" not in page.text
    said = "Not verified" if verdict == "not verified" else "3 spikes of `conv2` differ"
    assert page.text.index(said) < page.text.index("Energy per frame")
