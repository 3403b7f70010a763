"""Whatever Lava does, the user gets a diagnostic in time, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path

import numpy as np
import pytest
from support.mapping import line

from nmcompile.backends.loihi.lava import leftovers as lava_leftovers
from nmcompile.backends.loihi.lava import state as lava_state
from nmcompile.backends.loihi.lava.compare import LavaResult
from nmcompile.backends.loihi.lava.emit import emit_lava
from nmcompile.backends.loihi.lava.runner import run_lava
from nmcompile.diagnostics import Diagnostic, NmError

Fake = Callable[[str], Path]

FORK = """
import os, signal, subprocess, sys, time
child = "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print('up'); time.sleep(60)"
started = subprocess.Popen(
    [sys.executable, "-u", "-c", child], stdout=subprocess.PIPE, start_new_session={session}
)
started.stdout.readline()
open("pid", "w").write(str(started.pid))
{then}
"""
MEMORY = """
from multiprocessing import resource_tracker, shared_memory
piece = shared_memory.SharedMemory(create=True, size=4096)
resource_tracker.unregister(piece._name, "shared_memory")
open("piece", "w").write(piece._name.strip("/"))
"""
RESULT = """
import sys
import numpy as np
output = sys.argv[sys.argv.index("--output") + 1]
np.savez(output, process_models=np.array(["A=b"]), **{"spikes/n": np.ones((1, 2, 3), np.uint8)})
raise SystemExit(0)
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Installs a `lava` that is `code`, and returns a package that imports it."""

    def make(code: str) -> Path:
        library = tmp_path / "library" / "lava"
        library.mkdir(parents=True)
        (library / "__init__.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(library.parent))
        return emit_lava(line(), tmp_path)

    monkeypatch.setattr("nmcompile.backends.loihi.lava.runner.require_lava", lambda: ())
    monkeypatch.setattr(lava_leftovers, "TERMINATE_S", 0.3)
    return make


def run(package: Path, time_limit_s: float = 20) -> LavaResult:
    return run_lava(package, [np.zeros(3, np.uint8)], time_limit_s=time_limit_s)


def refused(package: Path, time_limit_s: float = 20) -> Diagnostic:
    """The diagnostic of a run that must fail with exit code 6."""
    with pytest.raises(NmError) as caught:
        run(package, time_limit_s)
    assert caught.value.exit_code == 6
    return caught.value.diagnostics[0]


def gone(pid: int) -> bool:
    """Whether a process has ended; one that its parent has not yet collected has."""
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "zombie" in status.read_text()


def left_behind(folder: Path) -> bool:
    """Whether the shared memory that `MEMORY` made there still exists."""
    return Path("/dev/shm", (folder / "piece").read_text()).exists()


def test_an_error_at_import_is_in_the_message(fake: Fake) -> None:
    found = refused(fake("raise ImportError('broken on purpose')"))
    assert (found.code, found.message) == ("NM0702", "lava ended with status 1")
    assert "ImportError: broken on purpose" in found.notes


def test_a_hang_ends_in_time(fake: Fake) -> None:
    package = fake("import time; print('before the hang'); time.sleep(60)")
    started = time.monotonic()
    found = refused(package, 1.0)
    assert time.monotonic() - started < 10
    assert (found.code, found.limit) == ("NM0703", "1 s")
    assert "before the hang" in found.notes


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_death_by_a_signal_is_named(fake: Fake, name: str) -> None:
    found = refused(fake(f"import os, signal; os.kill(os.getpid(), signal.{name})"))
    assert (found.code, found.message) == ("NM0702", f"lava was killed by {name}")


@pytest.mark.parametrize("session", [False, True], ids=["same group", "own session"])
@pytest.mark.parametrize("then", ["raise SystemExit(0)", "time.sleep(60)", "os.abort()"])
def test_stubborn_children_end_too(fake: Fake, tmp_path: Path, then: str, session: bool) -> None:
    found = refused(fake(FORK.format(session=session, then=then)), 1.5)
    assert found.code == ("NM0703" if "sleep" in then else "NM0702")
    assert gone(int((tmp_path / "pid").read_text()))


def test_shared_memory_of_a_crash_is_removed(fake: Fake, tmp_path: Path) -> None:
    found = refused(fake(MEMORY + "import os; os.abort()"))
    assert found.message == "lava was killed by SIGABRT"
    assert "shared memory that it left behind: 1 removed (4096 bytes)" in found.notes
    assert not left_behind(tmp_path)


def test_shared_memory_of_a_good_run_is_removed_with_a_warning(fake: Fake, tmp_path: Path) -> None:
    result = run(fake(MEMORY + RESULT))
    (warning,) = result.warnings
    assert (warning.code, warning.severity) == ("NM0710", "warning")
    assert warning.found == "1 removed (4096 bytes)"
    assert result.spikes["n"].sum() == 6
    assert not left_behind(tmp_path)


def test_shared_memory_that_stays_is_an_error(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = fake(MEMORY + RESULT)

    def refuse(path: Path) -> None:
        raise PermissionError(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        found = refused(package)
    assert (found.code, found.is_error) == ("NM0710", True)
    Path("/dev/shm", (tmp_path / "piece").read_text()).unlink()


def test_shared_memory_of_others_is_untouched(fake: Fake) -> None:
    mine = shared_memory.SharedMemory(create=True, size=64)
    try:
        refused(fake("raise SystemExit(1)"))
        assert Path("/dev/shm", mine.name.strip("/")).exists()
    finally:
        mine.close()
        mine.unlink()


def test_a_run_without_a_result(fake: Fake) -> None:
    found = refused(fake("raise SystemExit(0)"))
    assert (found.code, found.message) == ("NM0702", "lava ended without a result")


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from nmcompile.backends.loihi.lava import leftovers as lava_leftovers
from nmcompile.backends.loihi.lava import runner as lava_runner
lava_leftovers.TERMINATE_S = 0.3
lava_runner.require_lava = lambda: ()
lava_runner.run_lava(Path(sys.argv[1]), [np.zeros(3)], time_limit_s=60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_us_ends_lava(fake: Fake, tmp_path: Path, number: signal.Signals) -> None:
    package = fake(MEMORY + FORK.format(session=False, then="time.sleep(60)"))
    path = os.pathsep.join([os.environ["PYTHONPATH"], *sys.path])
    ours = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(package)],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)  # until the number is written
    ours.send_signal(number)
    assert ours.wait(20) != 0
    assert gone(int((tmp_path / "pid").read_text()))
    assert not left_behind(tmp_path)


def test_missing_lava_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NmError) as caught:
        lava_state.require_lava()
    assert (caught.value.codes, caught.value.exit_code) == (("NM0701",), 6)
    assert "lava-nc==0.10.0" in caught.value.diagnostics[0].help[0]


@pytest.mark.parametrize("found", ["0.5.1", "0.8.0rc1"])
def test_an_old_lava_is_refused(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(lava_state, "version", lambda name: found)
    with pytest.raises(NmError) as caught:
        lava_state.require_lava()
    assert (caught.value.codes, caught.value.exit_code) == (("NM0707",), 6)
    assert caught.value.diagnostics[0].found == found


@pytest.mark.parametrize(
    ("lava", "numpy", "codes"),
    [
        ("0.10.0", "1.26.4", ()),
        ("0.10.0", "2.4.6", ()),
        ("0.10.0", "2.5.0", ("NM0709",)),
        ("0.9.0", "2.0.0", ("NM0708",)),
        ("0.11.0.dev0", "2.6.0", ("NM0708", "NM0709")),
        ("1.0", "3.0.0", ("NM0708", "NM0709")),
    ],
)
def test_what_nobody_tried_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, lava: str, numpy: str, codes: tuple[str, ...]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(lava_state, "version", {"lava-nc": lava, "numpy": numpy}.__getitem__)
    found = lava_state.require_lava()
    assert tuple(d.code for d in found) == codes
    assert all(d.severity == "warning" for d in found)
