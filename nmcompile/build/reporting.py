"""What a build knows, as a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from nmcompile.backends.registry import backend_of
from nmcompile.backends.survey import NetworkSurvey
from nmcompile.build.clock import clock_concerns
from nmcompile.build.compiled import Compiled
from nmcompile.build.concerns import accuracy_concerns, level_concerns, rate_concerns
from nmcompile.build.floor_plan import floor_plan
from nmcompile.build.gates import gate_notes
from nmcompile.build.matching import matching_rows
from nmcompile.build.number_limits import number_usage
from nmcompile.build.partial_sum_rows import (
    partial_sum_notes,
    partial_sum_rows,
    read_out_notes,
    read_out_rows,
)
from nmcompile.build.pooling import pooling_schemes, scheme_of
from nmcompile.build.provenance import provenance
from nmcompile.build.state_steps import step_notes
from nmcompile.build.target_effects import saturation_notes
from nmcompile.build.verify import Verification
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.limits import Usage
from nmcompile.mapping.metrics import jin2023_metrics, placement_metrics
from nmcompile.report import sections
from nmcompile.report.assemble import assemble
from nmcompile.report.schema import Report
from nmcompile.target import Target


def make_report(compiled: Compiled, manifest_digest: str) -> Report:
    """The report of a finished build."""
    return assemble(
        model=_model(compiled),
        target=compiled.target,
        program=compiled.golden,
        counted=compiled.counters,
        mapping=mapping_section(compiled),
        digests={level: p.digest for level, p in compiled.programs.items()},
        accuracy=_accuracy(compiled),
        verification=[verification_row(v) for v in compiled.verifications],
        diagnostics=[
            *accuracy_concerns(compiled),
            *level_concerns(compiled),
            *rate_concerns(compiled),
            *_clock_concerns(compiled),
            *step_notes(compiled.golden, compiled.target),
        ],
        assumptions=_assumptions(compiled),
        provenance=provenance(compiled),
        manifest_digest=manifest_digest,
    )


def _clock_concerns(compiled: Compiled) -> list[Diagnostic]:
    found = []
    for name, graph in compiled.graphs.items():
        samples = compiled.counters.get(compiled.golden.steps_of(name)[0].name, ())
        counted = tuple(sample.cores for sample in samples if sample.cores is not None)
        found += clock_concerns(graph, counted, compiled.target)
    return found


def host_steps(compiled: Compiled) -> list[dict[str, object]]:
    """host.json: every step that runs beside the chip, why, and what one run costs."""
    found: list[dict[str, object]] = []
    for step in compiled.golden.schedule:
        if step.place != "host":
            continue
        counted = compiled.counters.get(step.name, ())
        found.append(
            {
                "step": step.name,
                "trigger": step.trigger,
                "repeat": step.repeat,
                "network": step.network,
                "reason": step.reason,
                "operations": dict(step.host_ops),
                "macs": counted[0].macs if counted else None,
                "sops": counted[0].sops if counted else None,
            }
        )
    return found


def mapping_section(compiled: Compiled) -> sections.Mapping:
    """Cores, chips, limits and floor plans of all networks."""
    networks = tuple(
        _network(compiled, compiled.golden.network(name), graph)
        for name, graph in compiled.graphs.items()
    )
    cores = sum(n.cores for n in networks)
    per_chip = int(compiled.target.chip.cores.value or 0)
    return sections.Mapping(
        chips=compiled.chips, cores=cores, cores_per_chip=per_chip or None, networks=networks
    )


def verification_row(result: Verification) -> sections.VerificationRow:
    """One golden-against-cores comparison."""
    return sections.VerificationRow(
        name=result.network,
        equal=result.equal,
        compared=sections.Compared(
            frames=result.frames, neurons=result.neurons, spikes=result.spikes
        ),
        first_mismatch=result.first_mismatch,
    )


def _network(compiled: Compiled, network: Network, graph: MappedGraph) -> sections.NetworkMapping:
    metrics = placement_metrics(graph)
    usage = backend_of(compiled.target).usage(graph, compiled.target)
    step = compiled.golden.steps_of(network.name)[0]
    return sections.NetworkMapping(
        network=network.name,
        cores=graph.cores,
        # beside another network it may leave the first chips to that one
        chips=graph.own_chips,
        average_hops=round(metrics.average_hop, 6),
        average_hops_lower_bound=round(metrics.average_hop_bound, 6),
        busiest_link=metrics.link_load_max,
        jin2023=_jin2023(graph) if compiled.target.cost_model == "jin2023" else None,
        depth_ticks=graph.ticks - graph.timesteps,
        digest=graph.digest,
        utilisation=utilisation_rows(network, usage, compiled.target, compiled.surveyed(network)),
        layers=_layers(network, graph),
        floor_plan=floor_plan(graph, usage, compiled.counters.get(step.name, ())),
    )


def _jin2023(graph: MappedGraph) -> sections.JinMetrics:
    return sections.JinMetrics(**dataclasses.asdict(jin2023_metrics(graph)))


def utilisation_rows(
    network: Network, usage: Sequence[Usage], target: Target, survey: NetworkSurvey | None
) -> tuple[sections.Utilisation, ...]:
    """Every limit of the target that mapping and legalisation enforce: used against allowed.

    What the mapping uses (`usage`) stands for itself; a survey adds what only it knows.
    """
    used = (*usage, *number_usage(network, target))
    counted = {row.limit for row in used}
    before = () if survey is None else survey.limits
    rows = (*used, *(row for row in before if row.limit not in counted))
    return tuple(utilisation_row(row) for row in rows)


def utilisation_row(row: Usage) -> sections.Utilisation:
    """One limit: used against allowed."""
    return sections.Utilisation(
        limit=row.limit,
        used=row.used,
        allowed=row.allowed,
        where=row.where,
        source=row.source,
    )


def _layers(network: Network, graph: MappedGraph) -> tuple[sections.LayerMapping, ...]:
    rows = []
    helpers = graph.helpers()
    for index, population in enumerate(graph.populations):
        mine = graph["tile.population"] == index
        rows.append(
            sections.LayerMapping(
                layer=population.layer,
                neurons=int(graph["tile.neurons"][mine].sum()),
                tiles=int(mine.sum()),
                cores=len(np.unique(graph["tile.core"][mine])),
                pooling=scheme_of(network, network.by_name[population.name]),
                copies=helpers[index].copies,
                relay_cores=helpers[index].relay_cores,
            )
        )
    return tuple(rows)


def _model(compiled: Compiled) -> sections.ModelInfo:
    program = compiled.model.program
    return sections.ModelInfo(
        name=program.name,
        format=compiled.model.kind,
        sha256=compiled.model.sha256,
        tracker=program.tracker,
        parameters=parameters(program),
        calibration=compiled.calibration_origin,
        settings=tuple(
            sections.Setting(name=k, value=v if isinstance(v, str | int | float) else str(v))
            for k, v in program.settings
        ),
    )


def parameters(program: Program) -> int:
    """Weights and biases, shared ones once."""
    seen: dict[str, int] = {}
    for network in program.networks:
        for node in network.of_type(ops.Conv2d, ops.Linear):
            if isinstance(node.op, ops.Conv2d | ops.Linear):
                seen[node.label] = node.op.weight.data.size + node.op.bias.data.size
    return sum(seen.values())


def _accuracy(compiled: Compiled) -> sections.Accuracy:
    response, golden = compiled.response_error, compiled.golden_error
    parts = compiled.fan_in.response if compiled.fan_in is not None else None
    return sections.Accuracy(
        stimulus=compiled.stimulus,
        frames=len(compiled.frames),
        layers=tuple(
            sections.LayerError(
                network=e.network,
                layer=e.layer,
                correlation=round(e.correlation, 4),
                relative_error=round(e.relative_error, 4),
                rate=round(e.rate, 6),
                percentile=e.percentile,
                v_init=e.v_init,
            )
            for e in compiled.layer_errors
        ),
        response_correlation=None if response is None else round(response[0], 4),
        response_relative_error=None if response is None else round(response[1], 4),
        golden_response_correlation=None if golden is None else round(golden[0], 4),
        golden_response_relative_error=None if golden is None else round(golden[1], 4),
        partial_sums=(
            *(() if compiled.fan_in is None else partial_sum_rows(compiled.fan_in)),
            *read_out_rows(compiled.read_outs),
        ),
        parts_response_correlation=None if parts is None else round(parts[0], 4),
        parts_response_relative_error=None if parts is None else round(parts[1], 4),
    )


def _assumptions(compiled: Compiled) -> list[str]:
    found = [
        f"activity is the mean of {len(compiled.frames)} frames: {compiled.stimulus}",
        *([compiled.pooling_cost] if compiled.pooling_cost else []),
        *(partial_sum_notes(compiled.fan_in) if compiled.fan_in is not None else []),
        *read_out_notes(compiled.read_outs),
        *saturation_notes(compiled.golden),
    ]
    models = [
        node.op.model
        for network in compiled.golden.chip_networks
        for node in network.nodes
        if isinstance(node.op, ops.Neuron) and isinstance(node.op.model, IntegerNeuron)
    ]
    if any(model.u_keep == KEEP_ONE for model in models):
        found.append(
            "the image is sent once per inference: the neurons of the first layer hold their "
            "input current without decay"
        )
    capabilities = compiled.target.neuron
    if capabilities.soft_reset == "microcode" and any(m.reset == "subtract" for m in models):
        found.append("neurons subtract their threshold when they fire, in microcode")
    if backend_of(compiled.target).rules(compiled.target).gates:
        found += gate_notes(models)
    elif any(model.payloads != (1,) for model in models):
        found.append(
            "thresholds and spike payloads follow a schedule of timesteps or of the neuron's own "
            "spikes, in microcode; no public source shows such a program on this chip"
        )
    if capabilities.frame_reset == "microcode":
        found.append(
            "neurons wait for the pipeline to reach their layer, and return to their start "
            "before every frame, in microcode"
        )
    pools = {scheme for _, scheme in pooling_schemes(compiled.golden)}
    found += [
        f"{layer} is matched by {where}"
        for layer, where in matching_rows(compiled.golden, compiled.options.recipe.matching.rule)
    ]
    if any(graph.input_mode == "bias" for graph in compiled.graphs.values()):
        found.append(
            "the host writes the image into the biases of pixel neurons before every inference; no "
            "figure says what that costs or how long it takes, so that the frame rate leaves it out"
        )
    if any(graph.slot for graph in compiled.graphs.values()):
        found.append(
            "the host can write synapses when the schedule says so; no figure says what that "
            "costs or how long it takes, so that the frame rate leaves it out"
        )
    if "microcode" in pools:
        found.append(
            "max pooling runs as a microcoded neuron with one counter per input; no public "
            "source shows such a program on this chip"
        )
    return found
