"""budgets.toml: limits that a person chose.

::

    [all]                                    # for every report
    energy_per_frame_j = { max_regression = "2 %" }

    [report."siamsnn on loihi2"]             # for one; its entries replace those of `all`
    energy_per_frame_j = { max = 8e-3, warn_at = "95 %", max_regression = "2 %" }
    mean_overlap = { min = 0.7 }

`max` and `min` are absolute; `max_regression` is a share of the baseline's figure, `warn_at` a
share of the absolute limit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, create_model, model_validator

from nmcompile.budget.metrics import METRICS
from nmcompile.config import Frozen, read_toml, validated


def _share(text: object) -> object:
    """`"5 %"` as 0.05; pydantic refuses anything else."""
    if isinstance(text, str) and text.strip().endswith("%"):
        try:
            return float(text.strip().removesuffix("%")) / 100
        except ValueError:
            pass
    raise ValueError('a share such as "5 %" is wanted')


Percent = Annotated[float, BeforeValidator(_share), Field(ge=0.0)]


class Limit(Frozen):
    """What one metric may be."""

    max: float | None = None
    min: float | None = None
    max_regression: Percent | None = None
    warn_at: Percent | None = None

    @model_validator(mode="after")
    def _meaningful(self) -> Limit:
        if self.max is None and self.min is None and self.max_regression is None:
            raise ValueError("a limit needs `max`, `min` or `max_regression`")
        if self.warn_at is not None and self.max is None and self.min is None:
            raise ValueError("`warn_at` is a share of `max` or `min`, and there is neither")
        return self


_FIELDS: dict[str, Any] = {metric.name: (Limit | None, None) for metric in METRICS}
Limits: Any = create_model("Limits", __base__=Frozen, **_FIELDS)
"""One optional limit per metric: an unknown metric is an unknown key."""


class Budgets(Frozen):
    """The file."""

    all: Limits = Limits()
    report: dict[str, Limits] = Field(default_factory=dict)

    def limits(self, name: str) -> dict[str, Limit]:
        """The limits of one report, by metric."""
        own = self.report.get(name, Limits())
        pairs = ((m.name, getattr(own, m.name) or getattr(self.all, m.name)) for m in METRICS)
        return {metric: limit for metric, limit in pairs if limit is not None}


def load_budgets(path: Path) -> Budgets:
    """Read the file.

    Raises:
        NmError: NM0602 to NM0606, each at its file:line:col.
    """
    file = read_toml(path)
    return validated(Budgets, file.data, (file,))
