"""The product as a stranger gets it: an installed wheel, used from another folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session", name="wheel")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # without isolation: the build backend of this environment, so no network is needed
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = out.glob("nmcompile-*.whl")
    return wheel


@pytest.fixture(scope="session", name="site")
def _site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the checkout with nothing but the wheel in it."""
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    done = subprocess.run(
        [*command, "--target", str(site), str(wheel)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return site


def installed(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import nmcompile, sys; from nmcompile.cli.main import main; "
        "print(nmcompile.__file__, file=sys.stderr); main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"},
        timeout=300,
    )


def test_the_wheel_holds_data_and_nothing_at_top_level(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"nmcompile"}
    shipped = {name.removeprefix("nmcompile/_data/") for name in names if "/_data/" in name}
    for folder, pattern in (("targets", "*.toml"), ("models", "*/card.toml")):
        for path in (ROOT / folder).glob(pattern):
            assert path.relative_to(ROOT).as_posix() in shipped
    assert "nmcompile/py.typed" in names
    assert any(name.endswith("pages/NM0603.md") for name in names)
    assert not any("__pycache__" in name for name in names)


def test_the_installed_program_finds_its_data(site: Path, tmp_path: Path) -> None:
    done = installed(site, tmp_path, "targets", "list", "--json")
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stderr.splitlines()[0]
    names = {target["name"] for target in json.loads(done.stdout)["result"]["targets"]}
    assert names >= {path.stem for path in (ROOT / "targets").glob("*.toml")}


def test_the_installed_program_finds_its_models(site: Path, tmp_path: Path) -> None:
    done = installed(site, tmp_path, "models", "list", "--json")
    assert done.returncode == 0, done.stderr
    models = json.loads(done.stdout)["result"]["models"]
    expected = {path.parent.name for path in (ROOT / "models").glob("*/card.toml")}
    assert {model["name"] for model in models} == expected
    assert all(Path(model["path"]).is_file() for model in models)


def test_the_installed_program_explains(site: Path, tmp_path: Path) -> None:
    done = installed(site, tmp_path, "explain", "NM0603")
    assert done.returncode == 0
    assert done.stdout.startswith("# NM0603")
    assert list(tmp_path.iterdir()) == []


def test_the_installed_program_builds_and_renders(site: Path, tmp_path: Path) -> None:
    """Model, target, templates and emitted modules all come out of the wheel."""
    told = installed(site, tmp_path, "models", "info", "siamsnn", "--json")
    model = json.loads(told.stdout)["result"]["path"]
    assert str(site) in model
    done = installed(site, tmp_path, "build", model, "-t", "loihi", "-o", "out", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["headline"]["verdict"] == "verified"
    assert (tmp_path / "out" / "emit" / "lava" / "search" / "network.py").is_file()
    page = installed(site, tmp_path, "report", "out", "--html", "report.html")
    assert page.returncode == 0, page.stderr
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
