"""A lava-dl network as a user meets it: check, build, run, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.netx import CUBA, SDNN, dense, write_layers

from nmcompile.cli.main import run

ENTRY = {"type": "input", "shape": np.array([1, 3, 4]), "neuron": SDNN, "weight": 60.0}
FLAT = {"type": "flatten", "shape": np.array([12, 1, 1])}
WEIGHT = np.arange(-24, 24).reshape(4, 12)[:, ::-1] * 2
LAYERS = [ENTRY, FLAT, dense(WEIGHT, {**SDNN, "sigma_output": True})]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_layers(tmp_path_factory.mktemp("net") / "video.net", LAYERS, tSample=6, Ts=1)


@pytest.fixture(scope="module")
def built(net: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("build") / "out"
    assert run(["build", str(net), "--target", "loihi2", "-o", str(out), "-q"]) == 0
    return out


def json_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return decoded


def test_check_names_the_layers(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(net), "--target", "loihi2"]) == 0
    out = capsys.readouterr().out
    assert "layer 2 dense" in out
    assert "video.net fits loihi2" in out


def test_build_says_what_it_assumed(built: Path) -> None:
    report = json.loads((built / "report.json").read_text())
    assert report["model"]["format"] == "net"
    text = " ".join(report["assumptions"])
    assert "seeded random input" in text
    assert "a synapse takes one timestep" in text
    assert "60 x + 0" in text


def test_export_is_the_network_again(built: Path, net: Path) -> None:
    from nmcompile.frontends import load

    exported = load(built / "emit" / "netx" / "main.net").program
    assert exported.networks == load(net).program.networks
    assert "main.net" in (built / "emit" / "netx" / "README.md").read_text()


def test_run_on_a_video(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lava's order of axes; what leaves the network is the sum over the last frames' image."""
    video = np.random.default_rng(0).integers(-60, 61, (4, 3, 1, 6))
    np.save(tmp_path / "video.npy", video)
    saved = tmp_path / "out.npz"
    command = ["run", str(built), "--input", str(tmp_path / "video.npy"), "--save", str(saved)]
    assert run([*command, "--json"]) == 0
    (result,) = json_of(capsys)["result"]["networks"]
    assert result["equal"]
    output = np.load(saved)["main"]
    assert output.shape == (1, 6, 4)
    images = video.transpose().reshape(6, 12)
    # One timestep late, and in units of 64 (the 6 fractional bits of a message).
    np.testing.assert_array_equal(output[0, 1:], images[:5] @ WEIGHT.T * 64)


def test_build_on_a_file(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path does not matter, the contents do."""
    digests = []
    for name, value in (("a.npy", 1), ("b.npy", 1), ("c.npy", 2)):
        np.save(tmp_path / name, np.full((6, 1, 3, 4), value))
        command = ["build", str(net), "-t", "loihi2", "-o", str(tmp_path / "out"), "-q"]
        assert run([*command, "--input", str(tmp_path / name)]) == 0
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        digests.append(manifest["options"]["input"])
        assert "npy" not in (tmp_path / "out" / "manifest.json").read_text()
    assert digests[0] == digests[1] != digests[2]


def test_refusals(
    net: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 2)))
    broken = write_layers(tmp_path / "b.net", [dense(WEIGHT, {**CUBA, "type": "RF"})])
    out = ["-o", str(tmp_path / "out")]
    commands = {
        ("NM0145", 1): ["run", str(built), "--input", str(tmp_path / "x.npy")],
        ("NM0142", 1): ["build", str(broken), "-t", "loihi2", *out],
        ("NM0001", 2): ["build", str(net), "-t", "loihi2", "--weight-bits", "4", *out],
        ("NM0324", 3): ["check", str(net), "-t", "loihi1"],
    }
    for (code, status), command in commands.items():
        assert run([*command, "--json"]) == status, command
        assert json_of(capsys)["diagnostics"][0]["code"] == code
    assert not (tmp_path / "out").exists()


def test_images_and_numbers_exclude_each_other(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = ["--images", str(tmp_path), "--input", str(tmp_path / "x.npy")]
    assert run(["run", str(built), *both]) == 2
    assert "either images or a file" in capsys.readouterr().err


def test_no_torch(net: Path, tmp_path: Path) -> None:
    """A network of integers needs no torch, neither for a build nor for a run."""
    code = (
        "import sys; from nmcompile.cli.main import run; "
        f"status = run(['build', {str(net)!r}, '-t', 'loihi2', '-o', {str(tmp_path / 'o')!r}]) "
        f"or run(['run', {str(tmp_path / 'o')!r}]); "
        "sys.exit(status or ('torch' in sys.modules and 99))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
