"""Make lava-nc 0.10.0 importable on Python >= 3.11, usable with numpy >= 2, and quick to start.

No installed file is changed, and this file needs nothing but the standard library and Lava
itself: the emitted modules carry a copy of it. Call `prepare()` before the first
`import lava...`; calling it again does nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import sys
from typing import Any


def prepare() -> None:
    """Apply all corrections.

    Raises:
        ModuleNotFoundError: Lava is not installed.
    """
    if "lava.magma.compiler.var_model" not in sys.modules:
        _import_var_model()
    _widen_convolution_settings()
    _reshape_ports()
    _search_models_once()


def _import_var_model() -> None:
    """Import the one module that Python >= 3.11 refuses.

    It uses instances of the dataclass `ByteEncoder` as defaults of other dataclasses, and since
    3.11 a default must be hashable. While it is imported, that class is made hashable.
    """
    original = dataclasses.dataclass

    def dataclass(cls: Any = None, /, **options: Any) -> Any:
        if getattr(cls, "__name__", "") == "ByteEncoder":
            options["unsafe_hash"] = True
        return original(cls, **options)

    dataclasses.dataclass = dataclass
    try:
        importlib.import_module("lava.magma.compiler.var_model")
    finally:
        dataclasses.dataclass = original


def _widen_convolution_settings() -> None:
    """Hold the sizes of the stock convolution in int32 instead of int8.

    With numpy >= 2 an image side above 127 overflows in `output_shape`, and with every numpy
    more than 127 groups do. The arithmetic on spikes and weights is untouched.
    """
    numpy = importlib.import_module("numpy")
    lava_type = importlib.import_module("lava.magma.core.model.py.type").LavaPyType
    model = importlib.import_module("lava.proc.conv.models").AbstractPyConvModel
    for name in ("kernel_size", "stride", "padding", "dilation", "groups"):
        setattr(model, name, lava_type(numpy.ndarray, numpy.int32, precision=8))


def _reshape_ports() -> None:
    """Reshape with a method: numpy >= 2.4 has dropped the argument name that Lava uses."""
    port = importlib.import_module("lava.magma.core.process.ports.ports").ReshapePort
    port.get_transform_func_fwd = lambda self: functools.partial(_reshaped, shape=self.shape)
    port.get_transform_func_bwd = lambda self: functools.partial(_reshaped, shape=self.old_shape)


def _reshaped(data: Any, shape: tuple[int, ...]) -> Any:
    return data.reshape(shape)


def _search_models_once() -> None:
    """Look for the models of a process of this package in its own module only, others once.

    Lava executes every file beside the module of a process anew, once for every file and
    process; the more files, the longer a network takes to start. Its own search stays for
    processes of others.
    """
    graphs = importlib.import_module("lava.magma.compiler.compiler_graphs").ProcGroupDiGraphs
    search = getattr(graphs, "_find_proc_models", None)
    here = getattr(graphs, "_find_proc_models_in_module", None)
    if search is None or here is None:
        return
    package = __name__.rpartition(".")[0]
    if hasattr(search, "packages"):
        search.packages.add(package)
        return
    packages, known = {package}, {}

    def find(proc: Any) -> Any:
        kind = type(proc)
        if kind not in known:
            module = sys.modules[kind.__module__]
            mine = kind.__module__.rpartition(".")[0] in packages
            known[kind] = (here(proc, module) if mine else []) or search(proc)
        return list(known[kind])

    find.packages = packages  # type: ignore[attr-defined]
    graphs._find_proc_models = staticmethod(find)
