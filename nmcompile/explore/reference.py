"""The float network on the dataset of an exploration: what the points are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from nmcompile import __version__
from nmcompile.datasets.collection import Collection
from nmcompile.evaluation.parts import Protocol
from nmcompile.evaluation.results import assemble
from nmcompile.evaluation.run import Plan, Request, plan
from nmcompile.evaluation.tasks import PutTogether, Result
from nmcompile.explore.schema import Accuracy

__all__ = ["FLOAT", "Reference", "float_plan", "measured", "wanted"]

FLOAT = "float"


@dataclass(frozen=True)
class Reference(PutTogether):
    """The accuracy of the float network as a stored result.

    Attributes:
        sha256: of the model file (hex). protocol: of the evaluation.
        collection: the sequences.
    """

    sha256: str
    protocol: Protocol
    collection: Collection

    @cached_property
    def key(self) -> dict[str, object]:
        """Everything that decides the accuracy."""
        return {
            "nmcompile": __version__,
            "model": self.sha256,
            "level": FLOAT,
            "protocol": self.protocol,
            "sequences": [[e.name, e.digest] for e in self.collection.entries],
        }

    @property
    def label(self) -> str:
        """The level."""
        return FLOAT


def wanted(sha256: str, protocol: Protocol, collection: Collection | None) -> Reference | None:
    """What there is to measure: nothing where fidelity compares with the float network anyway."""
    if collection is None or protocol == "fidelity":
        return None
    return Reference(sha256, protocol, collection)


def float_plan(reference: Reference, folder: Path) -> Plan:
    """The parts of the float network, which every build of a model holds alike.

    They count as the model's, not as the build's, so that one build's serve all points.

    Args:
        reference: what to measure. folder: any build of the model.
    """
    request = Request((folder,), (FLOAT,), (reference.protocol,), baselines=False)
    made = plan(request, reference.collection)
    rows = tuple(
        replace(
            row,
            parts=tuple(
                tuple(
                    replace(part, variant=replace(part.variant, digest=reference.sha256))
                    for part in parts
                )
                for parts in row.parts
            ),
        )
        for row in made.rows
    )
    return replace(made, rows=rows)


def measured(made: Plan, results: Mapping[str, Result], measure: str) -> Accuracy:
    """What the parts found.

    Args:
        made: from `float_plan`. results: of its parts, by digest. measure: such as `mean_iou`.
    """
    found = assemble(made, dict(results))["protocols"]
    (rows,) = (table["rows"] for table in found.values())
    return Accuracy.of(measure, rows[0][measure])
