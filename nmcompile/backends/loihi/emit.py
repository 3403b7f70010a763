"""Emit a golden network as an importable Python package that defines a Lava process."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined

from nmcompile import __version__
from nmcompile.backends.loihi.lava_plan import STOCK_SHIFT, plan_lava
from nmcompile.backends.loihi.lava_specs import LavaPlan, LayerSpec, lava_shape
from nmcompile.ir.network import Network

COPIED = {
    "lava_compat.py": "lava_shim.py",
    "lava_layer.py": "layer.py",
    "lava_processes.py": "processes.py",
    "lava_simulation.py": "simulation.py",
}
"""Modules of this package that go into every emitted one, and their names there."""

RENDERED = {
    "lava_init.py.j2": "__init__.py",
    "lava_run.py.j2": "run.py",
    "lava_module.py.j2": "network.py",
    "lava_readme.md.j2": "README.md",
}
"""Templates and the files that they become."""

PARAMETERS = ("fire_above", "bias", "v_init", "reset_by")
STOCK_MODULES = {
    "Conv": "lava.proc.conv.process",
    "Dense": "lava.proc.dense.process",
    "LIFReset": "lava.proc.lif.process",
}


def emit_lava(network: Network, folder: Path) -> Path:
    """Write the Lava package of one golden network; the same network gives the same bytes.

    Args:
        network: golden level.
        folder: where the package folder is created (`emit/lava` of a deployment).

    Returns:
        The package folder, named after the network.

    Raises:
        NmError: NM0390 when the network holds something that has no Lava form.
    """
    plan = plan_lava(network)
    package = folder / plan.name
    package.mkdir(parents=True, exist_ok=True)
    np.savez(package / "weights.npz", **_stored(plan))
    source = resources.files("nmcompile.backends.loihi")
    for name, target in COPIED.items():
        text = source.joinpath(name).read_text(encoding="utf-8")
        (package / target).write_text(text, encoding="utf-8")
    context = _context(plan, network)
    for name, target in RENDERED.items():
        text = _environment().get_template(name).render(context)
        (package / target).write_text(text, encoding="utf-8")
    return package


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("nmcompile.backends.loihi"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python and Markdown, not HTML
    )


def _context(plan: LavaPlan, network: Network) -> dict[str, Any]:
    frames = ("F", *plan.input_shape) if plan.static_input else ("F", "T", *plan.input_shape)
    what = "images" if plan.static_input else "spike trains"
    return {
        "plan": plan,
        "version": __version__,
        "class_name": _class_name(plan.name),
        "in_shape": lava_shape(plan.input_shape),
        "out_shape": plan.layer(plan.output).shape,
        "input_bits": network.types[network.input.name].bits,
        "frames_help": f"the {what} ({', '.join(map(str, frames))}) as integers",
        "stock_imports": _stock_imports(plan),
        "layer_import": any(layer.synapses for layer in plan.layers),
        "own_imports": _own_imports(plan),
        "parameter": _parameter,
        "threshold": lambda layer: int(_values(layer, "fire_above").flat[0]) >> STOCK_SHIFT,
    }


def _class_name(package: str) -> str:
    words = [part.capitalize() for part in package.removesuffix("_network").split("_")]
    return "".join((*words, "Network"))


def _stored(plan: LavaPlan) -> dict[str, npt.NDArray[Any]]:
    """Everything that is an array: weights, and parameters that differ between neurons."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for layer in plan.layers:
        for synapse in layer.synapses:
            arrays[f"{synapse.node}.weight"] = synapse.weight
        if layer.neuron is None or layer.stock:
            continue
        for name in PARAMETERS:
            if not _is_uniform(_values(layer, name)):
                arrays[f"{layer.population}.{name}"] = _values(layer, name)
    return dict(sorted(arrays.items()))


def _values(layer: LayerSpec, name: str) -> npt.NDArray[Any]:
    data: npt.NDArray[Any] = getattr(layer.neuron, name).data
    return data


def _is_uniform(values: npt.NDArray[Any]) -> bool:
    return bool(np.all(values == values.flat[0]))


def _parameter(layer: LayerSpec, name: str) -> str:
    """The Python expression of a parameter: a number, or an entry of the weights file."""
    values = _values(layer, name)
    if _is_uniform(values):
        return str(int(values.flat[0]))
    return f'stored["{layer.population}.{name}"]'


def _stock_imports(plan: LavaPlan) -> list[str]:
    kinds = {s.kind.capitalize() for layer in plan.layers for s in layer.synapses}
    if any(layer.stock for layer in plan.layers):
        kinds.add("LIFReset")
    return [f"from {STOCK_MODULES[kind]} import {kind}" for kind in sorted(kinds)]


def _own_imports(plan: LavaPlan) -> list[str]:
    names = {"Window"}
    for layer in plan.layers:
        if layer.pool:
            names.add("SpikeMaxPool")
            continue
        names |= {"conv_kernel" if s.kind == "conv" else "dense_weights" for s in layer.synapses}
        if not layer.stock:
            names.add("FixedPointNeuron")
    return sorted(names)
