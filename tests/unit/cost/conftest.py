"""Round rates and one small inference, so that every expected figure can be checked by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from nmcompile.cost.rates import EnergyRates, Rates, StaticRates, TimeRates
from nmcompile.cost.workload import ChipWork, HostWork, Workload
from nmcompile.ir.counters import CoreCounters, LayerCounters, NetworkCounters
from nmcompile.units import Quantity


def joules(pico: float, low: float | None = None, high: float | None = None) -> Quantity:
    ends = [None if end is None else end * 1e-12 for end in (low, high)]
    return Quantity(pico * 1e-12, "J", "published", "paper", "", *ends)


def seconds(nano: float, low: float | None = None, high: float | None = None) -> Quantity:
    ends = [None if end is None else end * 1e-9 for end in (low, high)]
    return Quantity(nano * 1e-9, "s", "scaled", "brief", "", *ends)


@pytest.fixture
def rates() -> Rates:
    return Rates(
        EnergyRates(
            synaptic_op=joules(20, 10, 30),
            neuron_active=joules(80),
            neuron_inactive=joules(50),
            spike_in_tile=joules(2),
            hop_east_west=joules(3),
            hop_north_south=joules(4),
            chip_crossing=joules(100),
            host_packet=joules(100),
            host_op=joules(5),
        ),
        TimeRates(
            synaptic_op=seconds(1, 1, 2),
            neuron_active=seconds(4),
            neuron_inactive=seconds(2),
            hop=seconds(10),
            barrier=seconds(100),
            barrier_multi_chip=seconds(1000),
            step_min=seconds(200),
        ),
        StaticRates(
            power_per_chip=Quantity(0.1, "W", "measured", "board"),
            host_power_per_chip=Quantity(0.05, "W", "measured", "board"),
        ),
    )


@pytest.fixture
def sample() -> NetworkCounters:
    """Two ticks on two cores of 10 and 20 neurons; two layers."""
    return NetworkCounters(
        network="net",
        timesteps=2,
        ticks=2,
        layers=(
            LayerCounters("a_if", "a", 10, 7, 0, 300, 20),
            LayerCounters("b_if", "b", 20, 9, 100, 0, 40),
        ),
        cores=CoreCounters(
            sops=np.array([[100, 50], [0, 250]]),
            zero_accesses=20,
            updates_active=np.array([[5, 10], [0, 15]]),
            neurons=np.array([10, 20]),
            packets_in=np.array([[3, 4], [5, 6]]),
            packets_local=4,
            packets=18,
            hops_east_west=6,
            hops_north_south=5,
            chip_crossings=0,
            host_packets=8,
            link_load_max=np.array([1, 60]),
            spikes=np.array([7, 9]),
            link_loads=np.zeros((1, 2, 4), np.int64),
        ),
    )


@pytest.fixture
def work(sample: NetworkCounters) -> Workload:
    """The network on two scales per frame, once at the start, and an arg-max on the host."""
    return Workload(
        chip=(
            ChipWork("template", "net", "on_init", 1, (sample,)),
            ChipWork("search", "net", "every_frame", 2, (sample,)),
        ),
        host=(HostWork("peak", "every_frame", 1, (("comparisons", 40.0),), "not spiking"),),
        chips=1,
    )


@pytest.fixture
def without() -> Callable[[Rates, str, str], Rates]:
    """Rates with one entry made unknown: `without(rates, "energy", "hop_east_west")`."""

    def change(rates: Rates, table: str, name: str) -> Rates:
        old = getattr(rates, table)
        gone = Quantity(None, getattr(old, name).unit, "unknown")
        return dataclasses.replace(rates, **{table: dataclasses.replace(old, **{name: gone})})

    return change
