"""Emit a golden network as an importable Python package that defines a Lava process."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined

from nmcompile import __version__
from nmcompile.backends.loihi.lava.board import BOARD, own_processes, processes
from nmcompile.backends.loihi.lava.plan import plan_lava
from nmcompile.backends.loihi.lava.specs import LavaPlan, LayerSpec, lava_shape
from nmcompile.backends.loihi.lava.stock import STATE_SHIFT
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import SigmaDelta

SOURCE = "nmcompile.backends.loihi.lava."
COPIED = {
    "compat.py": "lava_shim.py",
    "arrays.py": "arrays.py",
    "coding.py": "coding.py",
    "host.py": "host.py",
    "layer.py": "layer.py",
    "neurons.py": "neurons.py",
    "pools.py": "pools.py",
    "sigma.py": "sigma.py",
    "simulation.py": "simulation.py",
    "window.py": "window.py",
}
"""Modules of this package that go into every emitted one, and their names there."""

RENDERED = {
    "lava_init.py.j2": "__init__.py",
    "lava_run.py.j2": "run.py",
    "lava_module.py.j2": "network.py",
    "lava_readme.md.j2": "README.md",
}
"""Templates and the files that they become."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    "FixedPointNeuron": ("fire_above", "bias", "v_init", "reset_by"),
    "WindowedSigmaDelta": ("threshold", "bias"),
    "LIFReset": ("bias",),
}
"""What every neuron may have its own value of, by process; it goes into the weights file."""
MODULES = {
    "Conv": "lava.proc.conv.process",
    "Dense": "lava.proc.dense.process",
    "DelayDense": "lava.proc.dense.process",
    "Sparse": "lava.proc.sparse.process",
    "LIFReset": "lava.proc.lif.process",
    "SigmaDelta": "lava.proc.sdn.process",
    "Delta": "lava.proc.sdn.process",
    "Sigma": "lava.proc.sdn.process",
    "ActivationMode": "lava.proc.sdn.process",
    "Layer": "{package}.layer",
    "Direct": "{package}.layer",
    "FixedPointNeuron": "{package}.neurons",
    "WindowedSigmaDelta": "{package}.sigma",
    "SpikeMaxPool": "{package}.pools",
    "Coding": "{package}.coding",
    "Template": "{package}.host",
    "LayerInfo": "{package}.host",
    "Window": "{package}.window",
    "conv_kernel": "{package}.arrays",
    "dense_weights": "{package}.arrays",
    "per_neuron": "{package}.arrays",
}
"""Where the names that the network module uses come from."""


def emit_lava(network: Network, folder: Path) -> Path:
    """Write the Lava package of one golden network; the same network gives the same bytes.

    Args:
        network: golden level.
        folder: where the package folder is created (`emit/lava` of a deployment).

    Returns:
        The package folder, named after the network.

    Raises:
        NmError: NM0301 when cores cannot run it, NM0390 when a layer has no Lava form.
    """
    plan = plan_lava(network)
    package = folder / plan.name
    package.mkdir(parents=True, exist_ok=True)
    np.savez(package / "weights.npz", **_stored(plan))
    source = resources.files("nmcompile.backends.loihi.lava")
    for name, target in COPIED.items():
        text = source.joinpath(name).read_text(encoding="utf-8").replace(SOURCE, f"{plan.name}.")
        (package / target).write_text(text, encoding="utf-8")
    context = _context(plan)
    for name, target in RENDERED.items():
        text = _environment().get_template(name).render(context)
        (package / target).write_text(text, encoding="utf-8")
    return package


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("nmcompile.backends.loihi.lava"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python and Markdown, not HTML
    )


def _context(plan: LavaPlan) -> dict[str, Any]:
    frames = ("F", *plan.input_shape) if plan.static_input else ("F", "T", *plan.input_shape)
    what = "images" if plan.static_input else "trains"
    stock, own = _imports(plan)
    return {
        "plan": plan,
        "version": __version__,
        "class_name": _class_name(plan.name),
        "in_shape": lava_shape(plan.input_shape),
        "out_shape": plan.layer(plan.output).shape,
        "frames_help": f"the {what} ({', '.join(map(str, frames))}) as integers",
        "stock_imports": stock,
        "own_imports": own,
        "parameter": _parameter,
        "level": _level,
        "lif_bias": _lif_bias,
        "processes": processes(plan),
        "own": own_processes(plan),
        "board": BOARD,
        "host_biases": [layer for layer in plan.layers if _host_bias(layer)],
    }


