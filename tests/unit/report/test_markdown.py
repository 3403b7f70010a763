"""Markdown: marker, verdict, limit, and names that mean nothing to it."""

from __future__ import annotations

from nmcompile.report.markdown import MARKER, MAX_BYTES, render_markdown


def test_the_first_line_is_the_marker_and_the_verdict_follows(report):
    lines = render_markdown(report).splitlines()
    assert lines[0] == MARKER == "<!-- nmcompile-report -->"
    assert lines[1].startswith("## ")
    assert "Verified" in lines[3]


def test_every_row_of_a_table_has_all_its_cells(report):
    width = 0
    for line in render_markdown(report).splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = line.replace("\\|", "").count("|")
        assert width in (0, cells), line
        width = cells


def test_a_huge_report_keeps_the_verdict_and_says_what_is_left_out(report):
    layers = report.accuracy.layers * 1000
    accuracy = report.accuracy.model_copy(update={"layers": layers})
    text = render_markdown(report.model_copy(update={"accuracy": accuracy}))
    assert len(text.encode()) <= MAX_BYTES
    assert "Verified" in text
    assert "### Headline" in text
    assert "Left out for size: From float to integer" in text
    assert "### Tracking" in text


def test_even_a_tiny_limit_keeps_the_head(report):
    text = render_markdown(report, max_bytes=3000)
    assert text.startswith(MARKER)
    assert "### Headline" in text
    assert len(text.encode()) < 4000


def test_names_are_escaped(report):
    model = report.model.model_copy(update={"name": "a|b <script> `x` @everyone [l](http://e)"})
    text = render_markdown(report.model_copy(update={"model": model}))
    assert "a\\|b &lt;script&gt; \\`x\\` @\u200beveryone \\[l\\](http://e)" in text
    assert "<script>" not in text
