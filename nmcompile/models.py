"""The models that come with nmcompile: one folder each, described by its ``card.toml``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import Field, PrivateAttr, StringConstraints

from nmcompile.config import Frozen, read_toml, validated
from nmcompile.data import models_dir
from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean


class Accuracy(Frozen):
    """One measured figure of a model."""

    data: str = Field(description="what it was measured on")
    metric: str = Field(description="such as mean IoU")
    level: str = Field(description="float, integer or mapped")
    value: float
    low: float | None = Field(default=None, description="lower end of the confidence interval")
    high: float | None = Field(default=None, description="upper end")


class Photographs(Frozen):
    """Pictures that a model or its sequence was made from."""

    use: str = Field(description="training, or held out")
    package: str = Field(description="package that brings them")
    files: tuple[str, ...] = Field(strict=False)
    licence: str = Field(description="licences, as that package states them")


class ModelCard(Frozen):
    """What a user must know about a shipped model."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    title: str = Field(description="one line for people")
    checkpoint: str = Field(description="file name of the checkpoint in the same folder")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="digest of the checkpoint"
    )
    architecture: str
    timesteps: int = Field(ge=1, description="timesteps of one inference")
    licence: str = Field(description="SPDX identifier")
    origin: str = Field(description="who trained it, on what, with which command")
    targets: tuple[str, ...] = Field(strict=False, description="targets that it is tested on")
    sequence: str = Field(default="", description="folder of the sequence that demonstrates it")
    notes: tuple[str, ...] = Field(default=(), strict=False, description="limits, one per line")
    photographs: tuple[Photographs, ...] = Field(default=(), strict=False)
    accuracy: tuple[Accuracy, ...] = Field(default=(), strict=False)
    activity: dict[str, float] = Field(
        default_factory=dict,
        description="layer -> mean of min(activation / scale, 1) on the checkpoint's own crops",
    )

    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """The folder of the model."""
        return self._folder

    @property
    def checkpoint_path(self) -> Path:
        """The checkpoint."""
        return self._folder / self.checkpoint

    def problem(self) -> str:
        """Why the checkpoint is not the described one, or an empty string."""
        if not self.checkpoint_path.is_file():
            return "the checkpoint is missing"
        with self.checkpoint_path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return "" if digest == self.sha256 else "the checkpoint is not the one of the card"


def model_names() -> tuple[str, ...]:
    """The folders that have a card, sorted."""
    return tuple(sorted(card.parent.name for card in models_dir().glob("*/card.toml")))


def model_card(name: str) -> ModelCard:
    """Read the card of one shipped model.

    Raises:
        NmError: NM0611 no such model; NM0602 to NM0606 for a faulty card.
    """
    names = model_names()
    if name not in names:
        raise NmError(
            Diagnostic(
                code="NM0611",
                message=f"there is no shipped model `{name}`",
                help=(did_you_mean(name, names, "models"),),
            )
        )
    path = models_dir() / name / "card.toml"
    file = read_toml(path, f"models/{name}/card.toml")
    card = validated(ModelCard, file.data, (file,))
    card._folder = path.parent  # where it lies is not part of the card
    return card
