"""Nothing heavy loads for `import nmcompile` or for any `--help`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nmcompile.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
# pydantic is not among them: typer itself loads it
HEAVY = {
    "cv2",
    "dask",
    "distributed",
    "h5py",
    "imageio",
    "jinja2",
    "lava",
    "matplotlib",
    "networkx",
    "nir",
    "numba",
    "numpy",
    "safetensors",
    "scipy",
    "torch",
}


def heavy_after(program: str) -> set[str]:
    probe = f"import sys, json\n{program}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    return loaded & HEAVY


def test_importing_the_package_is_light() -> None:
    assert heavy_after("import nmcompile; nmcompile.__version__; dir(nmcompile)") == set()


@pytest.mark.parametrize("name", ["", "targets", "models", *COMMANDS])
def test_help_is_light(name: str) -> None:
    arguments = [*name.split(), "--help"]
    program = f"from nmcompile.cli.main import run\nassert run({arguments!r}) == 0"
    assert heavy_after(program) == set()
