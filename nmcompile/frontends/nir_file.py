"""Reading a NIR file into nir's node objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends import hdf5, refusals

if TYPE_CHECKING:
    import nir


def read_nir(path: Path) -> nir.NIRGraph:
    """The graph in the file.

    Raises:
        NmError: NM0105 (damaged), NM0106 (too much, or links out of the file), NM0130 when the
            nir library does not accept the graph.
    """
    import nir

    hdf5.judge(path)
    try:
        graph = nir.read(str(path))
    except refusals.READ_ERRORS as error:
        raise _refused(path, error) from None
    if not isinstance(graph, nir.NIRGraph):
        raise refusals.foreign_hdf5(path, f"a single {type(graph).__name__} node, no graph")
    return graph


def _refused(path: Path, error: Exception) -> NmError:
    reason = (str(error) or type(error).__name__).split("\n", 1)[0]
    return NmError(
        Diagnostic(
            code="NM0130",
            message="the nir library does not accept the graph in this file",
            where=str(path),
            found=reason[:300],
            help=(
                "write the file again with nir 1.0.8 and the present version of its framework",
                "check it there: `nir.read(path)` must succeed",
            ),
        )
    )
