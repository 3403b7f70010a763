"""Crossbars that hold a stored template: which cross-point is which bit of which element.

The tables of `CrossbarGraph`, and:

======  ==========================================================================================
slot    block: a crossbar that the host writes; form: its pattern of taps; element0: the first
        element of the slot that its taps read
tap     form: pattern; axon, neuron: the cross-point, numbered within the core; element: behind
        element0; plane: bit of its magnitude; sign: of the elements that close it (1, -1)
======  ==========================================================================================

Such a crossbar has no other synapses; without a template it is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.crossbar_graph import WORD_BITS, CrossbarGraph, require_that

Columns = dict[str, npt.NDArray[np.generic]]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TemplateCrossbarGraph(CrossbarGraph):
    """A network on crossbar cores of which some hold the contents of a slot; see the module."""

    FORMAT: ClassVar[str] = "nmcompile-template-crossbar-graph"
    SCHEMA: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **CrossbarGraph.SCHEMA,
        "slot": ("block", "form", "element0"),
        "tap": ("form", "axon", "neuron", "element", "plane", "sign"),
    }

    @property
    def template_words(self) -> int:
        """What the host writes for one template: a word is the row of a neuron's cross-points.

        A core's memory has one such row per neuron (Akopyan et al. 2015, section V-E).
        """
        holds = np.isin(self["core.block"], self["slot.block"])
        return int(self["core.neurons"][holds].sum())

    @property
    def template_range(self) -> tuple[int, int]:
        """Smallest and largest element that the crossbars hold."""
        signed = bool((self["tap.sign"] < 0).any())
        return -self.slot_largest if signed else 0, self.slot_largest

    def with_template(self, template: npt.NDArray[Any]) -> Self:
        """The graph whose crossbars hold a template of `slot_shape`."""
        words = self["crossbar.word"].copy()
        elements = np.asarray(template, np.int64).reshape(-1)
        taps = {name: self[f"tap.{name}"] for name in self.SCHEMA["tap"]}
        order = np.argsort(taps["form"], kind="stable")
        block_words = self.block_words()
        edges = np.searchsorted(taps["form"][order], np.arange(self._forms + 1))
        for block, form, element0 in zip(
            *(self[f"slot.{name}"].tolist() for name in self.SCHEMA["slot"]), strict=True
        ):
            own = order[edges[form] : edges[form + 1]]
            value = elements[element0 + taps["element"][own]] * taps["sign"][own]
            closed = own[(np.maximum(value, 0) >> taps["plane"][own] & 1).astype(np.bool_)]
            first, width = self["block.word0"][block], block_words[block]
            words[first : first + self["block.axons"][block] * width] = 0
            neuron = taps["neuron"][closed].astype(np.int64)
            at = first + taps["axon"][closed] * width + neuron // WORD_BITS
            bit = np.uint64(1) << (neuron % WORD_BITS).astype(np.uint64)
            np.bitwise_or.at(words, at, bit)
        return self.replace({"crossbar.word": words})

    @property
    def _forms(self) -> int:
        return int(self["tap.form"].max(initial=-1)) + 1

    def validate(self) -> None:
        """See `CrossbarGraph.validate`.

        Raises:
            NmError: NM0309 with the first column that is wrong.
        """
        super().validate()
        elements = int(np.prod(self.slot_shape))
        for column, low, high in (
            ("slot.block", 0, self.size("block") - 1),
            ("slot.form", 0, self._forms - 1),
            ("slot.element0", 0, elements - 1),
            ("tap.form", 0, self._forms - 1),
            ("tap.element", 0, elements - 1),
            ("tap.plane", 0, int(self.slot_largest).bit_length() - 1),
            ("tap.sign", -1, 1),
        ):
            values = self[column]
            inside = bool(((values >= low) & (values <= high)).all())
            require_that(inside, f"an entry of {column} is outside {low} to {high}")
        for table in ("axon", "neuron"):
            room = self[f"block.{table}s"][self["slot.block"]]
            fits = (self._largest(table) < room) & (self[f"tap.{table}"].min(initial=0) >= 0)
            require_that(bool(fits.all()), f"an entry of tap.{table} is outside its crossbar")
        last = self._largest("element") + self["slot.element0"]
        require_that(bool((last < elements).all()), "a tap reads an element that is not there")

    def _largest(self, column: str) -> I64:
        """`(slots,)` the largest of a column of the taps of every crossbar's form."""
        found = np.zeros(self._forms + 1, np.int64)
        np.maximum.at(found, self["tap.form"], self[f"tap.{column}"])
        return found[self["slot.form"]]
