"""What `nmcompile check` prints, from answers made by hand."""

from __future__ import annotations

from nmcompile.build.feasibility import Fit, NetworkFit
from nmcompile.cli.fit_text import MANY_NETWORKS, fit_text
from nmcompile.report.sections import Utilisation

ALIKE = "a shortcut carries membranes"


def network(number: int) -> NetworkFit:
    limits = (
        Utilisation(
            limit="neurons", used=1000 + number, allowed=8192, where="core 1", source="the file"
        ),
        Utilisation(limit="delays", used=0, allowed=0, where="nowhere", source="another"),
    )
    layers = ({"layer": f"conv{number}", "cores": 1234, "fps": "20.5", "form": None},)
    return NetworkFit(f"net{number}", 1234, 1, limits, mapped=True, ticks=3, layers=layers)


def fit(count: int) -> Fit:
    host = tuple((f"host_{n}", ALIKE) for n in range(5))
    networks = tuple(network(n) for n in range(count))
    return Fit(networks, (*host, ("peak", "arg-max")), (), (), chips=4)


def test_few_networks_stand_one_by_one() -> None:
    lines = fit_text(fit(2)).splitlines()
    assert lines[:2] == [
        "net0: 1,234 cores on 1 chip, 3 ticks an inference",
        "layer  cores   fps  form",
    ]
    assert lines[2] == "conv0  1,234  20.5     -"
    assert "neurons  1,000    8,192   12 %  core 1" in lines
    assert "delays       0        0      -  nowhere" in lines
    assert [line for line in lines if "the file" in line] == ["neurons  the file"]


def test_many_networks_are_rows_and_limits_stand_once() -> None:
    count = MANY_NETWORKS + 1
    lines = fit_text(fit(count)).splitlines()
    assert lines[1] == "net0     1,234      1      3       1"
    assert any(line.startswith(f"{count} networks on 11,106 cores of 4 chips;") for line in lines)
    (neurons,) = [line for line in lines if line.startswith("neurons  ") and "core 1" in line]
    assert f"net{count - 1}" in neurons
    assert len(lines) < 30


def test_steps_for_the_same_reason_share_a_row() -> None:
    lines = fit_text(fit(1)).splitlines()
    assert [line for line in lines if ALIKE in line] == [f"host_0 and 4 more  {ALIKE}"]
    assert lines[-1] == "peak               arg-max"


def test_what_is_not_known_is_a_dash() -> None:
    unknown = NetworkFit("net", None, None, (), mapped=False, ticks=1)
    assert fit_text(Fit((unknown,), (), (), ())) == "net: 1 tick an inference"
