"""Make lava-nc 0.10.0 importable on Python >= 3.11 and usable with numpy >= 2.

No installed file is changed, and this file needs nothing but the standard library and Lava
itself: the emitted modules carry a copy of it. Call `prepare()` before the first
`import lava...`; calling it again does nothing.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from typing import Any


def prepare() -> None:
    """Apply both corrections.

    Raises:
        ModuleNotFoundError: Lava is not installed.
    """
    if "lava.magma.compiler.var_model" not in sys.modules:
        _import_var_model()
    _widen_convolution_settings()


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
