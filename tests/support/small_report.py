"""A small hand-made report: three layers on twelve cores, PSM on the host, two scales."""

from __future__ import annotations

import numpy as np

from nmcompile.diagnostics import Diagnostic
from nmcompile.ir.counters import CoreCounters, LayerCounters, NetworkCounters
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF
from nmcompile.ir.ops import Encode, Input, Neuron, Output
from nmcompile.ir.program import Program, Step
from nmcompile.report import sections
from nmcompile.report.assemble import assemble
from nmcompile.report.schema import Report
from nmcompile.target import load_target

TICKS, CORES = 18, 12
LAYERS = (
    ("conv1", 4608, 9_800, 0, 2_900_000),
    ("conv2", 2304, 4_100, 2_350_000, 0),
    ("conv3", 1152, 1_900, 1_180_000, 0),
)


def network_counters(network: str, size: float) -> NetworkCounters:
    """Counters of one inference; `size` scales the work."""
    wave = np.minimum(np.arange(1, TICKS + 1), 6)[:, None] * (1 + np.arange(CORES) % 5)[None, :]
    neurons = np.full(CORES, 672, np.int64)
    return NetworkCounters(
        network=network,
        timesteps=16,
        ticks=TICKS,
        layers=tuple(
            LayerCounters(f"{n}_if", n, neu, int(s * size), int(o * size), int(m * size), neu * 16)
            for n, neu, s, o, m in LAYERS
        ),
        cores=CoreCounters(
            sops=(wave * 6000 * size).astype(np.int64),
            zero_accesses=int(120_000 * size),
            updates_active=np.minimum(wave * 20, 672).astype(np.int64),
            neurons=neurons,
            packets_in=(wave * 40 * size).astype(np.int64),
            packets_local=int(9_000 * size),
            packets=int(31_000 * size),
            hops_east_west=int(44_000 * size),
            hops_north_south=int(17_000 * size),
            chip_crossings=0,
            host_packets=int(48_000 * size),
            link_load_max=np.full(TICKS, 210, np.int64),
            spikes=(np.arange(1, CORES + 1) * 200 * size).astype(np.int64),
            link_loads=np.arange(4 * 12, dtype=np.int64).reshape(3, 4, 4) * 100,
        ),
    )


def network(name: str) -> Network:
    """The smallest legal network; the report reads only its name and timesteps."""
    return Network(
        name, (Node("in", Input("values", (1,), 8)), Node("out", Output(), ("in",))), timesteps=16
    )


def seeing_network(name: str) -> Network:
    """A network whose first population is driven by pixels, as the counters' first layer is."""
    nodes = (
        Node("in", Input("values", (1,), 8)),
        Node("pixels", Encode("constant"), ("in",)),
        Node(f"{LAYERS[0][0]}_if", Neuron(IF(threshold=np.ones(1))), ("pixels",)),
        Node("out", Output(), (f"{LAYERS[0][0]}_if",)),
    )
    return Network(name, nodes, timesteps=16)


def correlation_counters() -> NetworkCounters:
    """The correlation, which runs on the host."""
    return NetworkCounters("match", 1, 1, (LayerCounters("psm", "psm", 289, 0, 0, 260_000, 0),))


def small_program() -> Program:
    """Template once, search on two scales, correlation and peak search on the host."""
    return Program(
        name="tiny-siamsnn",
        level="golden",
        networks=(seeing_network("template"), seeing_network("search"), network("match")),
        schedule=(
            Step("template", "on_init", "chip", network="template", writes="z"),
            Step("search", "every_frame", "chip", network="search", repeat=2),
            Step(
                "match",
                "every_frame",
                "host",
                network="match",
                repeat=2,
                reads="search",
                reason="the template changes with every sequence and a core's weights do not",
            ),
            Step(
                "peak",
                "every_frame",
                "host",
                host_ops=(("comparisons", 578), ("additions", 1200)),
                reason="arg-max over the response is not a spiking operation",
            ),
        ),
        assumptions=("pixels enter as graded spikes and are charged at every timestep",),
    )


