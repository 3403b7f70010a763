"""The recipe of a conversion: what a build config says about turning a ReLU network spiking.

Read from TOML (`nmcompile build --config FILE`) or from a named preset. Everything has a default,
so that an empty file is a legal recipe. Layers are named as in the model.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from nmcompile.config import Frozen

Pooling = Literal["running_max", "gate", "or", "average"]
Matcher = Literal["psm", "tsm", "hsm"]


class Coding(Frozen):
    """How a population turns its membrane into spikes; see `nmcompile.coding`.

    Attributes:
        name: rate, phase (weighted spikes, SiamSNN eq. 10), burst (eq. 11) or two-status (eq. 12).
        period: K of phase coding (default 8 or T, the smaller) or p of two-status coding
            (default T / 2), timesteps.
        gamma: burst constant; a power of two in its integer form.
        burst_length: spikes after which a burst's threshold no longer changes.
        beta: threshold in the potentiation phase of two-status coding, in layer scales.
        offset: timesteps of two-status coding's cycle that are over before t = 1; 0 accumulates
            first and fires then.
    """

    name: Literal["rate", "phase", "burst", "two_status"] = "rate"
    period: int | None = Field(default=None, ge=1)
    gamma: float = Field(default=0.5, gt=0.0)
    burst_length: int = Field(default=4, ge=1, le=8)
    beta: float = Field(default=0.65, gt=0.0)
    offset: int = Field(default=0, ge=0)


class Matching(Frozen):
    """How the search features meet the template; see `nmcompile.matching`.

    Attributes:
        rule: potential (PSM, SiamSNN eq. 6), temporal (TSM, eqs. 7-8) or hybrid (HSM, eq. 9).
        response_period: tau of eq. 8, timesteps.
        potential_weight: lambda_v of eq. 9. temporal_weight: lambda_t.
    """

    rule: Matcher = "psm"
    response_period: int = Field(default=1, ge=0)
    potential_weight: int = Field(default=1, ge=0)
    temporal_weight: int = Field(default=20, ge=0)


class LayerRecipe(Frozen):
    """What differs for one layer; None takes the recipe's own value.

    Attributes:
        coding: of the layer's population.
        percentile: of the non-zero activations, becomes the layer's scale; 100 is the maximum.
        v_init: membrane at the start of a frame, in thresholds.
        weight_bits: width of the layer's integer weights, sign included.
        weight_levels: different values of them.
    """

    coding: Coding | None = None
    percentile: float | None = Field(default=None, gt=0.0, le=100.0)
    v_init: float | None = Field(default=None, ge=0.0, lt=1.0)
    weight_bits: int | None = Field(default=None, ge=2, le=16)
    weight_levels: int | None = Field(default=None, ge=2, le=256)


class Recipe(Frozen):
    """A conversion.

    Attributes:
        timesteps: T; None takes the checkpoint's, else 16.
        weight_bits: width of integer weights, sign included.
        weight_step: one integer step per layer or per output channel (weights that are ternary
            within every channel then lose nothing at two bits).
        weight_levels: different values of a layer's integer weights at most, 0 among them: those
            with the least squared error. None takes them as they are rounded.
        memory_bits: width of memories that one network leaves for another as synapses, sign
            included; 16 keeps those of NI-LIF networks exact.
        normalisation: one scale per layer or per channel (SiamSNN section III-B); layers whose
            spikes leave the network keep one scale.
        percentile: of the non-zero activations, becomes the scale; 100 is the maximum. None takes
            the scales that the model carries, else 99.9.
        v_init: membrane at the start of a frame, in thresholds (0.5 rounds to nearest).
        tune: calibration picks percentile and v_init of every layer by the measured error.
        pooling: rule of spike max pooling.
        signed_output: "split" gives +x and -x a population each, "relu" drops what is negative.
        input_coding: "real" applies the pixel values at every timestep, the others spike. None
            lets the target choose: real where a pixel value can enter the cores, else "rate",
            which pixel neurons on the cores do by themselves.
        coding: of every population that nothing else is said about.
        output_coding: of the population whose spikes are matched or read out.
        matching: of search features and template.
        split_fan_in: whether layers whose fan-in fits no core become rate-coded partial sums, an
            approximation for targets with binary spikes.
        ann: networks that stay ANNs of 8-bit activations, by name; "*" are all of them.
        layers: exceptions by layer name; a name stands for everything below it as well, so that
            `backbone.conv1` is the convolution and its activation.
    """

    timesteps: int | None = Field(default=None, ge=1, le=1024)
    weight_bits: int = Field(default=8, ge=2, le=16)
    weight_step: Literal["layer", "channel"] = "layer"
    weight_levels: int | None = Field(default=None, ge=2, le=256)
    memory_bits: int = Field(default=8, ge=2, le=16)
    normalisation: Literal["layer", "channel"] = "layer"
    percentile: float | None = Field(default=None, gt=0.0, le=100.0)
    v_init: float = Field(default=0.5, ge=0.0, lt=1.0)
    tune: bool = False
    pooling: Pooling = "running_max"
    signed_output: Literal["split", "relu"] = "split"
    input_coding: Literal["real", "rate", "phase", "burst"] | None = None
    coding: Coding = Coding()
    output_coding: Coding | None = None
    matching: Matching = Matching()
    split_fan_in: bool = False
    ann: tuple[str, ...] = Field(default=(), strict=False)
    layers: dict[str, LayerRecipe] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _levels_of_bytes(self) -> Self:
        for label in ("", *self.layers):
            bits = self.weight_bits_of(label)
            if self.weight_levels_of(label) is not None and bits > 8:
                raise ValueError(f"weight_levels are for weights of at most 8 bits, not {bits}")
        return self

    def stays_ann(self, network: str) -> bool:
        """Whether a network keeps its activations, rounded to 8 bits, rather than spike."""
        return "*" in self.ann or network in self.ann

    def v_init_of(self, label: str) -> float:
        """Start of the membrane for one layer, in thresholds."""
        own = self._own(label).v_init
        return self.v_init if own is None else own

    def percentile_of(self, label: str) -> float | None:
        """Percentile that becomes the scale of one layer; None where nothing is said."""
        own = self._own(label).percentile
        return self.percentile if own is None else own

    def weight_bits_of(self, label: str) -> int:
        """Width of the integer weights of one layer."""
        own = self._own(label).weight_bits
        return self.weight_bits if own is None else own

    def weight_levels_of(self, label: str) -> int | None:
        """Different values of the integer weights of one layer; None for any number."""
        own = self._own(label).weight_levels
        return self.weight_levels if own is None else own

    def coding_of(self, label: str, *, output: bool) -> Coding:
        """Coding of one layer's population; `output` says that its spikes leave the network."""
        own = self._own(label).coding
        return own or (self.output_coding if output and self.output_coding else self.coding)

    def with_layer(self, label: str, percentile: float, v_init: float) -> Recipe:
        """A copy that sets both for one layer and keeps what else is said about it."""
        changes = {"percentile": percentile, "v_init": v_init}
        own = self._own(label).model_copy(update=changes)
        return self.model_copy(update={"layers": {**self.layers, label: own}})

    def _own(self, label: str) -> LayerRecipe:
        """The entry of the layer itself, else of the closest name above it."""
        parts = label.split(".")
        names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        return next((self.layers[n] for n in names if n in self.layers), LayerRecipe())
