"""In which form a core stores its block of weights: the one that takes less memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmcompile.mapping.fcore_weights import I8, index_bytes, indexed
from nmcompile.target import FCoreTarget

NO_TABLE = np.zeros(0, np.int8)


@dataclass(frozen=True)
class Forms:
    """What cores may store.

    Attributes:
        values: whether weights themselves. indices: whether indices into a table of weights.
        room: entries of that table.
    """

    values: bool
    indices: bool
    room: int

    def stored(self, weight: I8) -> tuple[I8, I8]:
        """Weights and no table, or indices and their table, whichever is smaller.

        Args:
            weight: of a block; where only indices may be stored they must have been found to fit.
        """
        if not self.indices or (self.values and weight.size <= index_bytes(weight.size, self.room)):
            return weight, NO_TABLE
        found = indexed(weight, self.room)
        return (weight, NO_TABLE) if found is None else found


def forms_of(target: FCoreTarget) -> Forms:
    """The forms that the cores of a chip have."""
    found = target.neuron.weight_forms
    return Forms("values" in found, "indices" in found, int(target.core.weight_indices.value))