def floor_plan(counters: NetworkCounters) -> sections.FloorPlan:
    """Twelve cores in the corner of a 16 x 8 mesh."""
    cores = counters.cores
    assert cores is not None
    x, y = tuple(i % 4 for i in range(CORES)), tuple(i // 4 for i in range(CORES))
    return sections.FloorPlan(
        columns=16,
        rows=8,
        chip_columns=16,
        chip_rows=8,
        x=x,
        y=y,
        neurons=tuple(cores.neurons.tolist()),
        axons=tuple(range(1000, 1000 + CORES)),
        uses=(
            sections.CoreUse(limit="neurons", allowed=8192, used=tuple(cores.neurons.tolist())),
            sections.CoreUse(limit="in_axons", allowed=4096, used=tuple(range(1000, 1000 + CORES))),
        ),
        sops=tuple(cores.sops.sum(axis=0).tolist()),
        packets=tuple(cores.packets_in.sum(axis=0).tolist()),
        spikes=tuple(cores.spikes.tolist()),
        link_load=tuple(range(0, 100 * 16 * 8, 100)),
        layers=("conv1", "conv2", "conv3"),
        held=tuple(0 if i < 7 else 1 if i < 10 else 2 for i in range(CORES)),
    )


def mapping(name: str, counters: NetworkCounters) -> sections.NetworkMapping:
    """The mapping of one network."""
    source = "targets/loihi2.toml: core.neurons"
    return sections.NetworkMapping(
        network=name,
        cores=CORES,
        cores_lower_bound=10,
        chips=1,
        average_hops=1.97,
        average_hops_lower_bound=1.55,
        depth_ticks=2,
        digest="c0" * 32,
        utilisation=(
            sections.Utilisation(
                limit="neurons", used=672, allowed=8192, where="core 0", source=source
            ),
            sections.Utilisation(
                limit="input axons", used=3900, allowed=4096, where="core 7", source=source
            ),
        ),
        layers=tuple(
            sections.LayerMapping(layer=n, neurons=neu, tiles=t, cores=t, pooling="")
            for (n, neu, *_), t in zip(LAYERS, (7, 3, 2), strict=True)
        ),
        floor_plan=floor_plan(counters),
    )


def small_report(program: Program, size: float = 1.0, target: str = "loihi2") -> Report:
    """The whole report; `size` scales the work of the search network."""
    template, search = network_counters("template", 0.25), network_counters("search", size)
    tracking = [
        ("boat", "float", 0.712, 0.93),
        ("boat", "integer", 0.701, 0.92),
        ("boat", "mapped", 0.701, 0.92),
        ("boat", "static box", 0.212, 0.18),
        ("boat", "random weights", 0.161, 0.12),
        ("cyclist", "float", 0.655, 0.88),
        ("cyclist", "mapped", 0.641, 0.87),
    ]
    return assemble(
        model=sections.ModelInfo(
            name="tiny-siamsnn",
            file="tiny.pt",
            format="checkpoint",
            sha256="ab" * 32,
            tracker="siamsnn",
            calibration="the model's own images",
        ),
        target=load_target(target),
        program=program,
        counted={
            "template": (template,),
            "search": (search, network_counters("search", 1.1 * size)),
            "match": (correlation_counters(),),
        },
        mapping=sections.Mapping(
            chips=1,
            cores=2 * CORES,
            cores_per_chip=120,
            networks=(mapping("template", template), mapping("search", search)),
        ),
        digests={"float": "11" * 32, "integer": "22" * 32, "golden": "33" * 32},
        accuracy=sections.Accuracy(
            stimulus="the model's own calibration images",
            frames=2,
            layers=tuple(
                sections.LayerError(
                    network="search", layer=n, correlation=c, relative_error=e, rate=r
                )
                for n, c, e, r in (
                    ("conv1", 0.997, 0.061, 0.13),
                    ("conv2", 0.991, 0.102, 0.11),
                    ("conv3", 0.984, 0.139, 0.10),
                )
            ),
            response_correlation=0.981,
            response_relative_error=0.152,
            tracking=tuple(
                sections.TrackingRow(sequence=s, level=v, mean_iou=i, precision=p, frames=100)
                for s, v, i, p in tracking
            ),
        ),
        verification=tuple(
            sections.VerificationRow(
                name=name,
                equal=True,
                compared=sections.Compared(frames=2, neurons=8064, spikes=spikes),
            )
            for name, spikes in (("template", 7_900), ("search", 31_600))
        ),
        diagnostics=(
            Diagnostic(
                code="NM0321",
                message="one core is nearly full",
                where="conv2",
                limit="4096 input axons (targets/loihi2.toml)",
                found="3900",
                severity="warning",
            ),
        ),
        manifest_digest="fe" * 32,
    )
