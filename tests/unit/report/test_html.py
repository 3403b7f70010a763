"""The page: self-contained, well-formed, escaped, and its figures are the report's."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from support.large_report import chip_plan, many_networks, with_plan

from nmcompile.report.html import Picture, render_html
from nmcompile.report.judgement import Judgement
from nmcompile.report.sections import Provenance, Setting
from nmcompile.report.table import table
from nmcompile.report.text import figure_text

VOID = {"meta", "img", "br", "hr", "input", "link", "wbr"}
PIXEL = bytes.fromhex("89504e470d0a1a0a")


class Page(HTMLParser):
    """Collects what the tests look at and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.broken = False  # inside a word that may be broken here
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
        if not {"style", "script"} & set(self.open):
            start = self.words.pop() if self.broken else ""
            self.words.append(start + data)
        self.broken = False

    def _note(self, tag, attrs):
        self.broken = tag == "wbr"
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


def test_nothing_is_fetched(html, page):
    fetching = {"href", "src", "srcset", "action", "data", "poster", "xlink:href"}
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in fetching:
            assert value.startswith(("#", "data:image/")), (tag, name, value)
    for kind, content in re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL):
        assert kind in ("", ' type="application/json"')
        assert not re.search(r"fetch|XMLHttp|import|eval|innerHTML|https?:", content)
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
        assert sentence[1:] in page.text.replace(" µ", " u")
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
    assert "core 3 (3, 0) conv1: neurons 672 of 8,192, input axons 1,003 of 4,096" in page.text


def test_names_from_a_model_are_never_markup(report):
    evil = '<img src=x onerror="alert(1)">'
    model = report.model.model_copy(update={"name": evil})
    plan = report.mapping.networks[0].floor_plan
    layers = (f"{evil}</script><script>alert(1)</script>",) * len(plan.layers)
    network = report.mapping.networks[0].model_copy(
        update={"network": evil, "floor_plan": plan.model_copy(update={"layers": layers})}
    )
    mapping = report.mapping.model_copy(update={"networks": (network,)})
    changed = report.model_copy(update={"model": model, "mapping": mapping, "assumptions": (evil,)})
    page = Page(render_html(changed))
    assert not [tag for tag, name, _ in page.attributes if name == "onerror"]
    assert evil in page.text
    assert "alert(1)</script>" not in render_html(changed)


@pytest.mark.parametrize("side", [64, 105])
def test_thousands_of_cores_stay_below_a_megabyte(report, side):
    """A chip of 4,096 cores, and 11,025 cores: what a tracker takes on three such chips."""
    assert len(render_html(with_plan(report, chip_plan(side, layers=60))).encode()) < 1_000_000


@pytest.fixture(scope="module")
def many(report) -> str:
    return render_html(many_networks(report, 57))


def test_many_networks_are_one_table_and_one_plan(many):
    assert len(many.encode()) < 1_000_000
    page = Page(many)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {"networks", "plan-1-utilisation"} <= set(page.ids)
    assert "plan-2-utilisation" not in page.ids
    assert "3,648 cores of 57 networks on 57 chips" in page.text
    assert many.count('<table class="sortable">') == 1
    assert page.text.index("Networks The most energy first") < page.text.index("Energy per frame A")


def test_long_tables_are_folded(many, html):
    title = "Limits: 114 rows"
    assert f"<details><summary>{title}</summary>" in many
    assert '<caption class="sr">Limits</caption>' in many
    assert "<caption>Limits</caption>" in html


def test_few_networks_keep_their_plans(report):
    page = Page(render_html(many_networks(report, 8)))
    assert "plan-8-utilisation" in page.ids
    assert "networks" not in page.ids


def test_headings_and_landmarks_are_in_order(html):
    levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for landmark in ("header", "nav", "main", "footer"):
        assert html.count(f"<{landmark}") == 1
    main = html.index("<main")
    assert all(main < at.start() < html.index("</main>") for at in re.finditer("<h2", html))


def test_tables_have_captions_and_scopes(html):
    for grid in re.findall(r"<table.*?</table>", html, re.DOTALL):
        assert re.search(r"<caption[^>]*>[^<]+</caption>", grid)
        assert not re.search(r"<th(?! scope=)[ >]", grid)


def test_the_manifest_names_passes_seeds_options_versions(report):
    provenance = Provenance(
        passes={"fold": "aa" * 32, "fuse": "aa" * 32, "quantise": "bb" * 32},
        seeds={"placement": 7},
        choices=(
            Setting(name="recipe.timesteps", value=16),
            Setting(name="recipe.coding.period", value=None),
            Setting(name="verify", value=True),
        ),
        scales=(Setting(name="conv1", value=1.5),),
    )
    told = report.model_copy(update={"provenance": provenance})
    manifest = {"versions": {"numpy": "9.9"}, "files": {"host.json": "cc" * 32}}
    alone, whole = Page(render_html(told)).text, Page(render_html(told, manifest=manifest)).text
    for text in (alone, whole):
        assert f"fold yes {'aa' * 32} fuse no {'aa' * 32} quantise yes {'bb' * 32}" in text
        assert "seed of the placement 7" in text
        assert "recipe.timesteps 16 recipe.coding.period none verify true" in text
        assert "conv1 1.5" in text
    assert "numpy" not in alone
    assert "numpy 9.9" in whole
    assert f"host.json {'cc' * 32}" in whole


@pytest.mark.parametrize(
    ("verdict", "said"), [("pass", "Every budget is kept"), ("fail", "A budget is exceeded")]
)
def test_budgets_stand_before_the_energy_when_judged(report, verdict, said):
    figures = table("tiny", "figure|verdict", [("energy", verdict)])
    page = Page(render_html(report, judgement=Judgement(verdict, figures, ("why",))))
    assert page.text.index(said) < page.text.index("A frame is everything")
    assert "budgets" in page.ids
    assert said not in Page(render_html(report)).text


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
