"""What to say when a tile does not fit a core: the limit, where it is stated, and ways out."""

from __future__ import annotations

from nmcompile.diagnostics import Diagnostic
from nmcompile.mapping.demand import Demand
from nmcompile.mapping.limits import Limits

CODES = {
    "neurons": "NM0302",
    "in_axons": "NM0302",
    "synapse_memory_bytes": "NM0303",
    "total_memory_bytes": "NM0304",
    "out_axons": "NM0305",
    "words_per_axon": "NM0317",
    "synapse_formats": "NM0317",
    "compartment_configs": "NM0316",
    "threshold_configs": "NM0316",
    "destination_groups": "NM0316",
    "input_buffer": "NM0318",
}
WAYS_OUT = {
    "neurons": ("choose a target with more neurons per core",),
    "in_axons": (
        "reduce the kernel size or the input channels of the layer",
        "use grouped convolutions: fewer inputs per output channel",
    ),
    "synapse_memory_bytes": (
        "reduce the kernel size or the input channels of the layer",
        "use grouped convolutions, or fewer weight bits",
    ),
    "total_memory_bytes": (
        "reduce the kernel size or the input channels of the layer",
        "choose a target with more memory per core",
    ),
    "out_axons": (
        "reduce the output channels of the layers that read this one",
        "use a larger stride or fewer readers",
    ),
    "words_per_axon": (
        "use fewer weight bits or fewer output channels",
        "choose a target without this limit (`nmcompile targets`)",
    ),
    "synapse_formats": ("let fewer branches of different delay or shift meet in this layer",),
    "compartment_configs": ("give the neurons of the layer the same decays and reset rule",),
    "threshold_configs": (
        'quantise with `weight_step = "layer"`: then the channels of a layer share a threshold',
        "choose a target without this limit (`nmcompile targets`)",
    ),
    "destination_groups": ("use the reset to zero instead of by subtraction",),
    "input_buffer": (
        "shorten the path beside the delayed one, or insert a relay population",
        "choose a target without this limit (`nmcompile targets`)",
    ),
}


def shortage(layer: str, what: str, demand: Demand, limits: Limits) -> Diagnostic | None:
    """The first capacity that is exceeded, as an error; None when all of it fits.

    Args:
        layer: where it is.
        what: the thing that does not fit, for example "a tile".
        demand: what it asks of a core.
        limits: of a core.
    """
    for name, used, allowed in demand.exceeded(limits):
        return Diagnostic(
            code=CODES[name],
            message=f"{what} needs {used} {name.replace('_', ' ')} of a core",
            where=layer,
            limit=f"{allowed} ({limits.source(name)})",
            found=str(used),
            help=WAYS_OUT[name],
        )
    return None
