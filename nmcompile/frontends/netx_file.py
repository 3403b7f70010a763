"""Reading a lava-dl network file (`.net`): plain HDF5 arrays, nothing else.

`/layer/<i>/` for i = 0 .. n-1 holds `type`, numbers such as `weight` and `shape`, and the group
`neuron`; `/simulation/` may say how long a sample is. HDF5 attributes mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends import hdf5, refusals

if TYPE_CHECKING:
    import h5py

Numbers = npt.NDArray[Any]

WORDS: Final = ("type", "activation")
"""Datasets that hold text; every other one holds numbers."""
GROUPS: Final = ("neuron",)
MAX_LAYERS: Final = 10_000
MAX_TIMESTEPS: Final = 1024


@dataclass(frozen=True)
class NetGroup:
    """One group of the file.

    Attributes:
        where: the user's name of it.
        numbers: its arrays by name.
        words: its texts by name.
        groups: names of the groups in it that were not read (complex weights, for example).
    """

    where: str
    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self.numbers or name in self.words

    def whole(self, name: str) -> int:
        """A single whole number.

        Raises:
            NmError: NM0140 when it is missing or something else.
        """
        values = self.array(name)
        if values.size != 1:
            raise malformed(f"{self.where}/{name}", f"an array of shape {values.shape}", "a number")
        value = float(values.reshape(-1)[0])
        if not value.is_integer():
            raise malformed(f"{self.where}/{name}", f"{value:g}", "a whole number")
        return int(value)

    def array(self, name: str) -> Numbers:
        """An array of finite numbers.

        Raises:
            NmError: NM0140 when it is missing, empty or holds NaN or infinities.
        """
        where = f"{self.where}/{name}"
        if name not in self.numbers:
            raise malformed(where, "nothing" if name not in self.words else "text", "numbers")
        values = self.numbers[name]
        if values.size == 0:
            raise malformed(where, f"an empty array of shape {values.shape}", "numbers")
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise malformed(where, f"{bad} of {values.size} are NaN or infinite", "finite numbers")
        return values


@dataclass(frozen=True)
class NetLayer(NetGroup):
    """One layer.

    Attributes:
        index: its number in the file. kind: its `type`.
        neuron: the group `neuron`, or None.
    """

    index: int = 0
    kind: str = ""
    neuron: NetGroup | None = None


@dataclass(frozen=True)
class NetFile:
    """The whole file.

    Attributes:
        layers: in order.
        timesteps: of one sample, where the file says so.
    """

    layers: tuple[NetLayer, ...]
    timesteps: int | None


def read_net(path: Path) -> NetFile:
    """Everything in the file that has a meaning.

    Raises:
        NmError: NM0105 (damaged), NM0106 (too much, or links out of the file), NM0140 when it is
            HDF5 but no lava-dl network.
    """
    import h5py

    hdf5.judge(path)
    try:
        with h5py.File(path, "r") as file:
            return NetFile(_layers(path, file), _timesteps(file))
    except refusals.READ_ERRORS as error:
        raise refusals.damaged(path, f"HDF5: {_first_line(error)}") from None


def malformed(where: str, found: str, limit: str = "") -> NmError:
    """NM0140: a part of the file is missing or not what it must be."""
    return NmError(
        Diagnostic(
            code="NM0140",
            message="the lava-dl network file is not complete or contradicts itself",
            where=where,
            limit=limit,
            found=found,
            help=("write it again with the network's `export_hdf5`",),
        )
    )


def _layers(path: Path, file: h5py.File) -> tuple[NetLayer, ...]:
    group = file["layer"]
    if not _is_group(group):
        raise malformed("layer", "an array", "a group with the entries 0, 1, ...")
    names = sorted(str(name) for name in group)
    wanted = [str(i) for i in range(len(names))]
    if not names or len(names) > MAX_LAYERS or names != sorted(wanted):
        found = ", ".join(f"`{n}`" for n in names[:6]) or "nothing"
        raise malformed("layer", found, f"the entries 0, 1, ... without gaps, 1 to {MAX_LAYERS}")
    return tuple(_layer(group[name], index) for index, name in enumerate(wanted))


def _layer(item: Any, index: int) -> NetLayer:
    where = f"layer {index}"
    if not _is_group(item):
        raise malformed(where, "an array", "a group")
    plain = _group(item, where)
    if "type" not in plain.words:
        raise malformed(f"{where}/type", "nothing", "the kind of the layer, as text")
    kind = plain.words["type"]
    where = f"{where} {kind}"
    neuron = None
    if "neuron" in item:
        if not _is_group(item["neuron"]):
            raise malformed(f"{where}/neuron", "an array", "a group")
        neuron = _group(item["neuron"], f"{where}/neuron")
    return NetLayer(where, plain.numbers, plain.words, plain.groups, index, kind, neuron)


def _group(item: Any, where: str) -> NetGroup:
    numbers: dict[str, Numbers] = {}
    words: dict[str, str] = {}
    groups = []
    for name in sorted(str(n) for n in item):
        entry = item[name]
        if _is_group(entry):
            if name not in GROUPS:
                groups.append(name)
        elif name in WORDS:
            words[name] = _word(entry, f"{where}/{name}")
        elif entry.dtype.kind in "iufb":
            numbers[name] = np.asarray(entry[()])
        elif name in ("weight", "bias", "shape"):
            raise malformed(f"{where}/{name}", f"elements of type {entry.dtype}", "real numbers")
    return NetGroup(where, numbers, words, tuple(groups))


def _word(entry: Any, where: str) -> str:
    """Text, stored as fixed or variable bytes, alone or as the only element."""
    value = entry[()] if entry.dtype.kind in "SO" and entry.size == 1 else None
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0]
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str) or not text.isprintable() or len(text) > 40:
        raise malformed(where, f"{entry.dtype} of shape {entry.shape}", "a word")
    return text


def _timesteps(file: h5py.File) -> int | None:
    """Length of a sample in timesteps; what is not usable says nothing."""
    values = []
    for name in ("tSample", "Ts"):
        entry = file.get(f"simulation/{name}")
        if entry is None or _is_group(entry) or entry.dtype.kind not in "iuf" or entry.size != 1:
            return None
        values.append(float(np.asarray(entry[()]).reshape(-1)[0]))
    sample, step = values
    if not (np.isfinite(sample) and step > 0 and 1 <= sample / step <= MAX_TIMESTEPS):
        return None
    return int(sample // step)


def _is_group(item: Any) -> bool:
    return not hasattr(item, "dtype")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).split("\n", 1)[0][:300]