def _class_name(package: str) -> str:
    words = [part.capitalize() for part in package.removesuffix("_network").split("_")]
    return "".join((*words, "Network"))


def _stored(plan: LavaPlan) -> dict[str, npt.NDArray[Any]]:
    """Everything that is an array: weights, and parameters that differ between neurons."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for layer in plan.layers:
        for synapse in layer.synapses:
            if synapse.kind == "direct":
                continue
            what = "weight" if synapse.word is None else "elements"
            arrays[f"{synapse.node}.{what}"] = synapse.weight
            if synapse.delays is not None:
                arrays[f"{synapse.node}.delays"] = synapse.delays
        for name in PARAMETERS.get(layer.process, ()):
            if not _is_uniform(_values(layer, name)):
                arrays[f"{layer.population}.{name}"] = _values(layer, name)
        if _host_bias(layer):
            arrays[f"{layer.population}.bias"] = _values(layer, "bias")
    return dict(sorted(arrays.items()))


def _values(layer: LayerSpec, name: str) -> npt.NDArray[Any]:
    data: npt.NDArray[Any] = getattr(layer.neuron, name).data
    return data


def _is_uniform(values: npt.NDArray[Any]) -> bool:
    return bool(np.all(values == values.flat[0]))


def _host_bias(layer: LayerSpec) -> bool:
    """Whether the host writes the biases when the first frame reaches the layer."""
    return layer.stock == "SigmaDelta" and bool(np.any(_values(layer, "bias")))


def _parameter(layer: LayerSpec, name: str) -> str:
    """The Python expression of a parameter: a number, or an entry of the weights file."""
    values = _values(layer, name)
    if _is_uniform(values):
        return str(int(values.flat[0]))
    return f'stored["{layer.population}.{name}"]'


def _level(layer: LayerSpec) -> int:
    """The threshold of a stock process, in its own units."""
    if isinstance(layer.neuron, SigmaDelta):
        exponent = layer.neuron.spike_exp + layer.neuron.state_exp
        return int(_values(layer, "threshold").flat[0]) >> exponent
    return int(_values(layer, "fire_above").flat[0]) >> STATE_SHIFT


def _lif_bias(layer: LayerSpec) -> str:
    """The Python expression of a stock LIFReset's bias mantissa."""
    values = _values(layer, "bias")
    if _is_uniform(values):
        return str(int(values.flat[0]) >> layer.bias_exp)
    shift = f" >> {layer.bias_exp}" if layer.bias_exp else ""
    return f'per_neuron(stored["{layer.population}.bias"]{shift}, {layer.shape})'


def _imports(plan: LavaPlan) -> tuple[list[str], list[str]]:
    """The import lines of the network module: stock processes, and those of the package."""
    names = {"Window", "LayerInfo"}
    names |= {"Coding"} if plan.coding else set()
    names |= {"Template"} if plan.template else set()
    for layer in plan.layers:
        names.add(layer.process)
        if layer.pool:
            continue
        names.add("Layer")
        for synapse in layer.synapses:
            names.add(synapse.process)
            if synapse.kind == "conv":
                names |= {"conv_kernel"} if synapse.word is None else set()
            elif synapse.kind != "direct":
                names.add("dense_weights")
        if layer.process == "SigmaDelta":
            names.add("ActivationMode")
        if layer.process == "LIFReset" and "per_neuron" in _lif_bias(layer):
            names.add("per_neuron")
    modules: dict[str, list[str]] = {}
    for name in sorted(names):
        modules.setdefault(MODULES[name].format(package=plan.name), []).append(name)
    lines = [f"from {module} import {', '.join(names)}" for module, names in modules.items()]
    stock = sorted(line for line in lines if line.startswith("from lava."))
    return stock, sorted(line for line in lines if line not in stock)
