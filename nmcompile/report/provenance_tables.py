"""Tables about what a build follows from: versions, passes, options, seeds, files."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from nmcompile.report.schema import Report
from nmcompile.report.sections import Setting
from nmcompile.report.table import Table, table


def origin(report: Report, manifest: Mapping[str, Any] | None = None) -> Table:
    """Program, model, target, their digests, seeds.

    Args:
        report: what to show.
        manifest: of the build folder, which alone names the versions of other programs.
    """
    model, target = report.model, report.target
    versions = (manifest or {}).get("versions", {})
    rows = [
        ("nmcompile", report.tool.version),
        *((name, str(version)) for name, version in versions.items()),
        ("report schema", f"version {report.schema_version}"),
        ("model", ", ".join(t for t in (model.name, model.file, model.format) if t)),
        ("model sha256", model.sha256),
        ("calibration", model.calibration),
        ("target", ", ".join(t for t in (target.name, target.title) if t)),
        ("target digest", target.digest),
        *((f"{level} program", digest) for level, digest in report.program.digests.items()),
        *((f"seed of the {name}", str(seed)) for name, seed in report.provenance.seeds.items()),
        ("manifest digest", report.manifest_digest),
    ]
    return table("Origin", "what|value", (row for row in rows if row[1]))


def core_digests(report: Report) -> Table:
    """The digest of every network's cores."""
    return table(
        "Digests of the cores",
        "network|digest",
        ((net.network, net.digest) for net in report.mapping.networks if net.digest),
    )


def passes(report: Report) -> Table:
    """The program's digest after each pass."""
    after = list(report.provenance.passes.items())
    before = ["", *(digest for _, digest in after)]
    changed = [old != new for old, new in pairwise(before)]
    return table(
        "Passes",
        "pass|changed the program|digest after it",
        (
            (name, "yes" if new else "no", digest)
            for (name, digest), new in zip(after, changed, strict=True)
        ),
    )


def choices(report: Report) -> Table:
    """Options and recipe as resolved, and hyperparameters of the tracker."""
    rows = (*report.provenance.choices, *report.model.settings)
    return table("Resolved options", "option|value", ((s.name, _said(s)) for s in rows))


def scales(report: Report) -> Table:
    """Activation scales."""
    return table(
        "Activation scales",
        "layer|scale>",
        ((s.name, _said(s)) for s in report.provenance.scales),
    )


def files(manifest: Mapping[str, Any] | None) -> Table:
    """Files of the build folder."""
    listed = (manifest or {}).get("files", {})
    return table("Files", "file|sha256", ((name, str(digest)) for name, digest in listed.items()))


def _said(setting: Setting) -> str:
    if setting.value is None or setting.value == "":
        return "none"
    return str(setting.value).lower() if isinstance(setting.value, bool) else str(setting.value)
