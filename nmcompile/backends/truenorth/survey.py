"""Every layer of a program against the limits of crossbar cores: what `nmcompile check` shows."""

from __future__ import annotations

from dataclasses import dataclass

from nmcompile.backends.survey import NetworkSurvey, Survey
from nmcompile.backends.truenorth import problems
from nmcompile.backends.truenorth.layer import Layer, layer_of
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.mapping.demand import Grid
from nmcompile.mapping.limits import Usage
from nmcompile.mapping.stages import stages
from nmcompile.target import CrossbarTarget, Target, of_family


@dataclass(frozen=True)
class Placed:
    """A layer with its cut into cores.

    Attributes:
        layer: the layer.
        grid: boxes of outputs, one per core; None when the layer does not fit.
        feeds: axons of all its cores.
        copies: estimate of the copies of its neurons that its readers need; None when a
            reader does not fit.
    """

    layer: Layer
    grid: Grid | None
    feeds: int
    copies: int | None = None

    def fewest(self, chip: CrossbarTarget) -> int:
        """No mapping takes less: a core holds neurons of one layer."""
        return -(-self.layer.population.size // chip.core.neurons.value)

    def cores(self, chip: CrossbarTarget) -> int | None:
        """An estimate: boxes of one size, and neurons with their copies."""
        if self.grid is None:
            return None
        neurons = self.layer.population.size + (self.copies or 0)
        return max(self.grid.tiles, -(-neurons // chip.core.neurons.value))


def survey(program: Program, target: Target) -> Survey:
    """See `Surveyor.survey`.

    Raises:
        NmError: NM0312 for a chip of another family.
    """
    chip = of_family(target, CrossbarTarget)
    networks = []
    fewest = 0
    found: list[Diagnostic] = []
    for network in program.chip_networks:
        try:
            seen, bound, diagnostics = _network(_with_or_pooling(network), chip)
        except NmError as error:
            found += error.diagnostics
            continue
        networks.append(seen)
        fewest += bound
        found += diagnostics
    if fewest > chip.chip.cores.value * chip.chip.chips_max.value:
        found.append(problems.too_many_cores(fewest, chip))
    # networks with the same weights have the same problems: once is enough
    unique = {(d.code, d.where, d.found): d for d in found}
    return Survey(tuple(networks), tuple(unique.values()))


def refusals(network: Network, target: Target) -> tuple[Diagnostic, ...]:
    """Why single layers of one network fit no core."""
    try:
        return tuple(_network(_with_or_pooling(network), of_family(target, CrossbarTarget))[2])
    except NmError as error:
        return error.diagnostics


def _with_or_pooling(network: Network) -> Network:
    """A neuron that counts maxima does not exist on these cores; OR takes its place."""

    def replaced(node: Node) -> Node:
        if not isinstance(node.op, ops.SpikeMaxPool2d):
            return node
        op = ops.SpikeMaxPool2d(node.op.kernel, node.op.stride, node.op.ceil, "or")
        return Node(node.name, op, node.inputs, node.origin)

    return network.map_nodes(replaced)


def _network(network: Network, chip: CrossbarTarget) -> tuple[NetworkSurvey, int, list[Diagnostic]]:
    """The survey of one network, a lower bound of its cores, and why it does not fit."""
    cut = stages(network)
    layers = [layer_of(network.name, p, chip, cut.timesteps) for p in cut.populations]
    placed = _placed(layers, chip)
    each = [p.cores(chip) for p in placed]
    fits = all(n is not None for n in each)
    cores = sum(n or 0 for n in each) if fits else None
    chips = None if cores is None else -(-cores // chip.chip.cores.value)
    seen = NetworkSurvey(
        network=network.name,
        cores=cores,
        chips=chips,
        ticks=cut.ticks,
        layers=tuple(_row(p, chip) for p in placed),
        estimates=tuple(_estimate(p, chip) for p in placed),
        limits=_limits(placed, cores, chips, chip),
    )
    fewest = sum(p.fewest(chip) for p in placed)
    return seen, fewest, [d for layer in layers for d in problems.problems_of(layer, chip)]


def _placed(layers: list[Layer], chip: CrossbarTarget) -> list[Placed]:
    """Cut every layer alone, then count the copies that its readers' cores need.

    A neuron has one target, and every axon of an encoded input is one. What reads a layer on
    F axons in all needs F - n copies of its n neurons (n (a R - 1) with a axons per input and
    R cores per neuron). The host sends the network's input to every axon itself.
    """
    cuts = [(layer, layer.cut(chip)) for layer in layers]
    wanted: dict[str, int | None] = {}
    for layer, cut in cuts:
        for projection in layer.population.projections:
            so_far = wanted.setdefault(projection.source, 0)
            wanted[projection.source] = None if cut is None or so_far is None else so_far + cut[1]
    placed = []
    for layer, cut in cuts:
        size = layer.population.size
        axons = wanted.get(layer.population.name, size)
        copies = None if axons is None else max(0, axons - size)
        placed.append(Placed(layer, cut[0] if cut else None, cut[1] if cut else 0, copies))
    return placed


def _row(placed: Placed, chip: CrossbarTarget) -> dict[str, str | int | None]:
    layer = placed.layer
    encoding = layer.encoding
    low, high = layer.weight_range
    return {
        "layer": layer.population.layer,
        "weights": f"{low}..{high}",
        "inputs": layer.inputs,
        "encoding": encoding.name if encoding else None,
        "axons_per_input": encoding.axons if encoding else None,
        "axons": layer.axons,
        "of": chip.core.axons.value,
        "neurons": layer.population.size,
    }


def _estimate(placed: Placed, chip: CrossbarTarget) -> dict[str, str | int | None]:
    return {
        "box": None if placed.grid is None else _box(placed.grid),
        "cores_estimate": placed.cores(chip),
        "copies_estimate": placed.copies,
    }


def _box(grid: Grid) -> str:
    """Largest height x width x channels of outputs on one core."""
    sides = (max(high - low for low, high in cuts) for cuts in (grid.ys, grid.xs, grid.cs))
    return "x".join(str(side) for side in sides)


def _limits(
    placed: list[Placed], cores: int | None, chips: int | None, chip: CrossbarTarget
) -> tuple[Usage, ...]:
    """Every limit at its fullest layer."""
    formats = chip.formats
    delays = formats.delay_ticks_max.value - formats.delay_ticks_min.value
    layers = [p.layer for p in placed]
    kinds = [(layer.encoding.types, layer) for layer in layers if layer.encoding]
    value = [
        (max(abs(v) for row in layer.encoding.values for v in row), layer)
        for layer in layers
        if layer.encoding
    ]
    rows = [
        (
            "core.axons",
            [(a.axons, a) for a in layers if a.axons is not None],
            chip.core.axons.value,
        ),
        (
            "core.neurons",
            [(_neurons(p), p.layer) for p in placed if p.grid],
            chip.core.neurons.value,
        ),
        ("core.axon_types", kinds, chip.core.axon_types.value),
        ("formats.weight_bits", value, 2 ** (formats.weight_bits.value - 1) - 1),
        ("formats.membrane_clip", [(a.membrane, a) for a in layers], formats.membrane_clip.value),
        (
            "formats.threshold_bits",
            [(a.threshold, a) for a in layers],
            problems.threshold_max(chip),
        ),
        ("formats.leak_bits", [(a.leak, a) for a in layers], problems.leak_max(chip)),
        ("formats.delay_ticks_max", [(a.delay, a) for a in layers], delays),
    ]
    found = []
    for path, uses, allowed in rows:
        if uses:
            used, where = max(uses, key=lambda use: use[0])
            found.append(Usage(path, used, allowed, where.population.layer, chip.cite(path)))
    if cores is not None and chips is not None:
        most = chip.chip.chips_max.value
        room = chip.chip.cores.value * most
        found.append(Usage("chip.cores", cores, room, "estimate", chip.cite("chip.cores")))
        found.append(Usage("chip.chips_max", chips, most, "estimate", chip.cite("chip.chips_max")))
    return tuple(found)


def _neurons(placed: Placed) -> int:
    """Neurons of the largest box."""
    if placed.grid is None:
        return 0
    return max((y[1] - y[0]) * (x[1] - x[0]) * (c[1] - c[0]) for y, x, c in placed.grid.boxes())
