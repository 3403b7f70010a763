"""Markdown: marker, verdict, limit, and names that mean nothing to it."""

from __future__ import annotations

from nmcompile.report.markdown import MARKER, MAX_BYTES, render_markdown


def test_the_first_line_is_the_marker_and_the_verdict_follows(report):
    lines = render_markdown(report).splitlines()
    assert lines[0] == MARKER == "<!-- nmcompile-report -->"
    assert lines[1].startswith("## ")
    assert "Verified" in lines[3]


def test_details_are_folded_below_what_a_reviewer_reads(report):
    text = render_markdown(report)
    fold = text.index("<details>")
    for title in ("Headline", "Energy per frame", "Energy by layer", "On the host", "Step by step"):
        assert text.index(f"### {title}") < fold
    for title in ("Limits", "Counters by layer", "What papers' formulas say", "Assumptions"):
        assert fold < text.index(f"### {title}") < text.index("</details>")
    # a table inside needs an empty line above its heading
    assert "</summary>\n\n### " in text
    assert "<details>" not in render_markdown(report, max_bytes=10)


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


def test_a_full_chip_of_500_layers_fits_a_comment_and_says_what_is_left_out(report):
    """As a TrueNorth report might be: 4096 cores, 500 layers in every table that has layers."""
    names = [f"backbone.stage{i // 100}.block{i}.conv" for i in range(500)]

    def spread(rows):
        return tuple(
            rows[i % len(rows)].model_copy(update={"layer": n}) for i, n in enumerate(names)
        )

    network = report.mapping.networks[1]
    plan = {
        name: tuple(value[i % len(value)] for i in range(4096))
        for name, value in network.floor_plan
        if isinstance(value, tuple) and len(value) == len(network.floor_plan.x)
    }
    network = network.model_copy(
        update={
            "cores": 4096,
            "layers": spread(network.layers),
            "floor_plan": network.floor_plan.model_copy(update=plan),
        }
    )
    steps = tuple(s.model_copy(update={"layers": spread(s.layers)}) for s in report.counters.steps)
    full = report.model_copy(
        update={
            "mapping": report.mapping.model_copy(update={"networks": (network,)}),
            "counters": report.counters.model_copy(update={"steps": steps}),
            "energy": report.energy.model_copy(update={"layers": spread(report.energy.layers)}),
            "accuracy": report.accuracy.model_copy(
                update={"layers": spread(report.accuracy.layers)}
            ),
        }
    )
    text = render_markdown(full)
    assert len(text.encode()) <= MAX_BYTES
    assert "Left out for size: Counters by layer" in text
    assert "See report.json" in text
    for kept in ("Verified", "### Headline", "### Energy per frame", "### On the host"):
        assert kept in text, kept
    # a step summary holds a megabyte: nothing is left out there
    whole = render_markdown(full, max_bytes=1_000_000)
    assert MAX_BYTES < len(whole.encode()) <= 1_000_000
    assert "Left out" not in whole
    assert names[-1] in whole


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
